"""How one temporal operator remembers: what it makes of its memory and the frames of a step.

B batch, C channels of the operator's input, F frames that it remembers, T frames of the step, H height, W width.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from pgt.compiling import exporting
from slowfast.models.layers.layout import is_channels_last, maximum, mean, pool_time, reduce_time

Mode = Literal["last", "max", "avg"]
CellMode = Literal["last", "max", "avg", "sum"]


@dataclass(frozen=True, slots=True)
class Cell:
    """How one operator remembers. name: its path in the network. num_frames: F; None: as many as its first step had.

    mode: "last" keeps the newest F frames: with momentum 0 nothing travels farther than the stacked kernels reach. "max" and
    "avg" pool old memory and step over time, so that every frame reaches all later steps; so does any momentum above 0.
    "sum" keeps two frames, the sum of all frames so far and their number, in float32 at least.
    momentum: share of the old memory that is mixed in, from the second step on. channels: C, where it is known beforehand.
    optional: whether a network may run without using it.
    """

    name: str
    num_frames: int | None
    mode: CellMode
    momentum: float = 0.0
    channels: int | None = None
    optional: bool = False

    def update(self, old: Tensor | None, x: Tensor) -> Tensor:
        """The new memory (B, C, F, H, W), from the old one of the same shape (None at the first step) and x (B, C, T, H, W)."""
        num_frames = (x if old is None else old).shape[2] if self.num_frames is None else self.num_frames
        if num_frames == 0:
            return x[:, :, :0].clone()
        pooled = _POOL[self.mode](old, x, num_frames)
        if old is None or self.momentum == 0:
            return pooled
        return (1 - self.momentum) * pooled + self.momentum * old

    def dtype(self, frames: torch.dtype) -> torch.dtype:
        """The type that the memory of such frames has."""
        return accumulator(frames) if self.mode == "sum" else frames


def accumulator(dtype: torch.dtype) -> torch.dtype:
    """The type in which frames are summed: half precision would stop counting at some hundreds."""
    return torch.float32 if dtype in (torch.float16, torch.bfloat16) else dtype


def _total(x: Tensor) -> Tensor:
    """The sum over time, (B, C, 1, H, W)."""
    return reduce_time(x, lambda frames, axis: frames.sum(axis, keepdim=True, dtype=accumulator(x.dtype)))


def _join(old: Tensor | None, x: Tensor) -> Tensor:
    return x if old is None else torch.cat([old, x], dim=2)


def _last(old: Tensor | None, x: Tensor, num_frames: int) -> Tensor:
    # A copy: a view of the newest frames would keep the whole activation alive until the next step.
    if x.shape[2] >= num_frames:
        return x[:, :, x.shape[2] - num_frames :].clone()
    joined = _join(old, x)[:, :, -num_frames:]
    return functional.pad(joined, (0, 0, 0, 0, num_frames - joined.shape[2], 0))  # a copy, stored as the frames are


def _max(old: Tensor | None, x: Tensor, num_frames: int) -> Tensor:
    if num_frames == 1:  # the same as below, without joining
        newest = reduce_time(x, maximum)
        return newest if old is None else torch.maximum(old, newest)
    joined = _join(old, x)
    if exporting():
        return _by_stretches(joined, num_frames, maximum)
    if is_channels_last(joined):
        return pool_time(joined, functional.adaptive_max_pool2d, num_frames)
    return functional.adaptive_max_pool3d(joined, (num_frames, joined.shape[3], joined.shape[4]))


def _avg(old: Tensor | None, x: Tensor, num_frames: int) -> Tensor:
    if num_frames == 1:
        total = _total(x)
        average = total / x.shape[2] if old is None else (total + old) / (x.shape[2] + 1)
        return average.to(x.dtype)
    joined = _join(old, x)
    if exporting():
        return _by_stretches(joined, num_frames, mean)
    if is_channels_last(joined):
        return pool_time(joined, functional.adaptive_avg_pool2d, num_frames)
    return functional.adaptive_avg_pool3d(joined, (num_frames, joined.shape[3], joined.shape[4]))


def _by_stretches(x: Tensor, count: int, reduce: Callable[[Tensor, int], Tensor]) -> Tensor:
    """What adaptive pooling over time gives, which other programs have no operator for: frames of `count` stretches of equal
    lengths, or nearly, that may share a frame."""
    length = x.shape[2]
    borders = [(number * length // count, -(-(number + 1) * length // count)) for number in range(count)]
    return torch.cat([reduce(x[:, :, start:stop], 2) for start, stop in borders], dim=2)


def _sum(old: Tensor | None, x: Tensor, num_frames: int) -> Tensor:
    total = _total(x)
    new = torch.cat([total, torch.full_like(total, x.shape[2])], dim=2)
    return new if old is None else old + new


_POOL = {"last": _last, "max": _max, "avg": _avg, "sum": _sum}
