"""When the loop does what."""

from pathlib import Path

import pytest
import torch
from torch import nn

from slowfast.engine import checkpoint
from slowfast.engine.hooks import CheckpointHook, Hook
from slowfast.engine.steps import PlainTrainStep
from slowfast.engine.trainer import Trainer
from slowfast.engine.updater import Updater
from slowfast.runtime.errors import NonFiniteLossError
from slowfast.runtime.interruption import StopRequest
from slowfast.structures import ClipBatch, StepOutput
from tests.engine.engine_toys import ToyNet, saving_trainer, toy_trainer


class Diary(Hook):
    def __init__(self, name: str, pages: list[str]) -> None:
        self.name, self.pages = name, pages

    def note(self, occasion: str, trainer: Trainer) -> None:
        self.pages.append(f"{self.name} {occasion} {trainer.epoch}.{trainer.iteration}")

    def before_train(self, trainer: Trainer) -> None:
        self.note("before train", trainer)

    def before_epoch(self, trainer: Trainer) -> None:
        self.note("before epoch", trainer)

    def after_iteration(self, trainer: Trainer) -> None:
        self.note("after iteration", trainer)

    def after_epoch(self, trainer: Trainer) -> None:
        self.note("after epoch", trainer)

    def after_train(self, trainer: Trainer) -> None:
        self.note("after train", trainer)


def test_hooks_are_called_in_order_at_every_occasion() -> None:
    pages: list[str] = []
    toy_trainer(ToyNet(), hooks=[Diary("a", pages), Diary("b", pages)], batch_size=12).train()
    expected = [
        "before train 0.0",
        *("before epoch 0.0", "after iteration 0.1", "after iteration 0.2", "after epoch 1.0"),
        *("before epoch 1.0", "after iteration 1.1", "after iteration 1.2", "after epoch 2.0"),
        "after train 2.0",
    ]
    assert pages == [f"{name} {occasion}" for occasion in expected for name in ("a", "b")]


def test_finished_training_is_left_as_it_is() -> None:
    pages: list[str] = []
    trainer = toy_trainer(ToyNet(), hooks=[Diary("a", pages)])
    trainer.epoch = trainer.num_epochs
    trainer.train()
    assert pages == ["a before train 2.0", "a after train 2.0"]


def test_learning_rate_follows_the_fractional_epoch() -> None:
    rates: list[float] = []

    class Rates(Hook):
        def after_iteration(self, trainer: Trainer) -> None:
            rates.append(trainer.optimizer.param_groups[0]["lr"])

    toy_trainer(ToyNet(), hooks=[Rates()], batch_size=12).train()
    assert rates == pytest.approx([0.1 / (1 + epoch) for epoch in (0.0, 0.5, 1.0, 1.5)])


def test_model_trains_again_after_a_hook_evaluated_it() -> None:
    modes: list[bool] = []

    class Evaluates(Hook):
        def after_iteration(self, trainer: Trainer) -> None:
            modes.append(trainer.model.training)

        def after_epoch(self, trainer: Trainer) -> None:
            trainer.model.eval()

    toy_trainer(ToyNet(), hooks=[Evaluates()], batch_size=12).train()
    assert modes == [True] * 4


class FailsAt(PlainTrainStep):
    """Loses its mind in one iteration."""

    def __init__(self, inner: PlainTrainStep, iteration: int) -> None:
        self.inner, self.left = inner, iteration

    def __call__(self, model: nn.Module, batch: ClipBatch, updater: Updater) -> StepOutput:
        self.left -= 1
        if self.left:
            return self.inner(model, batch, updater)
        updater.accumulate(next(model.parameters()).sum() * float("nan"))
        updater.apply()
        raise AssertionError("the update went through")


def test_loss_that_is_no_number_stops_training_and_names_the_videos(tmp_path: Path) -> None:
    trainer = saving_trainer(tmp_path, request=StopRequest())
    trainer.step = FailsAt(trainer.step, 9)
    with pytest.raises(NonFiniteLossError) as caught:
        trainer.train()
    names = ", ".join(trainer.batch.names)
    assert "the loss is not finite in epoch 2, iteration 3, learning rate 0.0" in str(caught.value)
    assert f"videos of the batch: {names}." in str(caught.value)
    saved = checkpoint.load(checkpoint.last_path(tmp_path))
    assert (saved["epoch"], saved["iteration"]) == (1, 2)
    assert all(torch.equal(saved["model_state"][name], value) for name, value in trainer.model.state_dict().items())


class Counts(Hook):
    """Has something to remember."""

    def __init__(self) -> None:
        self.count = 0

    def after_iteration(self, trainer: Trainer) -> None:
        self.count += 1

    def state_dict(self) -> dict[str, int]:
        return {"count": self.count}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.count = state["count"]


def test_hooks_get_back_what_they_remembered() -> None:
    trainer = toy_trainer(ToyNet(), hooks=[Counts(), Hook()])
    trainer.train()
    fresh = toy_trainer(ToyNet(), hooks=[Counts(), Hook()])
    fresh.load_state_dict(trainer.state_dict())
    assert fresh.hooks[0].count == 12


def test_checkpoints_are_kept_every_period_and_at_the_end(tmp_path: Path) -> None:
    saving = CheckpointHook(output_dir=tmp_path, period=2, minutes=0, cfg_text="A: 1")
    toy_trainer(ToyNet(), hooks=[saving], num_epochs=5).train()
    names = sorted(path.name for path in checkpoint.folder(tmp_path).iterdir())
    assert names == [*(f"checkpoint_epoch_0000{epoch}.pyth" for epoch in (2, 4, 5)), "last.pyth"]
    assert checkpoint.load(checkpoint.kept_path(tmp_path, 4))["epoch"] == 4
    assert checkpoint.load(checkpoint.last_path(tmp_path))["cfg"] == "A: 1"


def test_without_minutes_nothing_is_saved_inside_an_epoch(tmp_path: Path) -> None:
    saving = CheckpointHook(output_dir=tmp_path, period=1, minutes=0, cfg_text="")
    trainer = toy_trainer(ToyNet(), hooks=[saving])
    trainer.step = FailsAt(trainer.step, 3)
    with pytest.raises(NonFiniteLossError):
        trainer.train()
    assert checkpoint.newest(tmp_path) is None
