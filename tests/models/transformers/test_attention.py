"""Attention over tokens, beside PyTorch's own."""

import pytest
import torch
from torch import nn

from slowfast.models.layers.drop_path import DropPath
from slowfast.models.transformers.attention import Attention, TimeAttention
from slowfast.models.transformers.grid import TokenGrid, join


def test_attention_equals_that_of_pytorch_with_the_same_weights() -> None:
    torch.manual_seed(0)
    ours, theirs = Attention(12, num_heads=3).double(), nn.MultiheadAttention(12, 3, batch_first=True).double()
    theirs.in_proj_weight.data, theirs.in_proj_bias.data = ours.qkv.weight.data, ours.qkv.bias.data
    theirs.out_proj.load_state_dict(ours.proj.state_dict())
    x = torch.randn(2, 7, 12, dtype=torch.float64)
    torch.testing.assert_close(ours(x), theirs(x, x, x)[0])


@pytest.mark.parametrize("qkv_bias", ["all", "query_and_value", "none"])
def test_tokens_that_look_at_all_get_what_the_whole_gives(qkv_bias: str) -> None:
    torch.manual_seed(0)
    attention = Attention(8, num_heads=2, qkv_bias=qkv_bias).double()  # type: ignore[arg-type]
    for parameter in attention.parameters():
        nn.init.normal_(parameter)
    x = torch.randn(2, 6, 8, dtype=torch.float64)
    torch.testing.assert_close(attention.attend(x[:, 2:], x), attention(x)[:, 2:])
    mask = torch.ones(1, 1, 4, 6, dtype=torch.bool)
    mask[..., 5] = False
    torch.testing.assert_close(attention.attend(x[:, 2:], x, mask), attention.attend(x[:, 2:], x[:, :5]))


def test_a_bias_of_keys_changes_nothing() -> None:
    torch.manual_seed(0)
    full, partial = Attention(8, num_heads=2).double(), Attention(8, num_heads=2, qkv_bias="query_and_value").double()
    nn.init.normal_(full.qkv.bias)
    partial.load_state_dict(
        {name: value for name, value in full.state_dict().items() if name != "qkv.bias"}
        | {"q_bias": full.qkv.bias[:8], "v_bias": full.qkv.bias[16:]}
    )
    x = torch.randn(2, 6, 8, dtype=torch.float64)
    torch.testing.assert_close(full(x), partial(x))


@pytest.mark.parametrize("extra", [0, 1, 2])
def test_a_grid_puts_tokens_where_they_were(extra: int) -> None:
    grid = TokenGrid(time=2, height=3, width=4, extra=extra)
    tokens = torch.randn(2, grid.num_tokens, 5)
    extras, frames = grid.split(tokens)
    assert extras.shape == (2, extra, 5) and frames.shape == (2, 5, 2, 3, 4)
    assert torch.equal(frames[0, :, 1, 2, 3], tokens[0, extra + 1 * 12 + 2 * 4 + 3])
    assert torch.equal(join(extras, frames), tokens)


def test_drop_path_drops_whole_rows_in_training_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    drop, x = DropPath(0.25), torch.ones(20000, 2, 3)
    rows = drop(x).flatten(1)
    assert torch.equal(rows, rows[:, :1].expand_as(rows)) and set(rows.unique().tolist()) == {
        0.0,
        x.new_tensor(1 / 0.75).item(),
    }
    assert abs(rows.mean().item() - 1) < 0.02
    assert drop.eval()(x) is x


def test_attention_along_time_sees_one_place_alone() -> None:
    torch.manual_seed(0)
    attention, x = TimeAttention(8, num_heads=2).double(), torch.randn(2, 3, 4, 8, dtype=torch.float64)
    other = x.clone()
    other[1, :, 2] += 1
    changed = (attention(other) != attention(x)).any(-1)
    assert changed[1, :, 2].all() and changed.sum() == 3
