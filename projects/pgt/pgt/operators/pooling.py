"""Pooling over time that remembers."""

from __future__ import annotations

from typing import Any, Literal, Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from pgt.memory import Cell, Memory
from pgt.operators.adoption import take_over
from slowfast.models.layers.pools import TemporalPool

PoolMode = Literal["avg", "max"]


def pool_memory_and_step(x: Tensor, mode: PoolMode, cell: Cell | None, memory: Memory) -> Tensor:
    """x (B, C, T, H, W) -> (B, C, 1, H, W): all frames of memory and step pooled into one.

    A cell of mode "sum" makes that the mean over every frame since the video began.
    """
    past = memory.exchange(cell, x) if cell is not None else None
    memory.time_is_pooled = True
    if past is None:
        return x.mean(2, keepdim=True) if mode == "avg" else x.amax(2, keepdim=True)
    if cell is not None and cell.mode == "sum":
        total, count = past[:, :, :1], past[:, :, 1:]
        return (total + x.sum(2, keepdim=True)) / (count + x.shape[2])
    joined = torch.cat([past, x], dim=2)
    return joined.mean(2, keepdim=True) if mode == "avg" else joined.amax(2, keepdim=True)


class MarkovTemporalPool(TemporalPool):
    """The pooling over time in our own heads: at later steps over memory and step together.

    one_pass_positions: temporal positions that the pool leaves when an evaluation runs a whole clip in one pass.
    """

    cell: Cell | None
    memory: Memory
    one_pass_positions: int

    @classmethod
    def adopt(cls, pool: TemporalPool, cell: Cell | None, memory: Memory, *, one_pass_positions: int = 1) -> Self:
        """`cell` is None for a pool that looks at its own step alone."""
        return take_over(cls, pool, cell=cell, memory=memory, one_pass_positions=one_pass_positions)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, C, T, H, W)."""
        if not (self.training or self.memory.in_step):
            return self.pool(x, self.one_pass_positions)
        return pool_memory_and_step(x, self.mode, self.cell, self.memory)


class MarkovHeadPool(nn.Module):
    """The pooling at the end of a network that we did not write, over all of time and some of space.

    It stands for AdaptiveAvgPool3d and AdaptiveMaxPool3d with one temporal position, and for AvgPool3d and MaxPool3d whose
    window spans a clip and moves by one frame. Space is pooled first, so that the memory is as small as what is left.
    """

    cell: Cell | None
    memory: Memory
    pool: nn.Module
    mode: PoolMode

    @classmethod
    def adopt(cls, pool: nn.Module, cell: Cell | None, memory: Memory) -> Self:
        mode = "avg" if isinstance(pool, nn.AvgPool3d | nn.AdaptiveAvgPool3d) else "max"
        return take_over(cls, pool, cell=cell, memory=memory, mode=mode, plain=pool)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, C, T, H, W)."""
        # Some heads pool once more behind the classifier; what the first pooling left is not to be pooled with its own past.
        if not self.memory.in_step or (x.shape[2] == 1 and self.memory.time_is_pooled):
            plain: Tensor = self.__dict__["plain"](x)
            return plain
        return pool_memory_and_step(self._pool_space(x), self.mode, self.cell, self.memory)

    def _pool_space(self, x: Tensor) -> Tensor:
        pool: Any = self.__dict__["plain"]
        if isinstance(pool, nn.AdaptiveAvgPool3d | nn.AdaptiveMaxPool3d):
            size = pool.output_size
            height, width = (size, size) if isinstance(size, int) or size is None else size[1:]
            adaptive = functional.adaptive_avg_pool3d if self.mode == "avg" else functional.adaptive_max_pool3d
            return adaptive(x, (x.shape[2], height or x.shape[3], width or x.shape[4]))
        kernel, stride = ((1, *_triple(value)[1:]) for value in (pool.kernel_size, pool.stride))
        padding = (0, *_triple(pool.padding)[1:])
        plain = functional.avg_pool3d if self.mode == "avg" else functional.max_pool3d
        return plain(x, kernel, stride, padding)


class MarkovWindowPool(nn.Module):
    """AvgPool3d or MaxPool3d whose windows reach across the borders of steps: the memory stands where padding stood.

    At the right end of a step windows are padded, as the end of a clip is.
    """

    cell: Cell
    memory: Memory

    @classmethod
    def adopt(cls, pool: nn.Module, cell: Cell, memory: Memory) -> Self:
        return take_over(cls, pool, cell=cell, memory=memory, plain=pool)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, C, T, H, W) -> T / stride frames."""
        pool: Any = self.__dict__["plain"]
        past = self.memory.exchange(self.cell, x)
        if past is None:
            plain: Tensor = pool(x)
            return plain
        kernel, stride, padding = (_triple(value) for value in (pool.kernel_size, pool.stride, pool.padding))
        return pool_windows(torch.cat([past, x], dim=2), pool, right=kernel[0] - stride[0] - padding[0])


def pool_windows(x: Tensor, pool: Any, *, right: int) -> Tensor:
    """Pools x (B, C, T, H, W) as `pool` does, but with no padding left in time and `right` frames of it at the end."""
    is_max = isinstance(pool, nn.MaxPool3d)
    x = functional.pad(x, (0, 0, 0, 0, 0, right), value=float("-inf") if is_max else 0.0)
    padding = (0, *_triple(pool.padding)[1:])
    function = functional.max_pool3d if is_max else functional.avg_pool3d
    return function(x, pool.kernel_size, pool.stride, padding)


def _triple(value: Any) -> tuple[int, int, int]:
    return (value, value, value) if isinstance(value, int) else (value[0], value[1], value[2])
