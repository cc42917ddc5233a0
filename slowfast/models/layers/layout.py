"""The order of axes in memory: (B, C, T, H, W) stored as B, T, H, W, C (channels last).

Stored so, every frame, and every place over time, is a picture in channels-last form: looking at a clip by frames, or by
places, copies nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

CHANNELS_LAST = torch.channels_last_3d


def is_channels_last(x: Tensor) -> bool:
    """Whether x (B, C, T, H, W) is stored with channels last, and not at the same time in the usual order."""
    return x.dim() == 5 and x.is_contiguous(memory_format=CHANNELS_LAST) and not x.is_contiguous()


def mean(x: Tensor, axis: int) -> Tensor:
    """Over an axis, which stays, with one entry."""
    return x.mean(axis, keepdim=True)


def maximum(x: Tensor, axis: int) -> Tensor:
    """Likewise."""
    return x.amax(axis, keepdim=True)


def reduce_time(x: Tensor, reduce: Callable[[Tensor, int], Tensor]) -> Tensor:
    """x (B, C, T, H, W) -> (B, C, 1, H, W), stored as x is. reduce: (tensor, axis) -> one entry along the axis, which stays."""
    if not is_channels_last(x):
        return reduce(x, 2)
    return reduce(x.permute(0, 2, 3, 4, 1), 1).permute(0, 4, 1, 2, 3)  # PyTorch would give its result in the usual order


def pool_time(x: Tensor, pool: Callable[[Tensor, tuple[int, int]], Tensor], positions: int) -> Tensor:
    """x (B, C, T, H, W) stored with channels last -> (B, C, positions, H, W), stored so too.

    pool: an adaptive pooling of pictures, (B, C, H, W) and a size.
    """
    batch, channels, _, height, width = x.shape
    pooled = pool(x.flatten(3), (positions, height * width)).view(batch, channels, positions, height, width)
    return pooled.contiguous(memory_format=CHANNELS_LAST)  # a copy where the device has no kernel for this order
