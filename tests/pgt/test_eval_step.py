from collections.abc import Callable
from typing import Any

import pytest
import torch

from pgt.eval_step import OnePassEvalStep, ProgressiveEvalStep
from slowfast.models import build_model
from slowfast.models.normalize import Normalizer


@pytest.mark.parametrize("ensemble", ["sum", "max"])
def test_progressive_scores_are_the_ensemble_of_the_steps(
    ensemble: str, tiny_cfg: Callable[..., Any], make_batch: Callable[..., Any]
) -> None:
    cfg = tiny_cfg(PGT__ENSEMBLE_METHOD=ensemble)
    batch, model = make_batch(10), build_model(cfg).eval()
    output = ProgressiveEvalStep.from_cfg(cfg)(model, batch)
    normalizer = Normalizer.from_cfg(cfg)
    model.reset()
    steps = torch.stack([model.step([normalizer(batch.frames[:, :, a:b])]) for a, b in [(0, 4), (4, 7), (7, 10)]], dim=1)
    assert output.segments == ((0, 4), (4, 7), (7, 10))
    torch.testing.assert_close(output.segment_scores, steps)
    torch.testing.assert_close(output.scores, steps.sum(1) if ensemble == "sum" else steps.amax(1))


def test_evaluation_forgets_what_ran_before_and_leaves_nothing(
    tiny_cfg: Callable[..., Any], make_batch: Callable[..., Any]
) -> None:
    cfg = tiny_cfg()
    step, model = ProgressiveEvalStep.from_cfg(cfg), build_model(cfg).eval()
    first = step(model, make_batch(10)).scores
    step(model, make_batch(10, size=3, seed=5))
    assert model.memory() == {}
    torch.testing.assert_close(step(model, make_batch(10)).scores, first)


@pytest.mark.parametrize("slowfast", [False, True])
def test_one_pass_averages_the_scores_of_tpool_size_positions(
    slowfast: bool, tiny_cfg: Callable[..., Any], make_batch: Callable[..., Any]
) -> None:
    cfg = tiny_cfg(slowfast=slowfast, PGT__PG_EVAL=False, PGT__TPOOL_SIZE=[2, 2] if slowfast else [2])
    batch, model = make_batch(cfg.DATA.NUM_FRAMES), build_model(cfg).eval()
    output = OnePassEvalStep.from_cfg(cfg)(model, batch)
    assert output.segments == ((0, cfg.DATA.NUM_FRAMES),)
    features: list[torch.Tensor] = []
    model.head.projection.register_forward_hook(lambda _, inputs, __: features.append(inputs[0]))
    again = OnePassEvalStep.from_cfg(cfg)(model, batch)
    assert features[0].shape[1] == 2, "two positions in time reach the classifier"
    torch.testing.assert_close(again.scores, torch.sigmoid(model.head.projection(features[0])).flatten(1, -2).mean(1))
