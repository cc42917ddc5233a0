"""The class token of a network with divided attention, which is told of every frame and remembers what it was told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from pgt.operators.base import MarkovOperator
from pgt.operators.pooling import pool_memory_and_step, running_mean
from slowfast.models.transformers.timesformer import ClassTokenMean

if TYPE_CHECKING:
    _ClassTokenMean = ClassTokenMean
else:
    _ClassTokenMean = object  # mixed into the class of a module, which comes behind


class MarkovClassTokenMean(MarkovOperator, _ClassTokenMean):
    """The mean over memory and step, for the one class token of a step."""

    def forward(self, x: Tensor) -> Tensor:
        """x (B, T, C), what each frame says -> (B, 1, C)."""
        return _tokens(pool_memory_and_step(_frames(x), "avg", self.cell, self.memory))


class CausalClassTokenMean(MarkovOperator, _ClassTokenMean):
    """For each frame the mean over it and all before, so that frames have class tokens of their own."""

    prefix = "Causal"

    def forward(self, x: Tensor) -> Tensor:
        """x (B, T, C), what each frame says -> the same shape."""
        return _tokens(running_mean(self, _frames(x)))


def _frames(x: Tensor) -> Tensor:
    """(B, T, C) -> (B, C, T, 1, 1)."""
    return x.transpose(1, 2)[..., None, None]


def _tokens(frames: Tensor) -> Tensor:
    """(B, C, T, 1, 1) -> (B, T, C)."""
    return frames[..., 0, 0].transpose(1, 2)
