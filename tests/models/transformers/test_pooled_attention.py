"""Attention between pooled queries and pooled keys and values."""

import itertools

import pytest
import torch
from torch.nn import functional

from slowfast.models.transformers.grid import TokenGrid
from slowfast.models.transformers.mvit_layout import AttentionStyle, BlockSpec, PoolSpec
from slowfast.models.transformers.pooled_attention import PooledAttention, SharedDepthwiseConv3d
from slowfast.models.transformers.relative_positions import rows_at, rows_between, scaled_distances

CHANNELS, HEADS = 16, 2
RELATIVE = AttentionStyle(relative_space=True, relative_time=True)


def attention(style=RELATIVE, *, size=(4, 6, 6), queries=None, keys=None):
    torch.manual_seed(0)
    spec = BlockSpec(
        channels=CHANNELS,
        attention_channels=CHANNELS,
        out_channels=CHANNELS,
        num_heads=HEADS,
        size=size,
        queries=queries,
        keys=keys,
    )
    module = PooledAttention(spec, style).double().eval()
    for name, parameter in module.named_parameters():
        if name.startswith("rel_pos"):
            torch.nn.init.normal_(parameter)
    return module


def places(grid):
    return list(itertools.product(range(grid.time), range(grid.height), range(grid.width)))


@pytest.mark.parametrize("extra", [0, 1])
@pytest.mark.parametrize("pooling", [None, PoolSpec((3, 3, 3), (1, 2, 2)), PoolSpec((3, 3, 3), (2, 3, 3))])
def test_relative_positions_add_the_product_of_a_query_with_the_row_of_each_distance(extra, pooling):
    module = attention(size=(2, 3, 3), keys=pooling)
    grid = TokenGrid(2, 3, 3, extra)
    x = torch.randn(2, grid.num_tokens, CHANNELS, dtype=torch.float64)
    queries, keys, values = module.project(x)
    keys, key_grid = module.pool_keys(keys, grid)
    values, _ = module.pool_values(values, grid)
    queries, keys, values = map(module.by_heads, (queries, keys, values))
    scores = queries @ keys.transpose(2, 3) * (CHANNELS // HEADS) ** -0.5
    tables = (module.rel_pos_t, module.rel_pos_h, module.rel_pos_w)
    for (i, at), (j, seen) in itertools.product(enumerate(places(grid), extra), enumerate(places(key_grid), extra)):
        for axis, table in enumerate(tables):
            row = at[axis] + (key_grid[axis] - 1 - seen[axis]) * grid[axis] // key_grid[axis]
            scores[:, :, i, j] += queries[:, :, i] @ table[row]
    by_hand = module.finish(scores.softmax(-1) @ values, queries, grid)
    torch.testing.assert_close(module(x, grid)[0], by_hand)


@pytest.mark.parametrize(("num_queries", "num_keys"), [(8, 8), (14, 7), (4, 7), (5, 3), (1, 6)])
def test_distances_start_at_zero_end_within_the_table_and_fall_with_the_key(num_queries, num_keys):
    rows = scaled_distances(num_queries, num_keys, torch.device("cpu"))
    assert rows.min() == 0
    assert rows.max() < 2 * max(num_queries, num_keys) - 1
    assert (rows.diff(dim=1) < 0).all()
    assert (rows.diff(dim=0) > 0).all()


def test_as_many_queries_as_keys_have_the_middle_row_for_their_own_place():
    table = torch.randn(9, 3)
    torch.testing.assert_close(rows_between(table, 5, 5)[range(5), range(5)], table[4].expand(5, -1))
    distances = torch.arange(5)[:, None] - torch.arange(5)
    torch.testing.assert_close(rows_at(table, distances), rows_between(table, 5, 5))


def test_distances_beyond_a_table_are_those_at_its_ends():
    table = torch.randn(5, 3)
    torch.testing.assert_close(rows_at(table, torch.tensor([[-7, 7]]))[0], table[[0, 4]])


def test_step_attends_to_slices_before_it_as_one_pass_over_all_of_them_does():
    module, new, old = attention(), 2, 3
    whole = TokenGrid(old + new, 6, 6)
    x = torch.randn(2, whole.num_tokens, CHANNELS, dtype=torch.float64)
    step = TokenGrid(new, 6, 6)
    slices = torch.arange(old + new)
    queries, keys, values = map(module.by_heads, module.project(x))

    def attended(queries, grid, times):
        relative = module.relative_channels(queries, grid, keys, whole, distances=times[:, None] - slices)
        return module.finish(module.mix(queries, keys, values, relative), queries, grid)

    last = attended(queries[:, :, -step.num_tokens :], step, slices[old:])
    torch.testing.assert_close(last, attended(queries, whole, slices)[:, -step.num_tokens :])


@pytest.mark.parametrize("style", [RELATIVE, AttentionStyle()])
def test_masked_keys_are_as_if_they_were_not_there(style):
    module, grid = attention(style), TokenGrid(4, 6, 6)
    queries, keys, values = map(module.by_heads, module.project(torch.randn(1, grid.num_tokens, CHANNELS, dtype=torch.float64)))
    relative = module.relative_channels(queries, grid, keys, grid)
    seen = torch.rand(grid.num_tokens) > 0.5
    some = None if relative is None else (relative[0], relative[1][:, :, seen])
    torch.testing.assert_close(
        module.mix(queries, keys, values, relative, mask=seen[None, None, None]),
        module.mix(queries, keys[:, :, seen], values[:, :, seen], some),
    )


def test_one_convolution_of_all_heads_is_that_of_each_head():
    pool = PoolSpec((3, 3, 3), (1, 2, 2))
    conv = SharedDepthwiseConv3d(CHANNELS, num_heads=HEADS, pool=pool)
    assert conv.weight.shape == (CHANNELS // HEADS, 1, 3, 3, 3)
    x = torch.randn(2, CHANNELS, 4, 6, 6)
    rows = x.view(2 * HEADS, CHANNELS // HEADS, 4, 6, 6)
    by_head = functional.conv3d(rows, conv.weight, None, pool.stride, pool.padding, groups=CHANNELS // HEADS)
    torch.testing.assert_close(conv(x), by_head.view(2, CHANNELS, 4, 3, 3))


def test_extra_tokens_are_normalised_but_not_pooled_and_get_no_queries_added():
    style = AttentionStyle(adds_queries=True)
    module = attention(style, queries=PoolSpec((3, 3, 3), (1, 2, 2)))
    grid = TokenGrid(4, 6, 6, extra=1)
    x = torch.randn(2, grid.num_tokens, CHANNELS, dtype=torch.float64)
    pooled, new_grid = module.pool_queries(x, grid)
    assert new_grid == TokenGrid(4, 3, 3, extra=1)
    heads = x[:, 0].view(2, HEADS, -1)
    torch.testing.assert_close(pooled[:, 0], module.norm_q(heads).flatten(1))
    queries, mixed = torch.randn(2, 2, HEADS, new_grid.num_tokens, CHANNELS // HEADS, dtype=torch.float64)
    added = module.finish(mixed, queries, new_grid) - module.proj(mixed.transpose(1, 2).flatten(2))
    assert (added[:, 0].abs() < 1e-12).all()
    assert added[:, 1:].abs().min() > 0


def test_pooling_before_the_projections_gives_what_pooling_behind_them_gives_where_both_commute():
    """A pooling that every channel has the same weights for, and projections without a bias, do."""
    pool = PoolSpec((1, 2, 2), (1, 2, 2))
    outputs = []
    for first in (True, False):
        style = AttentionStyle(mode="avg", qkv_bias=False, pools_first=first, separate=True)
        outputs.append(attention(style, size=(2, 4, 4), keys=pool))
    outputs[0].load_state_dict(outputs[1].state_dict())
    x, grid = torch.randn(2, 32, CHANNELS, dtype=torch.float64), TokenGrid(2, 4, 4)
    torch.testing.assert_close(outputs[0](x, grid)[0], outputs[1](x, grid)[0])
