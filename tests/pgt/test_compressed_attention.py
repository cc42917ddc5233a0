"""Attention whose memory is compressed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from pgt import OptionError, ProgressiveModel, UnsupportedOperatorError, progressive, summary
from tests.pgt.token_networks import CHANNELS, Divided, Joint, clip, multiscale, run

NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "joint": lambda: Joint(extra=0),
    "with class token": Joint,
    "pooled": multiscale,
    "pooled without class token": lambda: multiscale(extra=0),
    "pooled first": lambda: multiscale(style={"pools_first": True}),
    "pooled without positions": lambda: multiscale(style={"relative_time": False, "relative_space": False}),
}
KINDS = list(NETWORKS)


def make(kind: str, *, slices: int = 2, age_offsets: bool = False) -> ProgressiveModel:
    torch.manual_seed(0)
    model = progressive(
        NETWORKS[kind]().double(),
        step_len=8,
        overlap=0,
        memory="last",
        momentum=0.0,
        attention="compressed",
        attention_slices=slices,
        age_offsets=age_offsets,
    )
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.5)
    return model.eval()


def test_the_memory_has_at_most_an_eighth_of_the_bytes_of_keys_and_values() -> None:
    x, span = clip(frames=8, size=16), 8
    compressed = progressive(
        Joint(extra=0), step_len=8, overlap=0, memory="last", momentum=0, attention="compressed", attention_slices=span // 4
    ).eval()
    keys_and_values = 2 * 2 * CHANNELS * span * 8 * 8 * 4  # of two layers, for as long a time, in float32
    assert summary(compressed, x.float()).memory_bytes <= keys_and_values / 8  # type: ignore[operator]


@pytest.mark.parametrize("slices", [1, 2, 5])
@pytest.mark.parametrize("kind", KINDS)
def test_training_reads_what_evaluation_reads(kind: str, slices: int) -> None:
    model, x = make(kind, slices=slices), clip(rows=2, frames=24)
    with torch.no_grad():
        evaluated = run(model, x, [8, 16])
        trained = run(model.train(), x, [8, 16])
    for one, two in zip(evaluated, trained, strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_evaluation_carries_only_what_is_compressed(kind: str) -> None:
    model, x = make(kind), clip(frames=16)
    with torch.no_grad():
        run(model.train(), x, [8])
        before = model.memory_bytes
        model.eval().step(x[:, :, 8:])
    assert model.memory_bytes < before / 2


@pytest.mark.parametrize("kind", ["with class token", "pooled", "pooled first"])
def test_compression_learns_although_gradients_are_cut_at_every_border(kind: str) -> None:
    model, x = make(kind).train(), clip(frames=16)
    y = run(model, x, [8])[1]
    y.square().mean().backward()
    learned = ("compress", "rel_pos_mem")
    grads = {name: each.grad for name, each in model.named_parameters() if any(part in name for part in learned)}
    assert len(grads) == 2 * (6 if kind == "with class token" else 9)
    assert all(grad is not None and grad.abs().sum() > 0 for grad in grads.values())


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_over_several_steps_are_those_of_one_graph(kind: str) -> None:
    """With borders that gradients cross, what a step left is part of the graph."""
    model, x = make(kind).train(), clip(frames=24)
    x.requires_grad_()
    run(model, x, [8, 16])[2].square().mean().backward()
    assert x.grad is not None and x.grad[:, :, :16].abs().sum() == 0
    x.grad = None
    model.truncate_memory(False)
    run(model, x, [8, 16])[2].square().mean().backward()
    assert all(x.grad[:, :, start : start + 8].abs().sum() > 0 for start in (0, 8, 16))


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_rows_that_begin_give_what_they_give_alone(kind: str, training: bool) -> None:
    model, x = make(kind, slices=4).train(training), clip(rows=2, frames=24)
    with torch.no_grad():
        model.step(x[:, :, :8])
        mixed = model.step(x[:, :, 8:16], begins=torch.tensor([False, True]))
        after = model.step(x[:, :, 16:])
        first, second = run(model, x[:1], [8, 16]), run(model, x[1:, :, 8:], [8])
    torch.testing.assert_close(mixed, torch.cat([first[1], second[0]]), rtol=0, atol=1e-12)
    torch.testing.assert_close(after, torch.cat([first[2], second[1]]), rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_several_steps_at_once_give_what_they_give_one_by_one(kind: str) -> None:
    model, x = make(kind, slices=3), clip(rows=2, frames=24)
    with torch.no_grad():
        expected = run(model, x, [8, 16])[1:]
        model.reset()
        model.step(x[:, :, :8])
        both = model.step(torch.cat([x[:, :, 8:16], x[:, :, 16:]]), num_steps=2)
    torch.testing.assert_close(both, torch.cat(expected), rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_can_be_run_again_from_a_saved_memory(kind: str) -> None:
    model, x = make(kind), clip(frames=24)
    with torch.no_grad():
        run(model, x[:, :, :16], [8])
        saved = model.memory()
        expected = model.step(x[:, :, 16:])
        model.load_memory(saved)
        torch.testing.assert_close(model.step(x[:, :, 16:]), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_a_pass_without_memory_and_a_first_step_are_those_of_the_plain_network(kind: str) -> None:
    model, x = make(kind), clip(frames=4)
    plain = NETWORKS[kind]().double().eval()
    plain.load_state_dict({name: value for name, value in model.state_dict().items() if name in plain.state_dict()})
    torch.testing.assert_close(model.step(x), plain(x))
    torch.testing.assert_close(model(x), plain(x))


@pytest.mark.parametrize("options", [{"memory": "max"}, {"momentum": 0.5}, {"operator": "causal"}])
def test_what_is_no_queue_of_steps_is_refused(options: dict[str, Any]) -> None:
    usual: dict[str, Any] = {"memory": "last", "momentum": 0.0}
    with pytest.raises(OptionError, match="compressed"):
        progressive(Joint(), step_len=8, overlap=0, attention="compressed", **(usual | options))


def test_attention_along_time_alone_is_refused_by_its_path() -> None:
    with pytest.raises(UnsupportedOperatorError, match=r"attentions\.0"):
        progressive(Divided(), step_len=8, overlap=0, memory="last", momentum=0.0, attention="compressed")


def test_a_refused_network_keeps_its_parameters() -> None:
    class Half(Joint):
        def __init__(self) -> None:
            super().__init__()
            self.other: nn.Module = nn.LSTM(4, 4)

    network = Half()
    names = set(network.state_dict())
    with pytest.raises(TypeError):
        progressive(network, step_len=8, overlap=0, memory="last", momentum=0.0, attention="compressed")
    assert set(network.state_dict()) == names
