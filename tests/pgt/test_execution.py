"""Steps in 2-D: scores, gradients and memory are those of the 3-D form, and nothing is stored in another order."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from pgt import progressive
from slowfast.models import build_model, execution
from slowfast.models.execution import run_in_2d
from slowfast.models.layers.layout import CHANNELS_LAST
from tests.models.tiny_networks import tiny_config
from tests.pgt.test_detection import ALL, DETECTION, TWO_PATHWAYS
from tests.pgt.test_gradient import assert_equal_gradients, trained
from tests.pgt.test_model_matrix import DISTINCT, progressive_config

Make = Callable[..., Any]


@pytest.fixture(autouse=True, params=[0, 16], ids=["large", "tiny"])
def points(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Whether pictures of test networks count as tiny, which a CPU keeps in the usual order."""
    monkeypatch.setattr(execution, "TINY", request.param)
    return int(request.param)


@pytest.fixture(params=DISTINCT, ids="-".join)
def case(request: pytest.FixtureRequest) -> Callable[..., Any]:
    variant, kind = request.param
    return lambda **changes: progressive_config(variant, kind, BN__NORM_TYPE="frozen_batchnorm", **changes)


def test_gradients_are_those_of_the_3d_form(case: Make, make_batch: Make, updater: Any, points: int) -> None:
    networks, gradient = [], "exact" if points else "truncated"
    for form in ("3d", "2d"):
        cfg = case(PGT__GRADIENT=gradient, MODEL__EXECUTION=form)
        networks.append(trained(cfg, make_batch(cfg.DATA.NUM_FRAMES), updater))
    (plain, wanted), (flat, loss) = networks
    assert loss == pytest.approx(wanted, rel=1e-9)
    for (name, parameter), other in zip(plain.named_parameters(), flat.parameters(), strict=True):
        torch.testing.assert_close(other.grad, parameter.grad, rtol=1e-6, atol=1e-9, msg=name)


def steps(cfg: Any, *, double: bool) -> tuple[Tensor, dict[str, Tensor]]:
    """Scores of three steps, the second of which begins a video in one row; the memory after them."""
    torch.manual_seed(0)
    dtype = torch.double if double else torch.float
    model = build_model(cfg).eval().to(dtype)
    inputs = [torch.rand((2, 3, length, 32, 32), dtype=dtype) for length in cfg.PGT.STEP_LEN]
    begins = torch.tensor([False, True])
    with torch.no_grad():
        scores = [model.step(inputs), model.step(inputs, begins=begins), model.step(inputs)]
    return torch.stack(scores), model.memory()


def test_scores_and_memory_are_those_of_the_3d_form(case: Make) -> None:
    for double, tolerance in ((True, 1e-9), (False, 1e-5)):
        (wanted, remembered), (scores, memory) = (steps(case(MODEL__EXECUTION=form), double=double) for form in ("3d", "2d"))
        torch.testing.assert_close(scores, wanted, rtol=tolerance, atol=tolerance)
        assert memory.keys() == remembered.keys()
        if double:
            for name, frames in memory.items():
                torch.testing.assert_close(frames, remembered[name], rtol=tolerance, atol=tolerance, msg=name)


@pytest.mark.parametrize("memory", ["last", "max", "avg"])
@pytest.mark.parametrize("overlap", [1, 2])
def test_memory_is_stored_as_features_are(memory: str, overlap: int, points: int) -> None:
    cfg = progressive_config(
        "slow", "local", MODEL__EXECUTION="2d", PGT__CACHE=memory, PGT__OVERLAP=[overlap], PGT__SEMANTICS="released",
        PGT__CACHE_MOMENTUM=0.25,
    )  # fmt: skip
    model = build_model(cfg).train()
    frames = torch.rand((2, 3, 8, 64, 64)).contiguous(memory_format=CHANNELS_LAST)
    for start, stop in ((0, 4), (4, 8)):
        model.step([frames[:, :, start:stop]])
        for name, remembered in model.memory().items():
            usual = remembered.shape[3] * remembered.shape[4] <= points
            assert remembered.is_contiguous(memory_format=torch.contiguous_format if usual else CHANNELS_LAST), name
            assert remembered.shape[2] == overlap


@pytest.mark.parametrize("slowfast", [False, True])
def test_persons_are_learned_as_in_the_3d_form(tiny_cfg: Make, make_batch: Make, updater: Any, slowfast: bool) -> None:
    found = []
    for form in ("3d", "2d"):
        cfg = tiny_cfg(**(DETECTION | (TWO_PATHWAYS if slowfast else {})), MODEL__EXECUTION=form)
        batch = dataclasses.replace(make_batch(cfg.DATA.NUM_FRAMES), keyframes=ALL)
        found.append(trained(cfg, batch, updater))
    (plain, wanted), (flat, loss) = found
    assert loss == pytest.approx(wanted, rel=1e-5)
    assert_equal_gradients(plain, flat, tolerance=1e-3)


def test_the_order_of_memory_and_2d_does_not_matter() -> None:
    def made(*, first: bool) -> Tensor:
        torch.manual_seed(0)
        network = build_model(tiny_config("slow", MODEL__EXECUTION="3d")).eval()
        if first:
            run_in_2d(network)
        model = progressive(network, step_len=4, overlap=1)
        if not first:
            run_in_2d(model)
        torch.manual_seed(1)
        with torch.no_grad():
            return torch.stack([model.step([torch.rand(1, 3, 4, 32, 32)]) for _ in range(2)])

    assert torch.equal(made(first=True), made(first=False))
