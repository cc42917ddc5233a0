"""With forward passes in half precision steps compute what they do in single precision, to its digits, and sums stay exact."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
import torch
from torch import Tensor

from pgt.eval_step import ProgressiveEvalStep
from pgt.train_step import ProgressiveTrainStep
from slowfast.models import build_model
from slowfast.runtime.precision import Precision
from tests.pgt.conftest import RecordingUpdater
from tests.pgt.test_model_matrix import DISTINCT, progressive_config

CPU = torch.device("cpu")
KINDS = {
    "max": {},
    "last": {"PGT__CACHE": "last"},
    "momentum": {"PGT__CACHE": "avg", "PGT__CACHE_MOMENTUM": 0.5},
    "causal": {"PGT__OPERATOR": "causal", "PGT__CACHE": "last"},
    "exact": {"PGT__GRADIENT": "exact"},
    "batch norm": {"BN__NORM_TYPE": "batchnorm"},
    "slowfast": {"slowfast": True},
    "non-local": {"NONLOCAL__LOCATION": "[[[]], [[0]], [[]], [[]]]", "NONLOCAL__INSTANTIATION": "softmax"},
    "non-local products": {"NONLOCAL__LOCATION": "[[[]], [[0]], [[]], [[]]]", "NONLOCAL__INSTANTIATION": "dot_product"},
}


class Halving(RecordingUpdater):
    def __init__(self, precision: Precision) -> None:
        super().__init__()
        self._precision = precision

    def autocast(self) -> AbstractContextManager[Any]:
        return self._precision.autocast(CPU)


def gradient(cfg: Any, batch: Any, precision: Precision) -> tuple[float, Tensor]:
    torch.manual_seed(1)
    model = build_model(cfg).train()
    output = ProgressiveTrainStep.from_cfg(cfg)(model, batch, Halving(precision))
    parameters = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    assert all(found.dtype == torch.float32 for found in parameters)
    return float(output.loss), torch.cat([found.flatten() for found in parameters])


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_point_the_same_way(kind: str, tiny_cfg: Callable[..., Any], make_batch: Callable[..., Any]) -> None:
    assert_same_way(tiny_cfg(**KINDS[kind]), make_batch)


@pytest.mark.parametrize("case", DISTINCT, ids="-".join)
def test_gradients_of_every_network_point_the_same_way(case: tuple[str, str], make_batch: Callable[..., Any]) -> None:
    """With frozen norms: on maps as small as these, statistics of a batch turn rounding into other gradients."""
    execution = "2d" if case[1] == "causal" else "3d"  # one of them each, as it costs seconds
    assert_same_way(progressive_config(*case, MODEL__EXECUTION=execution, BN__NORM_TYPE="frozen_batchnorm"), make_batch, 0.9)


def assert_same_way(cfg: Any, make_batch: Callable[..., Any], cosine: float = 0.97) -> None:
    batch = make_batch(cfg.DATA.NUM_FRAMES)
    (single_loss, single), (half_loss, half) = (gradient(cfg, batch, Precision(name)) for name in ("fp32", "bf16"))
    assert half_loss == pytest.approx(single_loss, rel=0.02)
    assert not torch.equal(half, single)
    assert torch.cosine_similarity(half, single, 0) > cosine


@pytest.mark.parametrize("kind", KINDS)
def test_scores_are_those_of_single_precision_to_two_digits(
    kind: str, tiny_cfg: Callable[..., Any], make_batch: Callable[..., Any]
) -> None:
    cfg = tiny_cfg(**KINDS[kind])
    batch = make_batch(cfg.DATA.NUM_FRAMES)
    torch.manual_seed(1)
    model, step = build_model(cfg).eval(), ProgressiveEvalStep.from_cfg(cfg)
    found = []
    for name in ("fp32", "bf16"):
        with torch.no_grad(), Precision(name).autocast(CPU):
            found.append(step(model, batch).scores)
    single, half = found
    assert half.dtype == single.dtype == torch.float32
    assert torch.allclose(half, single, atol=0.02 * cfg.PGT.STEPS)
    assert not torch.equal(half, single)


def test_sums_over_time_stay_in_single_precision(tiny_cfg: Callable[..., Any]) -> None:
    cfg = tiny_cfg(PGT__HEAD=True, PGT__OPERATOR="causal", PGT__CACHE="last")
    model, pixels = build_model(cfg).eval(), torch.rand(2, 3, 4, 32, 32)
    with torch.no_grad(), Precision("bf16").autocast(CPU):
        for _ in range(2):
            model.step([pixels])
    dtypes = {name: memory.dtype for name, memory in model.memory().items() if memory.is_floating_point()}
    sums = {name for name in dtypes if "pool" in name}
    assert sums and all(dtypes[name] == torch.float32 for name in sums)
    assert any(dtype == torch.bfloat16 for dtype in dtypes.values())
