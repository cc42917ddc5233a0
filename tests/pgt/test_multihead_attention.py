"""PyTorch's own attention and encoder layers remember."""

from __future__ import annotations

import copy
import io
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from pgt import AttentionCallError, OptionError, TokenLayout, TokenLayoutError, VerificationError, progressive, summary, verify
from tests.pgt.foreign_transformers import (
    CHANNELS,
    HEADS,
    OF_PYTORCH,
    SelfAttention,
    Tokens,
    clip,
    cuts,
    encoder,
    layout,
    parts,
    run,
)
from tests.pgt.foreign_transformers import make as make_model

every_network = pytest.mark.parametrize("name", OF_PYTORCH)


def make(name: str, **options: Any) -> Any:
    build, extra = OF_PYTORCH[name]
    return make_model(build, extra, **options)


@settings(max_examples=40, deadline=None)
@given(borders=cuts(), name=st.sampled_from(sorted(OF_PYTORCH)), slices=st.integers(1, 11))
def test_any_cut_of_causal_attention_gives_what_one_pass_gives(borders: list[int], name: str, slices: int) -> None:
    model, x, extra = make(name, operator="causal", attention_slices=slices), clip(), OF_PYTORCH[name][1]
    with torch.no_grad():
        torch.testing.assert_close(parts(run(model, x, borders), extra), parts([model(x)], extra), rtol=0, atol=1e-12)


@every_network
def test_one_pass_and_the_first_step_are_the_plain_network(name: str) -> None:
    torch.manual_seed(0)
    plain, x = OF_PYTORCH[name][0]().double().eval(), clip(frames=4)
    with torch.no_grad():
        expected, model = plain(x), make(name)
        torch.testing.assert_close([model(x), model.step(x)], [expected, expected], rtol=0, atol=1e-12)


@every_network
@pytest.mark.parametrize("training", [False, True])
def test_the_past_reaches_the_next_step(name: str, training: bool) -> None:
    """In evaluation mode without gradients, too, where PyTorch would run encoder layers as one function."""
    model = make(name).train(training)
    with torch.no_grad():
        first, second = (
            run(model, clip(frames=8, seed=seed).index_fill(2, torch.arange(4, 8), 1.0), [4])[1] for seed in (0, 1)
        )
    assert (first != second).any()


@every_network
@pytest.mark.parametrize("operator", ["local", "causal"])
def test_these_networks_pass_verification(name: str, operator: Any) -> None:
    model = make(name, operator=operator)
    assert set(verify(model, clip()).remembering) == set(model.memory() or model.operators) | set(model._memory.cells)
    assert "all" in str(summary(model, clip(frames=4)))


@every_network
@pytest.mark.parametrize("memory", ["last", "max"])
def test_rows_that_begin_give_what_they_give_alone(name: str, memory: Any) -> None:
    model, x = make(name, memory=memory, attention_slices=3), clip(rows=2)
    with torch.no_grad():
        model.step(x[:, :, :2])
        mixed = model.step(x[:, :, 2:4], begins=torch.tensor([False, True]))
        expected = torch.cat([run(model, x[:1, :, :4], [2])[1], run(model, x[1:, :, 2:4], [])[0]])
    torch.testing.assert_close(mixed, expected, rtol=0, atol=1e-12)


@every_network
def test_several_steps_at_once_give_what_they_give_one_by_one(name: str) -> None:
    model, x = make(name, attention_slices=3), clip(rows=2)
    with torch.no_grad():
        expected = run(model, x, [4, 6, 8])[1:3]
        model.reset()
        model.step(x[:, :, :4])
        both = model.step(torch.cat([x[:, :, 4:6], x[:, :, 6:8]]), num_steps=2)
    torch.testing.assert_close(both, torch.cat(expected), rtol=0, atol=1e-12)


def test_weights_tell_of_what_is_remembered_first() -> None:
    model = make_model(lambda: nn.Sequential(nn.MultiheadAttention(CHANNELS, HEADS, batch_first=True)), 0)
    attention = model.network[0]
    with model._memory.step(input_shapes=((1, 4),)):
        x = torch.randn(1, 24, CHANNELS, dtype=torch.float64)
        assert attention(x, x, x)[1].shape == (1, 24, 24)
    with model._memory.step(input_shapes=((1, 4),)):
        weights = attention(x, x, x, average_attn_weights=False)[1]
    assert weights.shape == (1, HEADS, 24, 6 + 24)
    torch.testing.assert_close(weights.sum(-1), torch.ones_like(weights[..., 0]))


def test_copies_and_pickles_of_encoders_go_on_by_themselves() -> None:
    model, x = make("encoder"), clip()
    with torch.no_grad():
        model.step(x[:, :, :4])
        file = io.BytesIO()
        torch.save(model, file)
        file.seek(0)
        twins = [copy.deepcopy(model), torch.load(file, weights_only=False)]
        expected = model.step(x[:, :, 4:8])
        for twin in twins:
            torch.testing.assert_close(twin.step(x[:, :, 4:8]), expected, rtol=0, atol=0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_encoders_in_half_precision_take_steps(dtype: torch.dtype) -> None:
    model = make("encoder", attention_slices=2).to(dtype)
    with torch.no_grad():
        outputs = run(model, clip().to(dtype), [1, 4])
    assert all(y.dtype == dtype and y.isfinite().all() for y in outputs)


@pytest.mark.parametrize("operator", ["local", "causal"])
def test_steps_under_autocast_give_what_they_give_in_single_precision(operator: Any) -> None:
    model, x = make("encoder", operator=operator, attention_slices=2).float(), clip().float()
    with torch.no_grad():
        expected = run(model, x, [1, 4])
        with torch.autocast("cpu", dtype=torch.bfloat16):
            outputs = run(model, x, [1, 4])
    torch.testing.assert_close(outputs, expected, rtol=0.1, atol=0.1, check_dtype=False)


class CrossAttention(SelfAttention):
    def forward(self, x: Tensor) -> Tensor:
        return self.attention(self.norm(x), x, x)[0]  # type: ignore[no-any-return]


class Masked(SelfAttention):
    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)
        return self.attention(x, x, x, attn_mask=hidden)[0]  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("block", "words"),
    [(CrossAttention, "called with .* that are not one tensor"), (Masked, "called with attn_mask")],
    ids=["cross", "masked"],
)
def test_calls_that_no_memory_knows_are_refused_by_path(block: Any, words: str) -> None:
    model = make_model(lambda: Tokens([block(batch_first=True)]), 0)
    with pytest.raises(AttentionCallError, match=rf"^blocks\.0\.attention: {words}.*right would be: .*leave"):
        model.step(clip(frames=4))
    with pytest.raises(VerificationError, match=rf"^blocks\.0\.attention: {words}"):
        verify(model, clip())


