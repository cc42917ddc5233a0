"""Relative positions along time, height and width, each with a table of its own (Li et al., arXiv:2112.01526, section 4.1).

B rows of a batch, h heads, L queries, S keys, D channels of a head. A row of a table is what a query's product with it adds to
its score of a key at that distance.

Scores would be B h L S numbers. Instead queries get a channel for each time slice, row and column of the keys, with what it
adds, and every key a one in its three: their product is the score with all it is to be.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from slowfast.models.transformers.grid import TokenGrid


def num_rows(num_queries: int, num_keys: int) -> int:
    """Of a table for so many places of queries and keys along an axis."""
    return 2 * max(num_queries, num_keys) - 1


def resized(table: Tensor, rows: int) -> Tensor:
    """table (R, D) -> (rows, D), interpolated where it has another number."""
    if len(table) == rows:
        return table
    return functional.interpolate(table.t()[None], size=rows, mode="linear")[0].t()


def scaled_distances(num_queries: int, num_keys: int, device: torch.device) -> Tensor:
    """Rows of a table, int64 (num_queries, num_keys), that start at 0: where one axis has fewer places than the other, they lie
    farther apart, and what is between two rows is rounded down."""
    queries, keys = torch.arange(num_queries, device=device), torch.arange(num_keys, device=device).flip(0)
    if num_keys > num_queries:
        queries = queries * num_keys // num_queries
    else:
        keys = keys * num_queries // num_keys
    return queries[:, None] + keys


def rows_between(table: Tensor, num_queries: int, num_keys: int) -> Tensor:
    """table (R, D) -> (num_queries, num_keys, D), the row of each distance."""
    return resized(table, num_rows(num_queries, num_keys))[scaled_distances(num_queries, num_keys, table.device)]


def rows_at(table: Tensor, distances: Tensor) -> Tensor:
    """table (R, D), distances int64 (queries, keys), those of queries from keys -> (queries, keys, D). Distances beyond the
    table are those at its ends."""
    middle = len(table) // 2
    return table[(distances + middle).clamp(0, len(table) - 1)]


def query_channels(
    queries: Tensor, grid: TokenGrid, time: Tensor | None, height: Tensor | None, width: Tensor | None
) -> Tensor:
    """What keys add to scores of queries (B, h, L, D), by time slice, row and column of the key: (B, h, L, N), where N is the
    number of slices, rows and columns together.

    time (T, slices, D), height (H, rows, D), width (W, columns, D): of the queries' grid, rows of the tables; None: nothing.
    Extra tokens have no place: for them it is zero.
    """
    batch, heads, _, channels = queries.shape
    places = queries[:, :, grid.extra :].reshape(batch, heads, grid.time, grid.height, grid.width, channels)
    added = [
        torch.einsum(f"bnthwc,{axis}kc->bnthwk", places, rows)
        for axis, rows in (("t", time), ("h", height), ("w", width))
        if rows is not None
    ]
    return functional.pad(torch.cat(added, -1).flatten(2, 4), (0, 0, grid.extra, 0))


def key_channels(grid: TokenGrid, *, of_time: bool, of_space: bool, like: Tensor) -> Tensor:
    """Ones where a key lies, (S, N), and zeros elsewhere; of what is asked for alone.

    like: a tensor of the type and on the device wanted.
    """
    places = torch.arange(grid.time * grid.num_places, device=like.device)
    axes = [(places // grid.num_places, grid.time)] if of_time else []
    if of_space:
        axes += [(places // grid.width % grid.height, grid.height), (places % grid.width, grid.width)]
    ones = torch.cat([index[:, None] == torch.arange(size, device=like.device) for index, size in axes], 1)
    return functional.pad(ones.to(like.dtype), (0, 0, grid.extra, 0))
