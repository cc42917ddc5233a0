"""Attention from a step to what was before it."""

from __future__ import annotations

from typing import Literal, Self

import torch
from torch import Tensor

from pgt.memory import Cell, Memory
from pgt.operators.adoption import take_over
from slowfast.models.layers.nonlocal_block import NonLocalBlock

Context = Literal["memory", "memory_and_step"]


class MarkovNonLocalBlock(NonLocalBlock):
    """A non-local block whose queries come from the step, and whose keys and values come from its memory.

    context: whether keys and values are those of the memory alone, or of memory and step. At the first step a clip attends to
    itself, as in the plain block.
    """

    cell: Cell
    memory: Memory
    context: Context

    @classmethod
    def adopt(cls, block: NonLocalBlock, cell: Cell, memory: Memory, *, context: Context = "memory") -> Self:
        return take_over(cls, block, cell=cell, memory=memory, context=context)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, C, T, H, W) -> the same shape."""
        past = self.memory.exchange(self.cell, x)
        if past is None:
            return super().forward(x)
        return self.attend(x, past if self.context == "memory" else torch.cat([past, x], dim=2))