def test_an_encoder_that_is_called_with_a_mask_of_padding_is_refused() -> None:
    class Padded(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = encoder(batch_first=True)

        def forward(self, x: Tensor) -> Tensor:
            hidden = torch.zeros(x.shape[:2], dtype=torch.bool)
            return self.encoder(x, src_key_padding_mask=hidden)  # type: ignore[no-any-return]

    model = make_model(lambda: Tokens([Padded()]), 0)
    with torch.no_grad(), pytest.raises(AttentionCallError, match="key_padding_mask"):
        model.step(clip(frames=4))


def test_tokens_that_do_not_lie_as_was_told_are_refused_with_what_would_be_right() -> None:
    model = make_model(OF_PYTORCH["encoder"][0], 0)
    words = r"^blocks\.0\.layers\.0\.self_attn: sees 25 tokens in 1 rows.*6 tokens for a time slice, 24 for 4.*tokens="
    with pytest.raises(TokenLayoutError, match=words):
        model.step(clip(frames=4))
    with pytest.raises(VerificationError, match="sees 25 tokens"):
        make_model(OF_PYTORCH["encoder"][0], 0, sample=clip())


def test_attention_of_two_sequences_is_refused_by_path() -> None:
    network = nn.Sequential(nn.MultiheadAttention(CHANNELS, HEADS, kdim=4))
    with pytest.raises(TypeError, match=r"^0: its keys or values have another width"):
        progressive(network, step_len=4, overlap=0, tokens=layout())


@pytest.mark.parametrize("tokens", [(4, 2, 3, 0), TokenLayout(0, 2, 3), TokenLayout(4, 2, 3, -1), TokenLayout(4, 2.0, 3)])  # type: ignore[arg-type]
def test_layouts_that_cannot_be_are_refused(tokens: Any) -> None:
    with pytest.raises(OptionError, match=r"tokens=.*right would be: TokenLayout"):
        make("encoder", tokens=tokens)


def test_a_shared_attention_cannot_serve_two_blocks() -> None:
    block = SelfAttention(batch_first=True)
    model = make_model(lambda: Tokens([block, block]), 0)
    with pytest.raises(RuntimeError, match=r"blocks\.0\.attention runs twice in one step"):
        model.step(clip(frames=4))


class SpaceAndTime(nn.Module):
    """Attention within frames, and along time: rows are time slices, then places."""

    def __init__(self) -> None:
        super().__init__()
        self.space, self.time = SelfAttention(batch_first=True), SelfAttention(batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        batch, frames = len(x), x.unflatten(1, (-1, 6))
        frames = self.space(frames.flatten(0, 1)).view_as(frames)
        places = self.time(frames.transpose(1, 2).flatten(0, 1)).view(batch, 6, -1, CHANNELS)
        return places.transpose(1, 2).flatten(1, 2)


def make_divided(**options: Any) -> Any:
    leave = ["blocks.0.space", "blocks.1.space"]
    return make_model(lambda: Tokens([SpaceAndTime(), SpaceAndTime()]), 0, **({"leave": leave} | options))


@settings(max_examples=15, deadline=None)
@given(borders=cuts(5), slices=st.integers(1, 4))
def test_any_cut_of_attention_along_time_gives_what_one_pass_gives(borders: list[int], slices: int) -> None:
    model, x = make_divided(operator="causal", attention_slices=slices), clip(rows=2, frames=5)
    with torch.no_grad():
        torch.testing.assert_close(torch.cat(run(model, x, borders), dim=1), model(x), rtol=0, atol=1e-12)


def test_rows_of_attention_along_time_begin_by_themselves() -> None:
    model, x = make_divided(attention_slices=2), clip(rows=2)
    with torch.no_grad():
        model.step(x[:, :, :3])
        mixed = model.step(x[:, :, 3:5], begins=torch.tensor([False, True]))
        expected = torch.cat([run(model, x[:1, :, :5], [3])[1], run(model, x[1:, :, 3:5], [])[0]])
    torch.testing.assert_close(mixed, expected, rtol=0, atol=1e-12)
    verify(model, x)


def test_attention_within_frames_is_told_to_be_left() -> None:
    with pytest.raises(TokenLayoutError, match=r"^blocks\.0\.space\.attention: .*8 rows are 4 time slices each of 2.*`leave`"):
        make_divided(leave=[]).step(clip(rows=2, frames=4))
    with pytest.raises(TokenLayoutError, match="may be 6 places each or 6 time slices each; right would be: another step"):
        make_divided(leave=[]).step(clip(rows=2, frames=6))
