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
    assert output.summed == (steps.shape[1] if ensemble == "sum" else 1)


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


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"PGT__CACHE_MOMENTUM": 0.3, "PGT__ENSEMBLE_METHOD": "max"},
        {"PGT__OPERATOR": "causal", "PGT__CACHE": "last"},
        {"slowfast": True},
        {"slowfast": True, "PGT__OPERATOR": "causal", "PGT__CACHE": "last"},
        {"slowfast": True, "PGT__SEMANTICS": "released", "PGT__OVERLAP": [1, 1]},
        {"PGT__HEAD": False},
        {"RESNET__NUM_BLOCK_TEMP_KERNEL": [[0], [0], [0], [0]], "PGT__HEAD": False},
        {"MODEL__EXECUTION": "2d"},
    ],
    ids=lambda changes: " ".join(f"{key.split('__')[-1]}={value}" for key, value in changes.items()) or "plain",
)
def test_scores_do_not_depend_on_how_many_steps_run_at_once(
    changes: dict[str, Any], tiny_cfg: Callable[..., Any], make_batch: Callable[..., Any]
) -> None:
    outputs = []
    for at_once in (1, 2, 4, 9):
        cfg = tiny_cfg(PGT__STEPS=9, PGT__EVAL_STEPS_AT_ONCE=at_once, **changes)
        torch.manual_seed(0)
        model, calls = build_model(cfg).eval(), []
        model.network.register_forward_pre_hook(lambda _, inputs, calls=calls: calls.append(len(inputs[0][0])))
        outputs.append(ProgressiveEvalStep.from_cfg(cfg)(model, make_batch(cfg.DATA.NUM_FRAMES, size=2)))
        assert max(calls) == 2 * min(at_once, 8) and sum(calls) == 2 * 9
    for output in outputs[1:]:
        torch.testing.assert_close(output.segment_scores, outputs[0].segment_scores, rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(output.scores, outputs[0].scores, rtol=1e-4, atol=1e-6)
        assert output.segments == outputs[0].segments


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"PGT__STEPS": 2}, "no two steps behind its first"),
        ({"PGT__PG_EVAL": False}, "in one pass"),
        ({"PGT__STEPS": "all"}, "run one by one"),
    ],
)
def test_how_many_steps_run_at_once_is_told_where_it_changes_nothing(
    changes: dict[str, Any], words: str, tiny_cfg: Callable[..., Any]
) -> None:
    with pytest.warns(UserWarning, match=rf"PGT.EVAL_STEPS_AT_ONCE .* has no effect: .*{words}"):
        tiny_cfg(PGT__EVAL_STEPS_AT_ONCE=3, **changes)
