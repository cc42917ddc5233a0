"""Compiled steps: equal results, no graph breaks, and no more graphs than steps have shapes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import nn
from torch._dynamo.utils import counters

from pgt.train_step import ProgressiveTrainStep
from pgt.whole_videos import LaneCutter, WholeVideoTrainStep
from slowfast.config import ConfigError
from slowfast.engine.compiling import compile_for_training, eager
from slowfast.models import build_model
from slowfast.structures import LaneBatch
from tests.pgt import test_model_matrix as matrix
from tests.pgt.test_model_matrix import progressive_config
from tests.pgt.test_whole_videos import KINDS, draw_videos, lanes_of, piece_frames, whole_cfg

Make = Callable[..., Any]

CPU = torch.device("cpu")

CASES = [
    ("slow", "local", "3d", "truncated", 2),
    *(
        pytest.param(*case, marks=[pytest.mark.slow])
        for case in (
            ("slow", "local", "3d", "exact", 4),  # both without a gradient as well
            ("slow", "local", "2d", "truncated", 2),
            ("slow", "causal", "3d", "truncated", 2),
            ("slow", "progressive", "3d", "truncated", 2),
            ("i3d", "nonlocal", "3d", "truncated", 2),
            ("slowfast", "local", "3d", "truncated", 2),
            ("x3d", "local", "3d", "truncated", 2),
            ("regnety", "causal", "2d", "truncated", 2),
        )
    ),
]


@pytest.fixture(autouse=True)
def nothing_compiled_before() -> Iterator[None]:
    torch._dynamo.reset()
    counters.clear()
    yield
    torch._dynamo.reset()


def graphs() -> tuple[int, int]:
    """Graphs that were made since the test began, and breaks in them."""
    return counters["stats"]["unique_graphs"], sum(counters["graph_break"].values())


def gradients(
    cfg: Any, batches: list[Any], updater: Any, *, compiled: bool, backend: str = "aot_eager"
) -> tuple[nn.Module, list[float]]:
    """A network with the gradients of some iterations, and their losses."""
    torch.manual_seed(0)
    model = build_model(cfg).train()
    if compiled:
        assert compile_for_training(model, CPU, backend=backend)
        counters.clear()
    step = ProgressiveTrainStep.from_cfg(cfg)
    return model, [float(step(model, batch, updater).loss) for batch in batches]


def assert_equal(first: nn.Module, second: nn.Module) -> None:
    for (name, parameter), other in zip(first.named_parameters(), second.parameters(), strict=True):
        torch.testing.assert_close(other.grad, parameter.grad, rtol=1e-4, atol=1e-5, msg=name)
    for (name, buffer), (_, other) in zip(first.named_buffers(), second.named_buffers(), strict=True):
        torch.testing.assert_close(other, buffer, msg=name)


@pytest.mark.parametrize(("variant", "kind", "execution", "gradient", "number"), CASES)
def test_first_and_later_steps_are_two_graphs_over_all_iterations(
    variant: str, kind: str, execution: str, gradient: str, number: int, make_batch: Make, updater: Any
) -> None:
    cfg = progressive_config(variant, kind, PGT__STEPS=4, PGT__GRADIENT=gradient, MODEL__EXECUTION=execution)
    batches = [make_batch(cfg.DATA.NUM_FRAMES, seed=seed, side=64) for seed in range(3)]
    plain, wanted = gradients(cfg, batches, updater, compiled=False)
    compiled, losses = gradients(cfg, batches, updater, compiled=True)
    assert graphs() == (number, 0)
    assert losses == pytest.approx(wanted, rel=1e-5)
    assert_equal(plain, compiled)
    before = graphs()
    compiled.eval()
    with torch.no_grad(), eager():
        compiled(ProgressiveTrainStep.from_cfg(cfg).cutter.step(batches[0].frames, 0))
    compiled.train()
    ProgressiveTrainStep.from_cfg(cfg)(compiled, batches[0], updater)
    assert graphs() == before, "evaluation in between compiles nothing, and leaves what was compiled"


COUNTING = (("slowfast", "causal"), ("mvit", "causal"))
"""Strided causal windows."""


@pytest.mark.slow
@pytest.mark.parametrize("execution", ["3d", "2d"])
@pytest.mark.parametrize("case", [case for case in matrix.CASES if case not in COUNTING], ids="-".join)
def test_graphs_of_every_network_learn_the_same(case: tuple[str, str], execution: str, make_batch: Make, updater: Any) -> None:
    """Graphs that are seen but not compiled any further; causal operators that count frames are refused, see below."""
    cfg = progressive_config(*case, MODEL__EXECUTION=execution)
    batches = [make_batch(cfg.DATA.NUM_FRAMES, side=64)]
    plain, wanted = gradients(cfg, batches, updater, compiled=False)
    compiled, losses = gradients(cfg, batches, updater, compiled=True, backend="eager")
    # Compression keeps the newest step, and that of a video's first is longer than the others.
    assert graphs() == (3 if cfg.PGT.ATTENTION == "compressed" else 2, 0)
    assert losses == pytest.approx(wanted, rel=1e-5)
    assert_equal(plain, compiled)


@pytest.mark.slow
def test_every_schedule_of_multigrid_is_compiled_once(make_batch: Make, updater: Any) -> None:
    cfg = progressive_config("slow", "local", PGT__MGRID=True, PGT__MGRID_STEPS=[3, 4], PGT__MGRID_STEP_LEN=[4, 5])
    torch.manual_seed(0)
    model = build_model(cfg).train()
    assert compile_for_training(model, CPU, backend="aot_eager")
    counters.clear()
    step = ProgressiveTrainStep.from_cfg(cfg)
    for epoch in range(6):
        frames = step.plan(epoch, 6).clip_frames
        step(model, make_batch(frames, side=64), updater)
    assert graphs() == (4, 0)


def whole_videos_trained(cfg: Any, batches: list[LaneBatch], updater: Any, *, alike: bool, compiled: bool) -> nn.Module:
    torch.manual_seed(0)
    model = build_model(cfg).train()
    if compiled:
        assert compile_for_training(model, CPU, backend="aot_eager")
        counters.clear()
    built = WholeVideoTrainStep.from_cfg(cfg)
    step: Any = WholeVideoTrainStep(
        cutter=LaneCutter.from_cfg(cfg),
        loss=built.loss,
        tbptt_steps=cfg.PGT.TBPTT_STEPS,
        recompute=cfg.PGT.GRADIENT == "exact",
        alike=alike,
    )
    for batch in batches:
        step(model, batch, updater)
    return model


def lane_batches(cfg: Any) -> list[LaneBatch]:
    """Steps at which no video begins, some do, and all do."""
    videos = draw_videos([4, 2, 2, 2, 2], piece_frames(cfg), side=64)
    return list(lanes_of(videos, [[0, 3], [1, 2, 4]], pieces=2, frames=piece_frames(cfg)))


@pytest.mark.parametrize("kind", KINDS)
def test_steps_of_whole_videos_that_are_all_alike_learn_the_same(kind: str, tiny_cfg: Make, updater: Any) -> None:
    cfg = whole_cfg(tiny_cfg, **KINDS[kind])
    batches = lane_batches(cfg)
    different, alike = (whole_videos_trained(cfg, batches, updater, alike=alike, compiled=False) for alike in (False, True))
    assert_equal(different, alike)


@pytest.mark.parametrize("kind", ["max", *(pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS if kind != "max")])
def test_whole_videos_are_one_graph(kind: str, tiny_cfg: Make, updater: Any) -> None:
    """An exact gradient has three: without a gradient, with one, and with one that does not go on to the step before."""
    cfg = whole_cfg(tiny_cfg, TRAIN__COMPILE=True, **KINDS[kind])
    batches = lane_batches(cfg)
    patterns = {tuple(batch.begins[:, number].tolist()) for batch in batches for number in range(2)}
    assert {(True, True), (False, False)} < patterns, "lanes begin together, one by one, and not at all"
    plain = whole_videos_trained(cfg, batches, updater, alike=False, compiled=False)
    compiled = whole_videos_trained(cfg, batches, updater, alike=True, compiled=True)
    assert graphs() == ((3 if cfg.PGT.GRADIENT == "exact" else 1), 0)
    assert_equal(plain, compiled)


def test_what_cannot_be_compiled_is_refused_beforehand(tiny_cfg: Make) -> None:
    with pytest.raises(ConfigError, match=r"TRAIN\.COMPILE.*ACTIVATION_CHECKPOINTING"):
        tiny_cfg(TRAIN__COMPILE=True, TRAIN__ACTIVATION_CHECKPOINTING="blocks")


def test_causal_lateral_connections_are_refused(tiny_cfg: Make) -> None:
    with pytest.raises(ConfigError, match=r"TRAIN\.COMPILE.*causal lateral connections"):
        tiny_cfg(slowfast=True, TRAIN__COMPILE=True, PGT__OPERATOR="causal", PGT__CACHE="last")


def test_patches_that_share_frames_are_not_compiled_where_they_are_causal() -> None:
    with pytest.raises(ConfigError, match=r"TRAIN\.COMPILE.*patches that share frames"):
        progressive_config("mvit", "causal", TRAIN__COMPILE=True)
