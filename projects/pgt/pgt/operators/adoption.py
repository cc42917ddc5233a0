"""Taking over a module: the new one is another object, but has the old one's parameters, buffers, children and hooks."""

from __future__ import annotations

from typing import Any, TypeVar

from torch import nn

M = TypeVar("M", bound=nn.Module)


def take_over(cls: type[M], module: nn.Module, **attributes: Any) -> M:
    """A module of class `cls` with everything that `module` has, and further plain attributes."""
    new = cls.__new__(cls)
    new.__dict__ = module.__dict__.copy()
    for name, value in attributes.items():
        object.__setattr__(new, name, value)
    return new
