"""Pooling over time that remembers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from pgt.cell import Cell, accumulator
from pgt.memory import Memory
from pgt.operators.base import MarkovOperator, check_rhythm, newest, run_joined, triple
from pgt.operators.conv import with_past
from pgt.operators.squeeze_excitation import SqueezeExcitation
from pgt.state import MemoryMismatchError
from slowfast.models.layers.layout import maximum, mean, reduce_time
from slowfast.models.layers.pools import TemporalPool
from slowfast.models.layers.squeeze_excite import SqueezeExcite

PoolMode = Literal["avg", "max"]

if TYPE_CHECKING:
    _TemporalPool = TemporalPool
    _SqueezeExcite = SqueezeExcite
    _BlockSqueeze = SqueezeExcitation
    _WindowPool = nn.MaxPool3d
else:
    _TemporalPool = _SqueezeExcite = _BlockSqueeze = _WindowPool = object  # mixed into a module's class, which comes behind


def pool_memory_and_step(x: Tensor, mode: PoolMode, cell: Cell | None, memory: Memory) -> Tensor:
    """x (B, C, T, H, W) -> (B, C, 1, H, W): all frames of memory and step pooled into one.

    A cell of mode "sum" makes that the mean over every frame since the video began.
    """

    def reduce(frames: Tensor) -> Tensor:
        return reduce_time(frames, mean if mode == "avg" else maximum)

    past = memory.exchange(cell, x) if cell is not None else None
    if past is None:
        return reduce(x)
    if cell is not None and cell.mode == "sum":
        sums = past.filled(0.0)
        total, count = sums[:, :, :1], sums[:, :, 1:]
        return ((total + x.sum(2, keepdim=True, dtype=total.dtype)) / (count + x.shape[2])).to(x.dtype)
    return past.select(reduce(torch.cat([past.frames, x], dim=2)), lambda: reduce(x))


class MarkovTimePool(MarkovOperator, _TemporalPool):
    """The pooling over time in our own heads: at later steps over memory and step together.

    cell: None for a pool that looks at its own step alone. one_pass_positions: temporal positions that the pool leaves when an
    evaluation runs a whole clip in one pass.
    """

    cell: Cell | None  # type: ignore[assignment]
    one_pass_positions: int

    def forward(self, x: Tensor) -> Tensor:
        """x (B, C, T, H, W)."""
        if not (self.training or self.memory.in_step):
            return self.pool(x, self.one_pass_positions)
        return pool_memory_and_step(x, self.mode, self.cell, self.memory)


class MarkovHeadPool(MarkovOperator, _WindowPool):
    """The pooling at the end of a network that we did not write, over all of time and some of space.

    Space is pooled first, so that the memory is as small as what is left. cell: None for a pool that looks at its own step
    alone. own_forward: whether it is pooled in a way that only the module knows; then memory and step are joined first.
    """

    cell: Cell | None  # type: ignore[assignment]
    name: str
    mode: PoolMode
    own_forward: bool
    causal: bool

    def forward(self, x: Tensor) -> Tensor:
        """x (B, C, T, H, W)."""
        # Some heads pool once more behind the classifier; what the first pooling left is not to be pooled with its own past.
        if not self.memory.in_step or self.memory.is_pooled(self.name, x):
            return super().forward(x)
        return self.pool_all(x, super().forward)

    def pool_all(self, x: Tensor, plain: Any) -> Tensor:
        """All frames of memory and step pooled into one. plain: the forward of the module itself."""
        pooled: Tensor
        if not self.own_forward:
            pooled = pool_memory_and_step(self._pool_space(x), self.mode, self.cell, self.memory)
        elif self.cell is None or (past := self.memory.exchange(self.cell, x)) is None:
            pooled = plain(x)
        else:
            pooled = past.select(plain(torch.cat([past.frames, x], dim=2)), lambda: plain(x))
        # Of a single frame this may be a squeeze, behind which other pools still see frames; causal networks have none.
        self.memory.tell_pooled(x.shape[2] > 1 or self.causal)
        return pooled

    def _pool_space(self, x: Tensor) -> Tensor:
        pool: Any = self
        if isinstance(pool, nn.AdaptiveAvgPool3d | nn.AdaptiveMaxPool3d):
            size = pool.output_size
            height, width = (size, size) if isinstance(size, int) or size is None else size[1:]
            adaptive = functional.adaptive_avg_pool3d if self.mode == "avg" else functional.adaptive_max_pool3d
            return adaptive(x, (x.shape[2], height or x.shape[3], width or x.shape[4]))
        kernel, stride = ((1, *triple(value)[1:]) for value in (pool.kernel_size, pool.stride))
        return _pool(x, pool, kernel, stride)


class MarkovClipPool(MarkovHeadPool):
    """A pool without padding in time, of stride 1 or of a stride like its kernel, which may be one of three things.

    Its window covers a whole step: then it is a head, as above. Else with stride 1 it remembers kernel - 1 frames
    (`inner_cell`), so that steps together give the frames of one pass. Else its windows cross no border, and every step must
    hold whole ones. pathway: whose frames it sees.
    """

    inner_cell: Cell
    pathway: int

    def forward(self, x: Tensor) -> Tensor:
        """x (B, C, T, H, W)."""
        plain = super(MarkovHeadPool, self).forward
        if not self.memory.in_step:
            return plain(x)
        window, stride = triple(self.kernel_size)[0], triple(self.stride)[0]
        if self.memory.spans_step(window, x.shape[2], self.pathway):
            return plain(x) if self.memory.is_pooled(self.name, x) else self.pool_all(x, plain)
        if stride > 1:
            check_rhythm(self.name, x.shape[2], stride)
            return plain(x)
        past = self.memory.exchange(self.inner_cell, x)
        if past is None:
            if x.shape[2] < window:
                check_rhythm(self.name, x.shape[2], window)
            return plain(x)
        if past.begins is not None:
            raise MemoryMismatchError(
                f"{self.name}: without padding, a row that begins gives {window - 1} frames less than one that goes on; begin "
                "all videos of such a network together, with reset()"
            )
        return plain(torch.cat([past.frames, x], dim=2))


class MarkovWindowPool(MarkovOperator, _WindowPool):
    """AvgPool3d or MaxPool3d whose windows reach across the borders of steps: the memory takes the place of padding.

    At the right end of a step windows are padded, as the end of a clip is. own_forward: as in MarkovHeadPool.
    """

    own_forward: bool

    def forward(self, x: Tensor) -> Tensor:
        """x (B, C, T, H, W) -> T / stride frames."""
        past = self.memory.exchange(self.cell, x)
        kernel, stride, padding = (triple(value)[0] for value in (self.kernel_size, self.stride, self.padding))
        if self.memory.in_step:
            check_rhythm(self.cell.name, x.shape[2], stride)
        if past is None:
            return super().forward(x)
        if self.own_forward:
            context = -(-padding // stride) * stride
            return run_joined(super().forward, past, x, context=context, stride=stride, name=self.cell.name)
        left = newest(past.filled(padding_value(self)), padding)
        return pool_windows(torch.cat([left, x], dim=2), self, right=kernel - stride - padding)


class CausalWindowPool(MarkovOperator, _WindowPool):
    """AvgPool3d or MaxPool3d over windows that end on the frame itself. It remembers k - 1 frames.

    At the start of a video windows of a maximum hold fewer frames, those of a mean count zeros, as padding does.
    """

    prefix = "Causal"

    def forward(self, x: Tensor) -> Tensor:
        """x (B, C, T, H, W) -> T / stride frames."""
        stride = triple(self.stride)[0]
        return pool_windows(with_past(self, x, stride=stride, fill=padding_value(self)), self, right=0)


class AlignedPool(MarkovOperator, _WindowPool):
    """A pool that only drops frames (kernel 1 and a stride): every step must hold whole strides."""

    prefix = "Aligned"

    def forward(self, x: Tensor) -> Tensor:
        """x (B, C, T, H, W) -> T / stride frames."""
        if self.memory.in_step:
            check_rhythm(self.cell.name, x.shape[2], triple(self.stride)[0])
        self.memory.tell_pooled(False)
        return super().forward(x)


class CausalSqueeze(MarkovOperator, _SqueezeExcite):
    """Scales the channels of each frame by what was seen up to it: means over time become running means."""

    prefix = "Causal"

    def squeeze(self, x: Tensor) -> Tensor:
        """x (B, C, T, H, W) -> (B, C, T, 1, 1)."""
        return running_mean(self, x)


class CausalBlockSqueeze(MarkovOperator, _BlockSqueeze):  # type: ignore[misc, valid-type]
    """The same for fvcore's module, which the X3D of pytorchvideo is built of; its factors come from its `block`."""

    prefix = "Causal"
    block: nn.Module

    def forward(self, x: Tensor) -> Tensor:
        """x (B, C, T, H, W) -> the same shape."""
        factors: Tensor = self.block(running_mean(self, x))
        return x * factors


