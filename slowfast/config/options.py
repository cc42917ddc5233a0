"""What an option is: its default, its meaning, and which values it takes."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fvcore.common.config import CfgNode

Finish = Callable[[CfgNode, frozenset[str]], None]


@dataclass(frozen=True, slots=True)
class Option:
    """One option. Its type is that of the default.

    choices: the only values it takes. minimum: the smallest number it takes. elements: the type of a list's elements, when
    the default is empty or nested lists make it unclear. no_effect: why the option is accepted but changes nothing;
    another value than the default is answered with a warning.
    """

    default: Any
    meaning: str
    choices: tuple[Any, ...] = ()
    minimum: float | None = None
    elements: type | None = None
    no_effect: str = ""

    def coerce(self, value: Any) -> Any:
        """`value` in the option's type. Raises ValueError with the reason when it does not fit."""
        value = _coerce(value, self.default, self.elements)
        if self.choices and value not in self.choices:
            raise ValueError(f"must be one of {', '.join(repr(choice) for choice in self.choices)}")
        if self.minimum is not None and value < self.minimum:
            raise ValueError(f"must be at least {self.minimum}")
        return value


@dataclass(frozen=True, slots=True)
class Section:
    """The options of one section of the config.

    finish(cfg, given) runs once all files and overrides are merged, before the config is frozen: it derives what was left
    open and raises ConfigError for values that do not go together. `given` holds the keys that somebody set, as
    "SECTION.KEY". The section with the empty name holds the keys at the top level.
    """

    name: str
    meaning: str
    options: Mapping[str, Option]
    finish: Finish | None = None
    order: int = field(default=0)
    """Sections with a higher order finish later, so that a project can rely on what the core derived."""

    def defaults(self) -> dict[str, Any]:
        return {key: option.default for key, option in self.options.items()}

    def full_key(self, key: str) -> str:
        return f"{self.name}.{key}" if self.name else key


def _coerce(value: Any, default: Any, elements: type | None) -> Any:
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise ValueError("must be True or False")
        return value
    if isinstance(default, int):
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError("must be a whole number")
        return value
    if isinstance(default, float):
        # YAML 1.1 reads 1e-4 as a string: it wants a dot before the exponent.
        if isinstance(value, str):
            value = _number(value)
        if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
            raise ValueError("must be a number")
        return float(value)
    if isinstance(default, str):
        if not isinstance(value, str):
            raise ValueError("must be a text")
        return value
    if isinstance(default, list):
        if not isinstance(value, list | tuple):
            raise ValueError("must be a list")
        return [_coerce_element(element, default, elements) for element in value]
    raise TypeError(f"options cannot have defaults of type {type(default).__name__}")


def _coerce_element(element: Any, default: list[Any], elements: type | None) -> Any:
    if elements is not None:
        example = elements()
    elif default:
        example = default[0]
    else:
        return list(element) if isinstance(element, tuple) else element
    try:
        return _coerce(element, example, None)
    except ValueError as error:
        raise ValueError(f"must be a list whose elements fit: {element!r} {error}") from None


def _number(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
