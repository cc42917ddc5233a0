"""Exactly causal operators: they look only back, so that any cut of a video into steps gives the same outputs.

With them the outputs of the steps equal those of one pass over the whole video, whatever the steps are (the equivalence that
MaPro, TPAMI 2024, asks of a progressive network). Their memory therefore always holds the true past: the newest frames for
windows, running sums for means over all time. Weights of a network with centred kernels fit, but then see each moment late.
"""

from __future__ import annotations

from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from pgt.memory import Cell, Memory
from pgt.operators.adoption import take_over
from pgt.operators.pooling import pool_windows
from slowfast.models.layers.squeeze_excite import SqueezeExcite


def with_past(x: Tensor, cell: Cell, memory: Memory, *, fill: float = 0.0) -> Tensor:
    """x (B, C, T, H, W) behind the frames before it, or behind padding at the start of a video."""
    past = memory.exchange(cell, x)
    if past is None:
        return functional.pad(x, (0, 0, 0, 0, cell.num_frames or 0, 0), value=fill)
    return torch.cat([past, x], dim=2)


class CausalConv3d(nn.Conv3d):
    """A convolution over time whose last tap lies on the frame itself. It remembers (k - 1) * dilation frames."""

    cell: Cell
    memory: Memory

    @classmethod
    def adopt(cls, conv: nn.Conv3d, cell: Cell, memory: Memory) -> Self:
        return take_over(cls, conv, cell=cell, memory=memory)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, C, T, H, W) -> T / stride frames."""
        joined = with_past(x, self.cell, self.memory)
        padding = (0, *self.padding[1:])
        return functional.conv3d(joined, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class CausalWindowPool(nn.Module):
    """AvgPool3d or MaxPool3d over windows that end on the frame itself. It remembers k - 1 frames."""

    cell: Cell
    memory: Memory

    @classmethod
    def adopt(cls, pool: nn.Module, cell: Cell, memory: Memory) -> Self:
        return take_over(cls, pool, cell=cell, memory=memory, plain=pool)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, C, T, H, W) -> T / stride frames."""
        pool: Any = self.__dict__["plain"]
        fill = float("-inf") if isinstance(pool, nn.MaxPool3d) else 0.0
        # At the start of a video windows of a maximum hold fewer frames, those of a mean count zeros, as padding does.
        return pool_windows(with_past(x, self.cell, self.memory, fill=fill), pool, right=0)


class CausalSqueezeExcite(SqueezeExcite):
    """Scales the channels of each frame by what was seen up to it: means over time become running means."""

    cell: Cell
    memory: Memory

    @classmethod
    def adopt(cls, module: SqueezeExcite, cell: Cell, memory: Memory) -> Self:
        return take_over(cls, module, cell=cell, memory=memory)

    def squeeze(self, x: Tensor) -> Tensor:
        """x (B, C, T, H, W) -> (B, C, T, 1, 1)."""
        frames = x.mean((3, 4), keepdim=True)
        past = self.memory.exchange(self.cell, frames)
        sums, count = frames.cumsum(2), torch.arange(1, x.shape[2] + 1, device=x.device, dtype=x.dtype).view(1, 1, -1, 1, 1)
        if past is not None:
            sums, count = sums + past[:, :, :1], count + past[:, :, 1:]
        return sums / count
