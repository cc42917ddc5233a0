"""Attention over tokens that remembers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from pgt import OptionError, ProgressiveModel, progressive, summary
from slowfast.models.transformers.attention import TimeAttention
from slowfast.models.transformers.positions import TimePositions
from tests.pgt.token_networks import FRAMES, Divided, Joint, clip, multiscale, run

NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "joint": lambda: Joint(extra=0),
    "with class token": Joint,
    "divided": Divided,
    "pooled": multiscale,
    "pooled without class token": lambda: multiscale(extra=0),
    "pooled first": lambda: multiscale(style={"pools_first": True}),
    "pooled by maxima": lambda: multiscale(style={"mode": "max", "relative_time": False}),
    "pooled in space": lambda: multiscale(kernel=1),
}
EXTRA = {kind: int(kind != "joint" and kind != "divided" and "without" not in kind) for kind in NETWORKS}
"""Class tokens, which stand in front of the others."""
WINDOW = {kind: 2 if kind.startswith("pooled") and kind != "pooled in space" else 0 for kind in NETWORKS}
"""Slices that causal poolings look back, beyond what attention does."""


def make(kind: str, **options: Any) -> ProgressiveModel:
    torch.manual_seed(0)
    network = NETWORKS[kind]().double()
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.5)
    return progressive(network, **({"step_len": 4, "overlap": 0, "memory": "last", "momentum": 0.0} | options)).eval()


KINDS = list(NETWORKS)
some_cuts = st.lists(st.integers(1, FRAMES - 1), unique=True, max_size=FRAMES - 1).map(sorted)


@settings(max_examples=40, deadline=None)
@given(cuts=some_cuts, kind=st.sampled_from(KINDS), slices=st.integers(1, FRAMES + 2))
def test_any_cut_of_causal_attention_gives_what_one_pass_gives(cuts: list[int], kind: str, slices: int) -> None:
    model, x = make(kind, operator="causal", attention_slices=slices), clip()
    extra = EXTRA[kind]
    with torch.no_grad():
        whole = model(x)
        outputs = run(model, x, cuts)
        torch.testing.assert_close(torch.cat([y[:, extra:] for y in outputs], dim=1), whole[:, extra:], rtol=0, atol=1e-12)
        for stop, y in zip([*cuts, FRAMES], outputs, strict=True):  # a class token says what it says at the end of a pass
            torch.testing.assert_close(y[:, :extra], model(x[:, :, :stop])[:, :extra], rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_causal_attention_that_remembers_all_is_block_causal_attention(kind: str) -> None:
    model, x = make(kind, operator="causal", attention_slices=FRAMES), clip()
    later = x.clone()
    later[:, :, 7:] += 1
    extra = EXTRA[kind]
    with torch.no_grad():
        same = (model(x) == model(later)).all(-1)[0, extra:].view(FRAMES, -1)
    assert same[:7].all() and not same[7:].any()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("slices", [1, 2])
def test_causal_attention_reaches_as_far_as_its_layers_stacked(kind: str, slices: int) -> None:
    model, x = make(kind, operator="causal", attention_slices=slices), clip()
    other = x.clone()
    other[:, :, 2] += 1
    extra = EXTRA[kind]
    with torch.no_grad():
        pairs = zip(run(model, x, range(1, FRAMES)), run(model, other, range(1, FRAMES)), strict=True)
        changed = [not torch.equal(one[:, extra:], two[:, extra:]) for one, two in pairs]
    assert changed == [2 <= time <= 2 + 2 * (slices + WINDOW[kind]) for time in range(FRAMES)]


@pytest.mark.parametrize("memory", ["last", "max", "avg"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("slices", [1, 3])
def test_rows_that_begin_give_what_they_give_alone(kind: str, memory: Any, slices: int) -> None:
    model, x = make(kind, memory=memory, attention_slices=slices), clip(rows=2)
    with torch.no_grad():
        model.step(x[:, :, :2])
        mixed = model.step(x[:, :, 2:4], begins=torch.tensor([False, True]))
        after = model.step(x[:, :, 4:6])
        first = run(model, x[:1, :, :6], [2, 4])
        second = run(model, x[1:, :, 2:6], [2])
    torch.testing.assert_close(mixed, torch.cat([first[1], second[0]]), rtol=0, atol=1e-12)
    torch.testing.assert_close(after, torch.cat([first[2], second[1]]), rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_there_yet_is_no_key(kind: str) -> None:
    """Of five remembered slices one exists: the step sees it and itself, as if the memory were one slice."""
    five, one = make(kind, attention_slices=5), make(kind, attention_slices=1)
    x = clip(frames=2)
    with torch.no_grad():
        torch.testing.assert_close(run(five, x, [1])[1], run(one, x, [1])[1], rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_step_is_the_plain_network(kind: str) -> None:
    model, x = make(kind), clip(frames=4)
    torch.testing.assert_close(model.step(x), model(x))


@pytest.mark.parametrize("kind", ["joint", "divided"])
def test_local_attention_sees_its_step_both_ways_and_the_memory(kind: str) -> None:
    """With one layer a step that remembers the whole step before gives what one pass over both gives."""
    torch.manual_seed(0)
    network = (Joint(depth=1, extra=0) if kind == "joint" else Divided(depth=1, has_positions=False)).double()
    model = progressive(network, step_len=4, overlap=0, memory="last", momentum=0.0, attention_slices=4).eval()
    x = clip(frames=8)
    with torch.no_grad():
        whole = model(x)
        torch.testing.assert_close(run(model, x, [4])[1], whole[:, whole.shape[1] // 2 :], rtol=0, atol=1e-12)


@pytest.mark.parametrize("memory", ["last", "max", "avg"])
def test_a_class_token_reads_those_of_steps_before(memory: Any) -> None:
    """A memory of the last step carries something one step farther with every layer, all others carry it for ever."""
    model, x = make("with class token", memory=memory), clip()
    other = x.clone()
    other[:, :, 0] += 1
    with torch.no_grad():
        pairs = zip(*(run(model, frames, range(1, FRAMES)) for frames in (x, other)), strict=True)
        changed = [not torch.equal(one[:, 0], two[:, 0]) for one, two in pairs]
    assert changed == [step <= 2 or memory != "last" for step in range(FRAMES)]


@pytest.mark.parametrize("operator", ["local", "causal"])
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_those_of_truncated_back_propagation_by_hand(kind: str, operator: Any) -> None:
    model, x = make(kind, operator=operator, attention_slices=2), clip(frames=6)

    def loss(y: Tensor) -> Tensor:
        return y.square().mean()

    sum(loss(y) for y in run(model, x, [2, 4])).backward()  # type: ignore[union-attr]
    found = [parameter.grad.clone() for parameter in model.parameters() if parameter.grad is not None]
    model.zero_grad()
    state: dict[str, Tensor] = {}
    for start in (0, 2, 4):  # each step by itself, from a state that no graph is behind
        y, state = model.functional_step(x[:, :, start : start + 2], {name: each.detach() for name, each in state.items()})
        loss(y).backward()
    by_hand = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    assert len(found) == len(by_hand) > 0
    for one, two in zip(found, by_hand, strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=1e-12)


@pytest.mark.parametrize("operator", ["local", "causal"])
@pytest.mark.parametrize("kind", KINDS)
def test_several_steps_at_once_give_what_they_give_one_by_one(kind: str, operator: Any) -> None:
    model, x = make(kind, operator=operator, attention_slices=3), clip(rows=2)
    with torch.no_grad():
        expected = run(model, x, [4, 6, 8, 10])[1:3]
        model.reset()
        model.step(x[:, :, :4])
        both = model.step(torch.cat([x[:, :, 4:6], x[:, :, 6:8]]), num_steps=2)
    torch.testing.assert_close(both, torch.cat(expected), rtol=0, atol=1e-12)


def test_offsets_of_ages_begin_as_nothing_and_learn() -> None:
    plain, aged = make("joint", attention_slices=2), make("joint", attention_slices=2, age_offsets=True)
    x = clip()
    aged.load_state_dict(plain.state_dict(), strict=False)
    for name, parameter in aged.named_parameters():
        if "age_offsets" in name:
            nn.init.zeros_(parameter)
    y = run(aged, x, [4, 8])[-1]
    torch.testing.assert_close(y, run(plain, x, [4, 8])[-1])
    y.square().mean().backward()
    grads = [parameter.grad for name, parameter in aged.named_parameters() if "age_offsets" in name]
    assert len(grads) == 2 and all(grad is not None and grad.abs().sum() > 0 for grad in grads)


def test_causal_attention_has_no_offsets_of_ages() -> None:
    with pytest.raises(OptionError, match="age_offsets"):
        make("joint", operator="causal", age_offsets=True)


@pytest.mark.parametrize("number", [0, -1, True, 1.5])
@pytest.mark.parametrize("option", ["attention_slices", "attention_every"])
def test_slices_and_blocks_are_counted_from_one(option: str, number: Any) -> None:
    with pytest.raises(OptionError, match=option):
        make("joint", **{option: number})


@pytest.mark.parametrize("kind", KINDS)
def test_every_second_attention_remembers_where_that_is_asked_for(kind: str) -> None:
    model = make(kind, attention_every=2)
    assert [path for path in model.operators if "att" in path] == [f"{'blocks.0.attn' if 'pooled' in kind else 'attentions.0'}"]
    with pytest.raises(OptionError, match="attention_every"):
        make(kind, attention_every=2, operator="causal")


def test_a_network_that_fails_half_way_is_given_back_without_offsets() -> None:
    network = Joint().double()
    names = set(network.state_dict())
    network.broken = nn.MultiheadAttention(4, 2)
    with pytest.raises(TypeError):
        progressive(network, step_len=4, overlap=0, age_offsets=True)
    assert {name for name in network.state_dict() if "broken" not in name} == names


@pytest.mark.parametrize("kind", KINDS)
def test_a_summary_counts_all_that_attention_carries(kind: str) -> None:
    model = make(kind, attention_slices=3)
    carried = summary(model, clip(frames=4)).memory_bytes
    model.step(clip(frames=4))
    assert carried == model.memory_bytes


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_carried_and_computed_does_not_grow_with_steps(kind: str) -> None:
    model, sizes = make(kind, attention_slices=3), []
    with torch.no_grad():
        for seed in range(8):
            model.step(clip(frames=2, seed=seed))
            sizes.append(model.memory_bytes)
    assert len(set(sizes)) == 1


def positions_of(rows: int, operator: Any) -> tuple[ProgressiveModel, Tensor]:
    class Placed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table, self.positions = nn.Parameter(torch.arange(rows).view(rows, 1, 1).double()), TimePositions()
            self.attention = TimeAttention(1, num_heads=1)

        def forward(self, x: Tensor) -> Tensor:
            tokens: Tensor = self.positions(torch.zeros(len(x), x.shape[2], 1, 1, dtype=x.dtype), self.table)
            self.attention(tokens)
            return tokens.flatten(1)

    return progressive(Placed().double(), step_len=4, overlap=0, memory="last", momentum=0.0, operator=operator), clip(rows=2)


def test_causal_positions_count_the_slices_of_each_row() -> None:
    model, x = positions_of(5, "causal")
    assert model.step(x[:, :, :4])[0].tolist() == [0, 1, 2, 3]
    mixed = model.step(x[:, :, :3], begins=torch.tensor([False, True]))
    assert mixed.tolist() == [[4, 0, 1], [0, 1, 2]]
    assert model(x)[0].tolist() == [number % 5 for number in range(FRAMES)]


def test_local_positions_begin_anew_with_every_step() -> None:
    model, x = positions_of(4, "local")
    assert [model.step(x[:, :, :frames])[0].tolist() for frames in (4, 4, 2)] == [[0, 1, 2, 3], [0, 1, 2, 3], [0, 1]]
