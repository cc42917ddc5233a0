"""Attention of a step to itself and to what compression has left of the steps before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from pgt.operators.compression import STRIDE, Compressing
from pgt.operators.token_attention import aged
from pgt.operators.token_memory import SeenBefore
from slowfast.models.transformers.attention import ClipAttention
from slowfast.models.transformers.grid import TokenGrid
from slowfast.models.transformers.pooled_attention import PooledAttention
from slowfast.models.transformers.relative_positions import (
    key_channels,
    num_rows,
    query_channels,
    resized,
    rows_at,
    rows_between,
)

if TYPE_CHECKING:
    _ClipAttention = ClipAttention
    _PooledAttention = PooledAttention
else:
    _ClipAttention = _PooledAttention = object  # mixed into the class of a module, which comes behind


class CompressedClipAttention(Compressing, _ClipAttention):
    """Attention across space and time."""

    age_offsets: nn.Parameter | None

    def forward(self, x: Tensor, grid: TokenGrid) -> Tensor:  # type: ignore[override]
        """x (B, L, C), the tokens of `grid` -> the same shape."""
        if not self.memory.in_step:
            return super().forward(x, grid)  # type: ignore[call-arg]
        extra, frames = grid.split(x)
        carried, carried_in = self.past.tokens.carry(self.memory, extra)
        past_keys, past_values, present = self.look_back(frames)
        before = SeenBefore(past_keys, present, carried, carried_in)
        if before.is_empty:
            return super().forward(x, grid)  # type: ignore[call-arg]
        mask = self.past.tokens.mask(
            before,
            num_slices=grid.time,
            num_extra=grid.extra,
            query_places=grid.num_places,
            key_places=grid.num_places,
            past_places=past_keys.shape[3] * past_keys.shape[4],
        )
        seen, seen_values = (
            torch.cat([carried, extra, past.flatten(2).transpose(1, 2), x[:, grid.extra :]], dim=1)
            for past in (aged(past_keys, self.age_offsets), past_values)
        )
        return self.attend(x, seen, mask, values=seen_values)


class CompressedPooledAttention(Compressing, _PooledAttention):
    """MeMViT's attention. What is compressed are pooled keys and values, before they are projected where pooling comes first,
    else behind it; poolings see their own step alone."""

    rel_pos_mem_t: Tensor
    rel_pos_mem_h: Tensor
    rel_pos_mem_w: Tensor

    def forward(self, x: Tensor, grid: TokenGrid) -> tuple[Tensor, TokenGrid]:  # type: ignore[override]
        """x (B, L, C) on a grid -> (B, Q, C'), and the grid of the queries."""
        if not self.memory.in_step:
            return super().forward(x, grid)  # type: ignore[call-arg, return-value]
        carried, carried_in = self.past.tokens.carry(self.memory, x[:, : grid.extra])
        joined, whole = torch.cat([carried, x], 1), grid._replace(extra=carried.shape[1] + grid.extra)
        sources = (joined, joined, joined) if self.style.pools_first else self.project(joined)
        queries, query_grid = self.pool_queries(sources[0][:, carried.shape[1] :], grid)
        keys, key_grid = self.pool_keys(sources[1], whole)
        values, _ = self.pool_values(sources[2], whole)
        past_keys, past_values, present = self.look_back(key_grid.split(keys)[1], key_grid.split(values)[1])
        keys, values = _beside(keys, past_keys, key_grid), _beside(values, past_values, key_grid)
        if self.style.pools_first:
            queries, keys, values = self.q(queries), self.k(keys), self.v(values)
        queries, keys, values = map(self.by_heads, (queries, keys, values))
        past_grid = TokenGrid.of(past_keys)
        mask = self.past.tokens.mask(
            SeenBefore(past_keys, present, carried, carried_in),
            num_slices=grid.time,
            num_extra=grid.extra,
            query_places=query_grid.num_places,
            key_places=key_grid.num_places,
            past_places=past_grid.num_places,
        )
        relative = self._relative_to_all(queries, query_grid, keys, key_grid, past_grid)
        return self.finish(self.mix(queries, keys, values, relative, mask), queries, query_grid), query_grid

    def _relative_to_all(
        self, queries: Tensor, query_grid: TokenGrid, keys: Tensor, key_grid: TokenGrid, past_grid: TokenGrid
    ) -> tuple[Tensor, Tensor] | None:
        """What relative positions add to queries and keys, whose order is extra tokens, the past, the step: see
        `PooledAttention.relative_channels`."""
        own, past = key_grid.extra, past_grid.num_tokens
        own_keys = torch.cat([keys[:, :, :own], keys[:, :, own + past :]], 2)
        relative = self.relative_channels(queries, query_grid, own_keys, key_grid)
        if relative is None or past == 0:
            return relative
        time, space = self.style.relative_time, self.style.relative_space
        ages = STRIDE[0] * torch.arange(past_grid.time - 1, -1, -1, device=queries.device)
        rows = torch.arange(query_grid.time, device=queries.device)[:, None] + ages
        of_past = query_channels(
            queries,
            query_grid,
            self.rel_pos_mem_t[rows.clamp(max=len(self.rel_pos_mem_t) - 1)] if time else None,
            rows_between(self.rel_pos_mem_h, query_grid.height, past_grid.height) if space else None,
            rows_between(self.rel_pos_mem_w, query_grid.width, past_grid.width) if space else None,
        )
        ones_of_past = key_channels(past_grid, of_time=time, of_space=space, like=keys).expand(*keys.shape[:2], -1, -1)
        ones = functional.pad(relative[1], (0, of_past.shape[-1]))
        ones_of_past = functional.pad(ones_of_past, (relative[0].shape[-1], 0))
        return torch.cat([relative[0], of_past], -1), torch.cat([ones[:, :, :own], ones_of_past, ones[:, :, own:]], 2)


def add_relative_positions(attention: PooledAttention, slices: int) -> None:
    """Tables for so many compressed slices. They begin with what the attention knows of its own step, of which the farthest
    stands for all that is farther."""
    spec, style = attention.spec, attention.style
    if style.relative_time:
        distances = torch.arange(spec.size[0] + STRIDE[0] * slices - 1) + STRIDE[0] // 2
        attention.register_parameter("rel_pos_mem_t", nn.Parameter(rows_at(attention.rel_pos_t.detach(), distances).clone()))
    if style.relative_space:
        for axis, name in ((1, "h"), (2, "w")):
            queries, keys = (spec.size[axis] // (pool.stride[axis] if pool else 1) for pool in (spec.queries, spec.keys))
            table = resized(attention.get_parameter(f"rel_pos_{name}").detach(), num_rows(queries, keys // STRIDE[axis]))
            attention.register_parameter(f"rel_pos_mem_{name}", nn.Parameter(table.clone()))


def _beside(x: Tensor, past: Tensor, grid: TokenGrid) -> Tensor:
    """x (B, L, C), tokens of a grid, with those of the past (B, C, F, H, W) between extra ones and the others."""
    return torch.cat([x[:, : grid.extra], past.flatten(2).transpose(1, 2), x[:, grid.extra :]], 1)
