"""Pooling over time, and over height and width."""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from slowfast.models.layers.layout import is_channels_last, maximum, mean, pool_time, reduce_time

PoolMode = Literal["avg", "max"]


class TemporalPool(nn.Module):
    """Pools all frames of one pathway into `positions` stretches of equal length.

    Attributes are read at each forward and may be changed. pathway: which pathway the features come from; pooling does not
    depend on it, but whoever subclasses this (a memory with a length for each pathway) wants to know.
    """

    def __init__(self, *, mode: PoolMode, pathway: int, positions: int = 1) -> None:
        super().__init__()
        self.mode: PoolMode = mode
        self.pathway = pathway
        self.positions = positions

    def forward(self, x: Tensor) -> Tensor:
        """x (B, C, T, H, W) -> (B, C, positions, H, W)."""
        return self.pool(x, self.positions)

    def pool(self, x: Tensor, positions: int) -> Tensor:
        """Pools to a number of positions of the caller's choice."""
        if positions == 1:  # a plain reduction; the adaptive kernels give the same more slowly
            return reduce_time(x, mean if self.mode == "avg" else maximum)
        if is_channels_last(x):
            return pool_time(x, F.adaptive_avg_pool2d if self.mode == "avg" else F.adaptive_max_pool2d, positions)
        pool = F.adaptive_avg_pool3d if self.mode == "avg" else F.adaptive_max_pool3d
        return pool(x, (positions, *x.shape[3:]))

    def extra_repr(self) -> str:
        return f"mode={self.mode!r}, pathway={self.pathway}, positions={self.positions}"


class SpatialPool(nn.Module):
    """Slides a square window of `window` cells over each frame, step 1.

    On a map of the size that the network is trained with there is one position; on larger ones there are several, which is
    the fully convolutional test of Simonyan & Zisserman (arXiv:1409.1556, sec. 3.2). A map smaller than the window, in height
    or width, is pooled as a whole in that direction.
    """

    def __init__(self, *, mode: PoolMode, window: int) -> None:
        super().__init__()
        self.mode: PoolMode = mode
        self.window = window

    def forward(self, x: Tensor) -> Tensor:
        """x (B, C, T, H, W) -> (B, C, T, max(H - window, 0) + 1, max(W - window, 0) + 1)."""
        pool = F.avg_pool3d if self.mode == "avg" else F.max_pool3d
        return pool(x, (1, min(self.window, x.shape[3]), min(self.window, x.shape[4])), stride=1)

    def extra_repr(self) -> str:
        return f"mode={self.mode!r}, window={self.window}"
