import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from pgt import StepSchedule
from pgt.multigrid import Multigrid
from pgt.train_step import ProgressiveTrainStep
from slowfast.config import CfgNode, ConfigError, load_config
from slowfast.datasets import build_loader
from slowfast.engine.hooks import Hook
from slowfast.engine.trainer import Trainer
from slowfast.engine.training import build_trainer, train
from slowfast.models import build_model
from slowfast.runtime.device import Place
from slowfast.runtime.errors import Interrupted
from slowfast.runtime.interruption import StopRequest

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


class StopAfter(Hook):
    """Asks a training to stop after some iterations, as a signal would."""

    def __init__(self, request: StopRequest, iterations: int) -> None:
        self.request, self.iterations = request, iterations

    def after_iteration(self, trainer: Trainer) -> None:
        # The iteration counts as done already; the epoch's last one has not moved the trainer to the next epoch yet.
        if trainer.iterations_done == self.iterations:
            self.request.signal_number = signal.SIGTERM


def test_a_resumed_cycle_ends_with_the_weights_of_an_uninterrupted_one(tmp_path: Path) -> None:
    def cfg(name: str) -> CfgNode:
        config = Path(__file__).parents[2] / "configs" / "LongCook" / "SLOWONLY_PGT.yaml"
        return load_config(
            config,
            [
                *("NUM_GPUS", 0, "DATA_LOADER.NUM_WORKERS", 0, "OUTPUT_DIR", str(tmp_path / name), "TRAIN.EVAL_PERIOD", 0),
                *("DATA.PATH_TO_DATA_DIR", str(tmp_path / "data"), "LONGCOOK.NUM_TRAIN", 4),
                *("LONGCOOK.NUM_VAL", 1, "LONGCOOK.NUM_TEST", 1),
                *("TRAIN.BATCH_SIZE", 2, "SOLVER.MAX_EPOCH", 3, "SOLVER.WARMUP_EPOCHS", 0, "RESNET.WIDTH_PER_GROUP", 2),
                *("DATA.NUM_FRAMES", 0, "PGT.STEPS", 2, "PGT.STEP_LEN", [4], "TENSORBOARD.ENABLE", False),
                *("PGT.MGRID", True, "PGT.MGRID_STEPS", [3, 2], "PGT.MGRID_STEP_LEN", [3, 5], "PGT.MGRID_LRSCALES", [1.0, 0.5]),
            ],
        )

    place = Place(torch.device("cpu"), loader_workers=0)
    train(cfg("whole"), place)
    stopped = cfg("stopped")
    with StopRequest() as request, build_loader(stopped, "train", batch_size=2) as loader, pytest.raises(Interrupted):
        trainer = build_trainer(stopped, place, request, loader=loader, val_loader=None)
        trainer.hooks.insert(0, StopAfter(request, 3))
        trainer.train()
    train(stopped, place)
    whole, resumed = (
        torch.load(tmp_path / name / "checkpoints" / "last.pyth", weights_only=True)["model_state"]
        for name in ("whole", "stopped")
    )
    assert all(torch.equal(tensor, resumed[name]) for name, tensor in whole.items())
