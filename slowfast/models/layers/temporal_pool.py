"""Pooling over time."""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

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
            return x.mean(2, keepdim=True) if self.mode == "avg" else x.amax(2, keepdim=True)
        pool = F.adaptive_avg_pool3d if self.mode == "avg" else F.adaptive_max_pool3d
        return pool(x, (positions, *x.shape[3:]))

    def extra_repr(self) -> str:
        return f"mode={self.mode!r}, pathway={self.pathway}, positions={self.positions}"
