"""Yardsticks compute what those compute whose ways they restate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from pgt import StepSchedule
from slowfast.config import load_config
from slowfast.models import build_model
from slowfast.models.layers.norm import FrozenBatchNorm3d
from slowfast.models.normalize import Normalizer
from slowfast.models.pathways import PathwayPicker
from tests.benchmarks.conftest import contender
from tests.golden_weights import damping, draw, seeded_input
from tests.pgt.test_golden import SLOW_R50

EVERY_NETWORK = ("slow", "slowfast", "x3d", "regnet")


def plain_name(name: str) -> str:
    """Of a parameter, without the modules that remember around it."""
    return name.replace(".inner", "")


def load_plain(model: nn.Module, state: dict[str, torch.Tensor]) -> None:
    model.load_state_dict({name: state[plain_name(name)] for name in model.state_dict()})


# PySlowFast's clips


def same_start(bench: Any, network: str, norm: str) -> tuple[Any, Any]:
    """PySlowFast's training and ours, of the same weights on the same frames, without dropout."""
    other, own = (
        contender(bench, name, network, norm, options=("MODEL.DROPOUT_RATE", 0.0))
        for name in (bench.ways.THEIR_CLIP, bench.ways.OUR_CLIP)
    )
    for buffer in other.model.buffers():
        if buffer.is_floating_point():
            buffer.uniform_(0.5, 1.5)
    own.model.load_state_dict(other.model.state_dict())
    cfg = bench.ways.config(bench.ways.Way(name=""), network, norm=norm, crop=32, batch=2, tiny=True)
    other.pathways = [Normalizer.from_cfg(cfg)(frames) for frames in PathwayPicker.from_cfg(cfg).pick(own.batch.frames)]
    return other, own


@pytest.mark.parametrize("network", EVERY_NETWORK)
@pytest.mark.parametrize("norm", ["frozen_batchnorm", "batchnorm"])
def test_pyslowfast_s_iteration_makes_the_update_of_ours(bench: Any, network: str, norm: str) -> None:
    other, own = same_start(bench, network, norm)
    for solver in (other.optimizer, own.updater._optimizer):
        for group in solver.param_groups:
            group["lr"] = 0.05
    before = {name: parameter.detach().clone() for name, parameter in own.model.named_parameters()}
    other.run(), own.run()
    their_state = other.model.state_dict()
    for name, value in own.model.state_dict().items():
        torch.testing.assert_close(
            their_state[name], value, rtol=1e-3, atol=1e-4, msg=lambda text, name=name: f"{name}: {text}"
        )
    moved = [name for name, parameter in own.model.named_parameters() if not torch.equal(parameter, before[name])]
    assert len(moved) > len(before) / 2


@pytest.mark.parametrize("network", EVERY_NETWORK)
def test_pyslowfast_s_norms_and_activations_are_unfolded(bench: Any, network: str) -> None:
    kinds = {type(module) for module in contender(bench, bench.ways.THEIR_CLIP, network).model.modules()}
    assert bench.yardsticks.UnfoldedNorm in kinds
    assert not kinds & {FrozenBatchNorm3d, nn.SiLU}
    kinds = {type(module) for module in contender(bench, bench.ways.THEIR_CLIP, network, "batchnorm").model.modules()}
    assert nn.BatchNorm3d in kinds


def test_unfolded_norm_equals_the_frozen_one(bench: Any) -> None:
    norm = FrozenBatchNorm3d(4)
    for buffer in norm.buffers():
        buffer.copy_(torch.rand(4) + 0.5)
    x = torch.randn(2, 4, 3, 5, 5)
    torch.testing.assert_close(bench.yardsticks.UnfoldedNorm(norm)(x), norm(x))


def test_swish_of_the_yardstick_has_the_gradient_of_silu(bench: Any) -> None:
    x = torch.randn(50, dtype=torch.double, requires_grad=True)
    [wanted] = torch.autograd.grad(F.silu(x).square().sum(), x)
    [found] = torch.autograd.grad(bench.yardsticks.Swish()(x).square().sum(), x)
    torch.testing.assert_close(found, wanted)


# The release's steps


CUT = StepSchedule(8, 1, 3)


