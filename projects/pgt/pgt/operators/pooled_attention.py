"""Attention between pooled tokens that remembers (MViT's).

The memory holds tokens as they are before they are projected and pooled. So one tensor serves attention and the pooling
convolutions, whose windows reach over the border, and it obeys the newest weights. B rows of a batch, P slices in the memory,
T slices of the step, F slices before it that keys are made of.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from pgt.operators.base import MarkovOperator
from pgt.operators.conv import convolve
from pgt.operators.pooling import padding_value, pool_windows
from pgt.operators.token_attention import aged
from pgt.operators.token_memory import SeenBefore, TokenMemory
from slowfast.models.transformers.grid import TokenGrid, join
from slowfast.models.transformers.pooled_attention import PooledAttention, SharedDepthwiseConv3d

if TYPE_CHECKING:
    _PooledAttention = PooledAttention
else:
    _PooledAttention = object  # mixed into the class of a module, which comes behind


class MarkovPooledAttention(MarkovOperator, _PooledAttention):
    """Queries come from the step; keys and values from the memory and the step, pooled together.

    reach: slices that a pooling looks to each side. Causal ones look back twice as far, and the memory holds as many slices
    more than attention looks at, so that their windows are whole.
    """

    tokens: TokenMemory
    age_offsets: nn.Parameter | None
    reach: int

    def forward(self, x: Tensor, grid: TokenGrid) -> tuple[Tensor, TokenGrid]:  # type: ignore[override]
        """x (B, L, C) on a grid -> (B, Q, C'), and the grid of the queries."""
        if not (self.memory.in_step or self.tokens.causal):
            return super().forward(x, grid)  # type: ignore[call-arg, return-value]
        extra, frames = grid.split(x)
        before = self.tokens.exchange(self.memory, frames, extra)
        past, carried = before.num_slices, before.extra.shape[1]
        joined = join(torch.cat([before.extra, extra], 1), torch.cat([aged(before.frames, self.age_offsets), frames], 2))
        whole = TokenGrid(past + grid.time, grid.height, grid.width, extra=carried + grid.extra)
        sources = (joined, joined, joined) if self.style.pools_first else self.project(joined)

        absent = _absent(before, slices=past + grid.time)
        context = min(past, 2 * self.reach if self.tokens.causal else self.reach)  # what the first query's window reaches
        queries, query_grid = self._pooled_behind(
            _newest(sources[0], whole, slices=context + grid.time, extra=grid.extra),
            grid._replace(time=context + grid.time),
            (self.pool_q, self.norm_q),
            absent=None if absent is None else absent[:, :, -context - grid.time :],
            drop=context,
        )
        lead = min(past, 2 * self.reach) if self.tokens.causal else 0
        key_pool, value_pool = (self.pool_k, self.norm_k), (self.pool_v, self.norm_v)
        keys, key_grid = self._pooled_behind(sources[1], whole, key_pool, absent=absent, drop=lead)
        values, _ = self._pooled_behind(sources[2], whole, value_pool, absent=absent, drop=lead)
        if self.style.pools_first:
            queries, keys, values = self.q(queries), self.k(keys), self.v(values)
        queries, keys, values = map(self.by_heads, (queries, keys, values))

        seen = replace(
            before,
            frames=before.frames[:, :, lead:],
            present=None if before.present is None else before.present[:, lead:],
        )
        times = torch.arange(key_grid.time, device=x.device) - seen.num_slices
        distances = times[seen.num_slices :, None] - times
        relative = self.relative_channels(queries, query_grid, keys, key_grid, distances)
        mask = self.tokens.mask(
            seen,
            num_slices=grid.time,
            num_extra=grid.extra,
            query_places=query_grid.num_places,
            key_places=key_grid.num_places,
        )
        return self.finish(self.mix(queries, keys, values, relative, mask), queries, query_grid), query_grid

    def _pooled_behind(
        self,
        x: Tensor,
        grid: TokenGrid,
        pool_and_norm: tuple[nn.Module | None, nn.Module | None],
        *,
        absent: Tensor | None,
        drop: int,
    ) -> tuple[Tensor, TokenGrid]:
        """x (B, L, C), tokens of slices of the memory and the step -> those pooled, without the first `drop` slices.

        absent: bool (B, 1, slices, 1, 1), slices that do not exist.
        """
        pool, norm = pool_and_norm
        extra, frames = grid.split(x)
        if pool is not None:
            frames = frames if absent is None else frames.masked_fill(absent, padding_value(pool))
            frames = _pool_back(pool, frames, reach=self.reach) if self.tokens.causal else pool(frames)
            if absent is not None:
                frames = frames.masked_fill(absent, 0.0)  # a maximum of nothing is no number
        frames = frames[:, :, drop:]
        return self.normed(join(extra, frames), norm), TokenGrid.of(frames, extra=grid.extra)


def _newest(x: Tensor, whole: TokenGrid, *, slices: int, extra: int) -> Tensor:
    """The last extra tokens and the last slices of x (B, L, C), the tokens of `whole`."""
    first = whole.extra + (whole.time - slices) * whole.num_places
    return torch.cat([x[:, whole.extra - extra : whole.extra], x[:, first:]], 1)


def _absent(before: SeenBefore, *, slices: int) -> Tensor | None:
    """Which slices of memory and step do not exist: bool (B, 1, slices, 1, 1); None where all do."""
    if before.present is None:
        return None
    missing = functional.pad(~before.present, (0, slices - before.num_slices), value=False)
    return missing.view(missing.shape[0], 1, slices, 1, 1)


def _pool_back(pool: nn.Module, frames: Tensor, *, reach: int) -> Tensor:
    """Pools with windows that end on their slice, padded in front alone."""
    if isinstance(pool, SharedDepthwiseConv3d):
        frames = functional.pad(frames, (0, 0, 0, 0, 2 * reach, 0))
        return convolve(pool, frames, pool.weight.repeat(pool.num_heads, 1, 1, 1, 1), None)
    return pool_windows(functional.pad(frames, (0, 0, 0, 0, 2 * reach, 0), value=padding_value(pool)), pool, right=0)
