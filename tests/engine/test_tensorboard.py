"""Curves for TensorBoard, as its own reader shows them."""

from pathlib import Path

import pytest

from slowfast.engine.hooks import CheckpointHook, EvaluateHook, Hook, InterruptionHook, TensorBoardHook
from slowfast.engine.resume import resume
from slowfast.engine.trainer import Trainer
from slowfast.runtime.errors import Interrupted
from slowfast.runtime.interruption import StopRequest
from tests.engine.engine_toys import ToyNet, toy_trainer

TRAIN = [("train/loss", step) for step in range(1, 13)]
VAL = [("val/mAP", 6), ("val/mAP", 12)]


def shown(folder: Path) -> list[tuple[str, int]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    return [(tag, event.step) for tag in ("train/loss", "val/mAP") for event in events.Scalars(tag)]


class Dies(Hook):
    """As a machine does: behind so many iterations, or, where the number is negative, behind the epoch that they end."""

    def __init__(self, *, at: int) -> None:
        self._at = at

    def after_iteration(self, trainer: Trainer) -> None:
        if trainer.iterations_done == self._at:
            raise ConnectionError

    def after_epoch(self, trainer: Trainer) -> None:
        if trainer.iterations_done == -self._at:
            raise ConnectionError


class Asks(Hook):
    def __init__(self, request: StopRequest, *, at: int) -> None:
        self._request, self._at = request, at

    def after_iteration(self, trainer: Trainer) -> None:
        if trainer.iterations_done == self._at:
            self._request.signal_number = 10


def run(
    folder: Path, *, number: int, extra: list[Hook], request: StopRequest, minutes: float = 0, give_up: bool = False
) -> None:
    """Two epochs of six iterations, from the newest checkpoint on. number: of this run; event files are named by the second."""
    saving = CheckpointHook(output_dir=folder, period=1, minutes=minutes, cfg_text="")

    def evaluate() -> dict[str, float]:
        if give_up:
            request.signal_number = 10
            raise Interrupted(10)
        return {"mAP": 12.5}

    curves = TensorBoardHook(log_dir=folder / "tensorboard", period=1)
    stopping = InterruptionHook(request=request, checkpoints=saving)
    trainer = toy_trainer(ToyNet(), hooks=[saving, EvaluateHook(evaluate=evaluate, period=1), *extra, curves, stopping])
    if (folder / "checkpoints" / "last.pyth").is_file():
        resume(trainer, folder / "checkpoints" / "last.pyth")
    try:
        trainer.train()
    finally:
        for path in (folder / "tensorboard").glob("events.*"):
            path.rename(path.with_name(path.name.replace("events.", f"{number}.", 1)))


def test_curves_hold_loss_and_metrics(tmp_path: Path) -> None:
    run(tmp_path, number=0, extra=[], request=StopRequest())
    assert shown(tmp_path / "tensorboard") == TRAIN + VAL


@pytest.mark.parametrize(
    ("dies_at", "minutes"), [(8, 0), (11, 0), (3, 1e-9), (9, 1e-9), (-6, 0)], ids=["8", "11", "3", "9", "validated"]
)
def test_no_point_is_shown_twice_or_lost_when_a_run_that_died_goes_on(tmp_path: Path, dies_at: int, minutes: float) -> None:
    """From the last epoch, or from the last iteration; but for a point that was not written yet."""
    with pytest.raises(ConnectionError):
        run(tmp_path, number=0, extra=[Dies(at=dies_at)], request=StopRequest(), minutes=minutes)
    run(tmp_path, number=1, extra=[], request=StopRequest())
    lost = [("train/loss", dies_at)] if minutes else [("val/mAP", 6)] if dies_at < 0 else []  # it died before this was written
    assert shown(tmp_path / "tensorboard") == [point for point in TRAIN + VAL if point not in lost]


@pytest.mark.parametrize("at", [2, 6, 7])
def test_no_point_is_shown_twice_or_lost_when_a_run_that_was_stopped_goes_on(tmp_path: Path, at: int) -> None:
    request = StopRequest()
    with pytest.raises(Interrupted), request:
        run(tmp_path, number=0, extra=[Asks(request, at=at)], request=request)
    run(tmp_path, number=1, extra=[], request=StopRequest())
    assert shown(tmp_path / "tensorboard") == TRAIN + VAL


def test_a_validation_that_is_done_over_twice_is_one_point(tmp_path: Path) -> None:
    """Stopped in the first, and dead behind the second before anything was saved."""
    request = StopRequest()
    with pytest.raises(Interrupted), request:
        run(tmp_path, number=0, extra=[], request=request, give_up=True)
    for number in (1, 2):
        with pytest.raises(ConnectionError):
            run(tmp_path, number=number, extra=[Dies(at=7)], request=StopRequest())
    run(tmp_path, number=3, extra=[], request=StopRequest())
    assert shown(tmp_path / "tensorboard") == TRAIN + VAL
