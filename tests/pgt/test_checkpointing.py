"""TRAIN.ACTIVATION_CHECKPOINTING inside steps: the same gradients at fewer activations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from tests.models.test_checkpointing import LiveTensors
from tests.models.tiny_networks import TRANSFORMERS
from tests.pgt.test_gradient import trained
from tests.pgt.test_model_matrix import DISTINCT, progressive_config

Make = Callable[..., Any]

GRADIENTS: dict[str, dict[str, Any]] = {
    "cut at every step": {},
    "through all steps": {"PGT__TBPTT_STEPS": 3},
    "exact": {"PGT__GRADIENT": "exact"},
}


@pytest.mark.parametrize("case", DISTINCT, ids="-".join)
@pytest.mark.parametrize("gradient", ["cut at every step", "exact"])
def test_gradients_and_statistics_are_those_of_steps_that_keep_everything(
    case: tuple[str, str], gradient: str, make_batch: Make, updater: Any
) -> None:
    found = {}
    for parts in ("none", "blocks") if case[0] in TRANSFORMERS else ("none", "stages", "blocks"):
        cfg = progressive_config(*case, TRAIN__ACTIVATION_CHECKPOINTING=parts, **GRADIENTS[gradient])
        found[parts] = trained(cfg, make_batch(cfg.DATA.NUM_FRAMES), updater)
    plain, wanted = found.pop("none")
    for parts, (model, loss) in found.items():
        assert loss == pytest.approx(wanted, rel=1e-9)
        for (name, parameter), other in zip(plain.named_parameters(), model.parameters(), strict=True):
            if parameter.grad is None:  # a causal class token that nobody reads
                assert other.grad is None
                continue
            torch.testing.assert_close(other.grad, parameter.grad, rtol=1e-6, atol=1e-9, msg=f"{parts}: {name}")
        for (name, buffer), other in zip(plain.named_buffers(), model.named_buffers(), strict=True):
            torch.testing.assert_close(other[1], buffer, rtol=1e-9, atol=1e-9, msg=f"{parts}: {name}")


@pytest.mark.parametrize("gradient", GRADIENTS)
def test_steps_need_less_memory(gradient: str, make_batch: Make, updater: Any) -> None:
    peaks = []
    for parts in ("none", "blocks", "stages"):
        cfg = progressive_config("slow", "local", TRAIN__ACTIVATION_CHECKPOINTING=parts, **GRADIENTS[gradient])
        with LiveTensors() as live:
            trained(cfg, make_batch(cfg.DATA.NUM_FRAMES, side=64), updater)
        peaks.append(live.peak_bytes)
    assert max(peaks[1:]) < 0.8 * peaks[0], peaks
