"""Attention between pooled queries and pooled keys and values (Fan et al., arXiv:2104.11227, section 3.1).

Relative positions and added queries are those of MViTv2 (Li et al., arXiv:2112.01526, section 4.1).

B rows of a batch, L tokens of the input, Q pooled queries, S pooled keys, C channels, h heads, D channels of a head.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from slowfast.models.transformers.grid import TokenGrid, join
from slowfast.models.transformers.mvit_layout import AttentionStyle, BlockSpec, PoolSpec
from slowfast.models.transformers.relative_positions import (
    key_channels,
    num_rows,
    query_channels,
    rows_at,
    rows_between,
)
from slowfast.models.transformers.spec import NORM_EPSILON

ALIGNED = 8
"""Kernels of attention want as many channels, or a multiple."""


class SharedDepthwiseConv3d(nn.Conv3d):
    """A convolution of every channel by itself, whose weights (D, 1, k, k, k) all heads share.

    It runs once for all heads, on (B, h D, T, H, W).
    """

    def __init__(self, channels: int, *, num_heads: int, pool: PoolSpec) -> None:
        """channels: of all heads together."""
        super().__init__(channels, channels, pool.kernel, stride=pool.stride, padding=pool.padding, groups=channels, bias=False)
        self.num_heads = num_heads
        self.weight = nn.Parameter(self.weight.detach()[: channels // num_heads].clone())

    def forward(self, x: Tensor) -> Tensor:
        """x (B, h D, T, H, W) -> (B, h D, T', H', W')."""
        pooled: Tensor = self._conv_forward(x, self.weight.repeat(self.num_heads, 1, 1, 1, 1), self.bias)
        return pooled


class PooledAttention(nn.Module):
    """Queries, keys and values are pooled over time, height and width, each head by itself; extra tokens are not.

    Its methods are its stages: `project` and `pool_queries`, `pool_keys`, `pool_values`, one before the other or the other way
    round, `relative_channels`, `mix`, `finish`. What gives it a memory replaces what keys and values are taken from.
    """

    def __init__(self, spec: BlockSpec, style: AttentionStyle) -> None:
        super().__init__()
        self.spec, self.style = spec, style
        self.num_heads = spec.num_heads
        channels, out = spec.channels, spec.attention_channels
        if style.relative_space:
            rows = [num_rows(*_sizes_at(axis, spec)) for axis in (1, 2)]
            self.rel_pos_h = _table(rows[0], out // spec.num_heads)
            self.rel_pos_w = _table(rows[1], out // spec.num_heads)
        if style.relative_time:
            self.rel_pos_t = _table(2 * spec.size[0] - 1, out // spec.num_heads)
        if style.pools_first or style.separate:
            self.q, self.k, self.v = (nn.Linear(channels, out, bias=style.qkv_bias) for _ in range(3))
        else:
            self.qkv = nn.Linear(channels, 3 * out, bias=style.qkv_bias)
        self.proj = nn.Linear(out, out)
        self.proj_drop = nn.Dropout(style.dropout)
        pooled = channels if style.pools_first else out
        self.pool_q, self.norm_q = _pool(spec.queries, pooled, spec.num_heads, style)
        self.pool_k, self.norm_k = _pool(spec.keys, pooled, spec.num_heads, style)
        self.pool_v, self.norm_v = _pool(spec.keys, pooled, spec.num_heads, style)

    def forward(self, x: Tensor, grid: TokenGrid) -> tuple[Tensor, TokenGrid]:
        """x (B, L, C) on a grid -> (B, Q, C'), and the grid of the queries."""
        inputs = (x, x, x) if self.style.pools_first else self.project(x)
        queries, query_grid = self.pool_queries(inputs[0], grid)
        keys, key_grid = self.pool_keys(inputs[1], grid)
        values, _ = self.pool_values(inputs[2], grid)
        if self.style.pools_first:
            queries, keys, values = self.q(queries), self.k(keys), self.v(values)
        queries, keys, values = map(self.by_heads, (queries, keys, values))
        relative = self.relative_channels(queries, query_grid, keys, key_grid)
        return self.finish(self.mix(queries, keys, values, relative), queries, query_grid), query_grid

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """x (B, L, C) -> its queries, keys and values, (B, L, C') each."""
        if self.style.pools_first or self.style.separate:
            return self.q(x), self.k(x), self.v(x)
        queries, keys, values = self.qkv(x).chunk(3, -1)
        return queries, keys, values

    def pool_queries(self, x: Tensor, grid: TokenGrid) -> tuple[Tensor, TokenGrid]:
        """x (B, L, C) -> (B, Q, C), pooled and normalised, and how they lie."""
        return self._pooled(x, grid, self.pool_q, self.norm_q)

    def pool_keys(self, x: Tensor, grid: TokenGrid) -> tuple[Tensor, TokenGrid]:
        """Likewise, (B, L, C) -> (B, S, C)."""
        return self._pooled(x, grid, self.pool_k, self.norm_k)

    def pool_values(self, x: Tensor, grid: TokenGrid) -> tuple[Tensor, TokenGrid]:
        """Likewise, (B, L, C) -> (B, S, C)."""
        return self._pooled(x, grid, self.pool_v, self.norm_v)

    def by_heads(self, x: Tensor) -> Tensor:
        """x (B, L, h D) -> (B, h, L, D)."""
        return _split(x, self.num_heads).transpose(1, 2)

    def relative_channels(
        self, queries: Tensor, query_grid: TokenGrid, keys: Tensor, key_grid: TokenGrid, distances: Tensor | None = None
    ) -> tuple[Tensor, Tensor] | None:
        """What relative positions add to queries (B, h, Q, D) and keys (B, h, S, D) so that their products hold it: channels
        (B, h, Q, N) and (B, h, S, N); None where there are none.

        distances: int64 (T, T'), of each time slice of the queries from each of the keys, in slices, where keys begin before
        the queries do; those beyond the table count as its last. None: both cover the same time.
        """
        space, time = self.style.relative_space, self.style.relative_time
        if not (space or time):
            return None
        of_time = of_height = of_width = None
        if time:
            table, sizes = self.rel_pos_t, (query_grid.time, key_grid.time)
            of_time = rows_between(table, *sizes) if distances is None else rows_at(table, distances)
        if space:
            of_height = rows_between(self.rel_pos_h, query_grid.height, key_grid.height)
            of_width = rows_between(self.rel_pos_w, query_grid.width, key_grid.width)
        added = query_channels(queries, query_grid, of_time, of_height, of_width)
        ones = key_channels(key_grid, of_time=time, of_space=space, like=keys)
        return added, ones.expand(*keys.shape[:2], -1, -1)

    def mix(
        self,
        queries: Tensor,
        keys: Tensor,
        values: Tensor,
        relative: tuple[Tensor, Tensor] | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        """queries (B, h, Q, D), keys and values (B, h, S, D) -> (B, h, Q, D).

        relative: see `relative_channels`. mask: bool, broadcast to (B, h, Q, S); false where a key is not to be looked at.
        """
        attend = functional.scaled_dot_product_attention
        if relative is None:
            return attend(queries, keys, values, attn_mask=mask)
        channels = queries.shape[-1]
        queries = torch.cat([queries * channels**-0.5, relative[0]], -1)
        keys = torch.cat([keys, relative[1]], -1)
        more = -queries.shape[-1] % ALIGNED
        queries, keys = functional.pad(queries, (0, more)), functional.pad(keys, (0, more))
        values = functional.pad(values, (0, queries.shape[-1] - channels))  # kernels want all three alike
        return attend(queries, keys, values, attn_mask=mask, scale=1.0)[..., :channels]

    def finish(self, mixed: Tensor, queries: Tensor, grid: TokenGrid) -> Tensor:
        """mixed, queries (B, h, Q, D): what the heads found, and for whom -> (B, Q, C'). grid: of the queries."""
        if self.style.adds_queries:  # extra tokens are left as they are
            mixed = torch.cat([mixed[:, :, : grid.extra], mixed[:, :, grid.extra :] + queries[:, :, grid.extra :]], 2)
        finished: Tensor = self.proj_drop(self.proj(mixed.transpose(1, 2).flatten(2)))
        return finished

    def normed(self, x: Tensor, norm: nn.Module | None) -> Tensor:
        """x (B, L, h D), pooled -> normalised, each head by itself unless they share no weights."""
        if norm is None:
            return x
        heads = 1 if self.style.mode == "conv_unshared" else self.num_heads
        normed: Tensor = norm(_split(x, heads)).flatten(2)
        return normed

    def _pooled(self, x: Tensor, grid: TokenGrid, pool: nn.Module | None, norm: nn.Module | None) -> tuple[Tensor, TokenGrid]:
        if pool is not None:
            extra, frames = grid.split(x)
            frames = pool(frames)
            x, grid = join(extra, frames), TokenGrid.of(frames, extra=grid.extra)
        return self.normed(x, norm), grid


def _pool(
    pool: PoolSpec | None, channels: int, num_heads: int, style: AttentionStyle
) -> tuple[nn.Module | None, nn.Module | None]:
    """A pooling of the channels of all heads, and the norm behind it."""
    if pool is None:
        return None, None
    if style.mode == "max":
        return nn.MaxPool3d(pool.kernel, pool.stride, pool.padding), None
    if style.mode == "avg":
        return nn.AvgPool3d(pool.kernel, pool.stride, pool.padding), None
    shared_by = num_heads if style.mode == "conv" else 1
    conv = SharedDepthwiseConv3d(channels, num_heads=shared_by, pool=pool)
    return conv, nn.LayerNorm(channels // shared_by, eps=NORM_EPSILON)


def _split(x: Tensor, num_heads: int) -> Tensor:
    """(B, L, h D) -> (B, L, h, D)."""
    return x.view(*x.shape[:2], num_heads, -1)


def _table(rows: int, channels: int) -> nn.Parameter:
    return nn.Parameter(torch.zeros(rows, channels))


def _sizes_at(axis: int, spec: BlockSpec) -> tuple[int, int]:
    """Places of queries and of keys that a table is made for, rounded down."""
    size = spec.size[axis]
    queries = size // spec.queries.stride[axis] if spec.queries else size
    keys = size // spec.keys.stride[axis] if spec.keys else size
    return queries, keys
