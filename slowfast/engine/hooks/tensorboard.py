"""Curves for TensorBoard."""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from slowfast.engine.hooks.base import Hook
from slowfast.engine.trainer import Trainer
from slowfast.runtime import distributed
from slowfast.runtime.atomic_files import WriteError, writing
from slowfast.runtime.packages import has_report_package

logger = logging.getLogger(__name__)


class TensorBoardHook(Hook):
    """Writes loss, learning rate and validation metrics, by iterations done, on the main process.

    Stands behind the hook that validates. A resumed run hides what the one before wrote beyond the resume point, and, where it
    does a validation over, at that point; what was written until a checkpoint is on the disk with it. So each point is shown
    once, however often a run went on. Raises WriteError when the folder cannot be made.
    """

    def __init__(self, *, log_dir: str | Path, period: int) -> None:
        self._log_dir = str(log_dir)
        self._period = period
        self._writer: Any = None
        self._latest: dict[str, Any] = {}  # of the numbers of training: the step, and what was written

    def before_train(self, trainer: Trainer) -> None:
        if distributed.main_process() and has_report_package(
            "tensorboard", option="TENSORBOARD.ENABLE", without="no scalars are written for it"
        ):
            # Imported late: it takes a second, which only a training should pay.
            from torch.utils.tensorboard import SummaryWriter

            threading.excepthook = _without_writers_failures
            resumed_at, done_over = trainer.iterations_done, bool(trainer.metrics)  # the latter: a validation
            with writing(self._log_dir):
                self._writer = SummaryWriter(self._log_dir, purge_step=resumed_at + (not done_over) if resumed_at else None)
            if done_over:
                if self._latest.get("step") == resumed_at:
                    self._write("train", self._latest["numbers"], trainer)
                self._write("val", trainer.metrics, trainer)

    def after_iteration(self, trainer: Trainer) -> None:
        if self._writer is not None and trainer.iteration % self._period == 0:
            numbers: dict[str, Any] = {"loss": trainer.output.loss, "lr": trainer.learning_rate, **trainer.output.scalars}
            self._latest = {"step": trainer.iterations_done, "numbers": {name: float(each) for name, each in numbers.items()}}
            self._write("train", self._latest["numbers"], trainer)

    def after_epoch(self, trainer: Trainer) -> None:
        if self._writer is not None:
            self._write("val", trainer.metrics, trainer)
            self._attempt(lambda writer: writer.flush())

    def state_dict(self) -> dict[str, Any]:
        self._attempt(lambda writer: writer.flush())
        return self._latest

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._latest = state

    def close(self) -> None:
        if self._writer is not None:
            self._attempt(lambda writer: writer.close())

    def _write(self, group: str, numbers: dict[str, float], trainer: Trainer) -> None:
        for name, number in numbers.items():
            self._attempt(functools.partial(_add, name=f"{group}/{name}", number=number, iteration=trainer.iterations_done))

    def _attempt(self, write: Callable[[Any], None]) -> None:
        """A full disk ends the curves and not the training."""
        if self._writer is None:
            return
        try:
            write(self._writer)
        except OSError as error:
            self._writer = None
            logger.warning("%s; the training goes on without TensorBoard", WriteError.at(self._log_dir, error))


def _add(writer: Any, *, name: str, number: float, iteration: int) -> None:
    writer.add_scalar(name, number, iteration)


def _without_writers_failures(failure: threading.ExceptHookArgs) -> None:
    """TensorBoard writes in a thread, and hands on what fails there at the next call: its traceback would only repeat that."""
    if not (isinstance(failure.exc_value, OSError) and type(failure.thread).__module__.startswith("tensorboard.")):
        threading.__excepthook__(failure)
