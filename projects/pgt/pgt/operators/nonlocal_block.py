"""Attention from a step to what was before it."""

from __future__ import annotations

from typing import Literal, Self

import torch
from torch import Tensor, nn

from pgt.memory import Cell, Memory
from pgt.operators.adoption import take_over
from slowfast.models.layers.nonlocal_block import NonLocalBlock

Context = Literal["memory", "memory_and_step"]
NonLocalNorm = Literal["batchnorm", "layernorm", "none"]


class MarkovNonLocalBlock(NonLocalBlock):
    """A non-local block whose queries come from the step, and whose keys and values come from its memory.

    context: whether keys and values are those of the memory alone, or of memory and step. At the first step a clip attends to
    itself, as in the plain block. norm: "batchnorm" keeps the block's own norm; "layernorm" (over channels, time and space,
    without parameters) and "none" put another in its place, and its parameters go.
    """

    cell: Cell
    memory: Memory
    context: Context

    @classmethod
    def adopt(
        cls, block: NonLocalBlock, cell: Cell, memory: Memory, *, context: Context = "memory", norm: NonLocalNorm = "batchnorm"
    ) -> Self:
        new = take_over(cls, block, cell=cell, memory=memory, context=context)
        if norm != "batchnorm":
            channels = block.conv_out.out_channels
            new._modules = dict(block._modules)
            new.bn = nn.GroupNorm(1, channels, affine=False) if norm == "layernorm" else nn.Identity()
        return new

    def forward(self, x: Tensor) -> Tensor:
        """x (B, C, T, H, W) -> the same shape."""
        past = self.memory.exchange(self.cell, x)
        if past is None:
            return super().forward(x)
        return self.attend(x, past if self.context == "memory" else torch.cat([past, x], dim=2))
