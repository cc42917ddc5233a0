from collections.abc import Callable
from typing import Any

import pytest
import torch

from pgt import StepSchedule
from pgt.multigrid import Multigrid
from pgt.train_step import ProgressiveTrainStep
from slowfast.config import ConfigError
from slowfast.models import build_model

CYCLE = {"PGT__MGRID": True, "PGT__MGRID_STEPS": [3, 5], "PGT__MGRID_STEP_LEN": [4, 3], "PGT__MGRID_LRSCALES": [1.0, 0.5]}


def test_epochs_take_the_schedules_in_turn_and_the_last_has_that_of_evaluation(tiny_cfg: Callable[..., Any]) -> None:
    multigrid = Multigrid.from_cfg(tiny_cfg(PGT__STEPS=2, **CYCLE))
    plans = [multigrid.at(epoch, 5) for epoch in range(5)]
    long, short, base = StepSchedule(4, 1, 3), StepSchedule(3, 1, 5), StepSchedule(4, 1, 2)
    assert plans == [(long, 1.0), (short, 0.5), (long, 1.0), (short, 0.5), (base, 1.0)]
    untuned = Multigrid.from_cfg(tiny_cfg(PGT__STEPS=2, PGT__MGRID_NO_FINETUNE=True, **CYCLE))
    assert untuned.at(4, 5) == (long, 1.0)


def test_both_pathways_change_their_step_length(tiny_cfg: Callable[..., Any]) -> None:
    multigrid = Multigrid.from_cfg(tiny_cfg(slowfast=True, **CYCLE))
    assert multigrid.at(1, 9)[0] == StepSchedule([3, 12], [1, 4], 5)


def test_loader_model_and_learning_rate_follow_the_plan(
    tiny_cfg: Callable[..., Any], make_batch: Callable[..., Any], updater: Any
) -> None:
    cfg = tiny_cfg(**CYCLE)
    step, model = ProgressiveTrainStep.from_cfg(cfg), build_model(cfg).train()
    lengths: list[int] = []
    model.network.s1.register_forward_pre_hook(lambda _, inputs: lengths.append(inputs[0][0].shape[2]))
    plan = step.plan(1, 9)
    assert (plan.clip_frames, plan.lr_scale) == (5 * 3 - 4, 0.5)
    step(model, make_batch(plan.clip_frames), updater)
    assert lengths == [3, 2, 2, 2, 2]


def test_norms_are_measured_on_the_schedule_of_evaluation(tiny_cfg: Callable[..., Any], make_batch: Callable[..., Any]) -> None:
    cfg = tiny_cfg(BN__NORM_TYPE="batchnorm", **CYCLE)
    step, model = ProgressiveTrainStep.from_cfg(cfg), build_model(cfg).train()
    step.plan(1, 9)
    with torch.no_grad():
        step.forward_only(model, make_batch(cfg.DATA.NUM_FRAMES))
    assert int(model.state_dict()["s1.pathway0_stem.bn.num_batches_tracked"]) == cfg.PGT.STEPS


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"PGT__MGRID_STEPS": [3]}, "PGT.MGRID_STEP_LEN = .*PGT.MGRID_STEPS has 1 entries"),
        ({"PGT__MGRID_LRSCALES": [1.0]}, "PGT.MGRID_LRSCALES"),
        ({"PGT__MGRID_STEP_LEN": [4, 1]}, "PGT.MGRID_STEP_LEN = .*from 0 to 0"),
        ({"MODEL__ARCH": "i3d", "PGT__OVERLAP": [2]}, "PGT.STEP_LEN.*temporal stride of 2|does not divide steps of 3"),
    ],
)
def test_cycles_that_do_not_fit_are_refused(changes: dict[str, Any], words: str, tiny_cfg: Callable[..., Any]) -> None:
    with pytest.raises(ConfigError, match=words):
        tiny_cfg(**(CYCLE | changes))
