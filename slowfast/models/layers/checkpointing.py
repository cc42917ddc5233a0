"""Activation checkpointing that leaves the statistics of norms as one run makes them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Literal

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

Checkpointing = Literal["none", "stages", "blocks"]
"""Whose inputs alone are kept: nobody's, those of stem and stages, or those of every block in them."""


def checkpointed(part: nn.Module, *features: Any) -> Any:
    """What the part makes of the features; its activations are computed again in the backward pass (arXiv:1604.06174)."""
    if torch.compiler.is_compiling():  # statistics are written by the graph of the forward pass, which is not run again
        return checkpoint(part, *features, use_reentrant=False)
    return checkpoint(
        part, *features, use_reentrant=False, context_fn=lambda: (contextlib.nullcontext(), _without_statistics(part))
    )


@contextlib.contextmanager
def _without_statistics(part: nn.Module) -> Iterator[None]:
    """Norms that train still go by their batch, but do not count it a second time."""
    norms = [module for module in part.modules() if isinstance(module, _BatchNorm) and module.training]
    before = [(norm, norm.momentum, norm.num_batches_tracked) for norm in norms]
    for norm in norms:
        norm.momentum, norm.num_batches_tracked = 0.0, None
    try:
        yield
    finally:
        for norm, momentum, count in before:
            norm.momentum, norm.num_batches_tracked = momentum, count
