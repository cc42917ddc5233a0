"""Attention from a step to what was before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import torch
from torch import Tensor, nn

from pgt.operators.base import MarkovOperator
from slowfast.models.layers.nonlocal_block import NonLocalBlock
from slowfast.models.layers.norm import FrozenBatchNorm3d

Context = Literal["memory", "memory_and_step"]
NonLocalNorm = Literal["batchnorm", "frozen_batchnorm", "layernorm", "none"]

if TYPE_CHECKING:
    _NonLocalBlock = NonLocalBlock
else:
    _NonLocalBlock = object  # mixed into the class of a module, which comes behind


class MarkovAttention(MarkovOperator, _NonLocalBlock):
    """A non-local block whose queries come from the step, and whose keys and values come from its memory.

    context: whether keys and values are those of the memory alone, or of memory and step. At the first step a clip attends to
    itself, as in the plain block.
    """

    norms_of: ClassVar = {"conv_out": "bn"}
    context: Context

    def forward(self, x: Tensor) -> Tensor:
        """x (B, C, T, H, W) -> the same shape."""
        past = self.memory.exchange(self.cell, x)
        if past is None:
            return super().forward(x)
        seen = past.frames if self.context == "memory" else torch.cat([past.frames, x], dim=2)
        # Rows that begin attend to themselves alone: to them zeros in the memory would be keys like any other.
        return self.finish(x, past.select(self.mix(x, seen), lambda: self.mix(x)))


def replace_norm(block: NonLocalBlock, norm: NonLocalNorm) -> None:
    """ "batchnorm" keeps the block's own norm; "frozen_batchnorm" holds its statistics and scales still; "layernorm" (over
    channels, time and space, without parameters) and "none" put another in its place, and its parameters go."""
    channels = block.conv_out.out_channels
    if norm == "frozen_batchnorm" and isinstance(block.bn, nn.modules.batchnorm._NormBase):  # not where there is none
        frozen = FrozenBatchNorm3d(channels, eps=block.bn.eps)
        frozen.load_state_dict({name: value for name, value in block.bn.state_dict().items() if name in frozen.state_dict()})
        block.bn = frozen
    elif norm == "layernorm":
        block.bn = nn.GroupNorm(1, channels, affine=False)
    elif norm == "none":
        block.bn = nn.Identity()
