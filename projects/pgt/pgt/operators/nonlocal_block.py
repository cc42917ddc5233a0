"""Attention from a step to what was before it."""

from __future__ import annotations

from typing import Literal, Self

import torch
from torch import Tensor, nn

from pgt.memory import Cell, Memory
from pgt.operators.adoption import take_over
from slowfast.models.layers.frozen_batch_norm import FrozenBatchNorm3d
from slowfast.models.layers.nonlocal_block import NonLocalBlock

Context = Literal["memory", "memory_and_step"]
NonLocalNorm = Literal["batchnorm", "frozen_batchnorm", "layernorm", "none"]


class MarkovNonLocalBlock(NonLocalBlock):
    """A non-local block whose queries come from the step, and whose keys and values come from its memory.

    context: whether keys and values are those of the memory alone, or of memory and step. At the first step a clip attends to
    itself, as in the plain block. norm: "batchnorm" keeps the block's own norm, "frozen_batchnorm" its names and values, but
    nothing moves them any more; "layernorm" (over channels, time and space, without parameters) and "none" put another in its
    place, and its parameters go.
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
            if norm == "frozen_batchnorm":
                new.bn = _frozen(block.bn, channels)
            else:
                new.bn = nn.GroupNorm(1, channels, affine=False) if norm == "layernorm" else nn.Identity()
        return new

    def forward(self, x: Tensor) -> Tensor:
        """x (B, C, T, H, W) -> the same shape."""
        past = self.memory.exchange(self.cell, x)
        if past is None:
            return super().forward(x)
        return self.attend(x, past if self.context == "memory" else torch.cat([past, x], dim=2))


def _frozen(norm: nn.Module, channels: int) -> nn.Module:
    """A norm with the same values that never change; what is no batch norm stays."""
    if not isinstance(norm, nn.modules.batchnorm._NormBase):
        return norm
    frozen = FrozenBatchNorm3d(channels, eps=norm.eps)
    frozen.load_state_dict({name: value for name, value in norm.state_dict().items() if name in frozen.state_dict()})
    return frozen
