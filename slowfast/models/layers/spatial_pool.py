"""Pooling over height and width with a window that does not grow with the picture."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from slowfast.models.layers.temporal_pool import PoolMode


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