def released_slow(bench: Any, **memory: Any) -> nn.Module:
    """Slow R50 as the release ran it when its numbers were written down, with the same weights."""
    model = build_model(load_config(None, [part for item in SLOW_R50.items() for part in item]))
    bench.yardsticks.as_others_run(model)
    bench.yardsticks.remember(model, CUT.overlap, bench.yardsticks.Memory(**memory))
    state = model.state_dict()
    factors = damping(map(plain_name, state), "pgt")
    for name, tensor in state.items():
        tensor.copy_(torch.from_numpy(draw(plain_name(name), tuple(tensor.shape)) * factors[plain_name(name)]))
    return model


@pytest.mark.parametrize(
    ("case", "memory"),
    [
        ("slow_last_m0_head", {"kind": "last", "momentum": 0.0}),
        ("slow_max_m025_head", {"kind": "max", "momentum": 0.25}),
        ("slow_avg_m025_head", {"kind": "avg", "momentum": 0.25}),
        ("slow_last_m0_nohead", {"kind": "last", "momentum": 0.0, "pools": False}),
    ],
)
def test_steps_of_the_release_have_the_numbers_of_its_own_code(
    bench: Any, golden_dir: Path, case: str, memory: dict[str, Any]
) -> None:
    golden = json.loads((golden_dir / "pgt" / f"{case}.json").read_text())
    model, clip = released_slow(bench, **memory), seeded_input(11, (2, 3, 22, 64, 64))
    with torch.no_grad():
        scores = torch.stack([model.eval()([clip[:, :, start:stop]]) for start, stop in CUT.ranges()])
    np.testing.assert_allclose(scores, golden["eval"]["steps"], rtol=0, atol=1e-5)
    bench.yardsticks.forget(model)
    targets = torch.from_numpy(np.random.RandomState(7).randint(0, 2, (2, 3, 157))).float()
    for step, (start, stop) in enumerate(CUT.ranges()):
        logits = model.train()([clip[:, :, start:stop]])
        loss = binary_cross_entropy_with_logits(logits, targets[:, step])
        loss.backward()
        np.testing.assert_allclose(logits.detach(), golden["train"]["logits"][step], rtol=0, atol=5e-5)
        assert float(loss.detach()) == pytest.approx(golden["train"]["losses"][step], abs=1e-6)
    for name, parameter in model.named_parameters():
        assert float(parameter.grad.norm()) == pytest.approx(golden["train"]["grad_norm"][plain_name(name)], rel=1e-3), name


@pytest.mark.parametrize("network", ["slow", "slowfast", "x3d"])
def test_first_step_of_the_release_is_a_clip(bench: Any, network: str) -> None:
    steps, clip = contender(bench, bench.ways.theirs(5), network), contender(bench, bench.ways.THEIR_CLIP, network)
    load_plain(steps.model, clip.model.state_dict())
    for model in (clip.model, steps.model):
        model.eval()
    with torch.no_grad():
        torch.testing.assert_close(steps.model(clip.pathways), clip.model(clip.pathways))


@pytest.mark.parametrize("network", ["slow", "slowfast", "x3d"])
def test_blocks_of_the_release_run_over_past_and_step(bench: Any, network: str) -> None:
    steps = contender(bench, bench.ways.theirs(5), network)
    lengths: dict[str, list[int]] = {}

    def note(name: str) -> Any:
        return lambda _, args: lengths.setdefault(name, []).append(args[0].shape[2])

    for name, module in steps.model.named_modules():
        if isinstance(module, bench.yardsticks.RememberingBlock):
            module.inner.register_forward_pre_hook(note(name))
    steps.run()
    cut = bench.ways.schedule(network, 5)
    assert lengths
    for name, seen in lengths.items():
        assert seen == [cut.step_len[int(name.partition("pathway")[2][0])]] * 5, name


def test_a_new_video_finds_no_memory(bench: Any) -> None:
    steps = contender(bench, bench.ways.theirs(5), options=("MODEL.DROPOUT_RATE", 0.0))
    for group in steps.optimizer.param_groups:
        group["lr"] = 0.0
    seen: list[torch.Tensor] = []
    steps.model.register_forward_hook(lambda _, __, logits: seen.append(logits.detach()))
    steps.run(), steps.run()
    torch.testing.assert_close(seen[:5], seen[5:])
    assert not torch.equal(seen[0], seen[1])