def running_mean(operator: MarkovOperator, x: Tensor) -> Tensor:
    """x (B, C, T, H, W) -> (B, C, T, 1, 1): for each frame the mean over space and all frames up to it."""
    frames = x.mean((3, 4), keepdim=True)
    past = operator.memory.exchange(operator.cell, frames)
    dtype = accumulator(x.dtype)
    sums = frames.cumsum(2, dtype=dtype)
    count = torch.arange(1, x.shape[2] + 1, device=x.device, dtype=dtype).view(1, 1, -1, 1, 1)
    if past is not None:
        before = past.filled(0.0)
        sums, count = sums + before[:, :, :1], count + before[:, :, 1:]
    return (sums / count).to(x.dtype)


def pool_windows(x: Tensor, pool: Any, *, right: int) -> Tensor:
    """Pools x (B, C, T, H, W) as `pool` does, but with no padding left in time and `right` frames of it at the end."""
    x = functional.pad(x, (0, 0, 0, 0, 0, right), value=padding_value(pool))
    return _pool(x, pool, triple(pool.kernel_size), triple(pool.stride))


def padding_value(pool: nn.Module) -> float:
    """What a window of the pool may see outside of a clip without noticing."""
    return float("-inf") if isinstance(pool, nn.MaxPool3d) else 0.0


def _pool(x: Tensor, pool: Any, kernel: tuple[int, ...], stride: tuple[int, ...]) -> Tensor:
    padding = (0, *triple(pool.padding)[1:])
    if isinstance(pool, nn.MaxPool3d):
        dilation = (1, *triple(pool.dilation)[1:])
        return functional.max_pool3d(x, kernel, stride, padding, dilation, pool.ceil_mode)
    return functional.avg_pool3d(x, kernel, stride, padding, pool.ceil_mode, pool.count_include_pad)
