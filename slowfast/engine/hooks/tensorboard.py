"""Curves for TensorBoard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from slowfast.engine.hooks.base import Hook
from slowfast.engine.trainer import Trainer
from slowfast.runtime import distributed
from slowfast.runtime.packages import has_report_package


class TensorBoardHook(Hook):
    """Writes loss, learning rate and validation metrics, by iterations done, on the main process.

    Stands behind the hook that validates. A resumed run hides what the one before wrote beyond the resume point.
    """

    def __init__(self, *, log_dir: str | Path, period: int) -> None:
        self._log_dir = str(log_dir)
        self._period = period
        self._writer: Any = None

    def before_train(self, trainer: Trainer) -> None:
        if distributed.main_process() and has_report_package(
            "tensorboard", option="TENSORBOARD.ENABLE", without="no scalars are written for it"
        ):
            # Imported late: it takes a second, which only a training should pay.
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(self._log_dir, purge_step=trainer.iterations_done or None)
            self._write("val", trainer.metrics, trainer)  # of a validation that was done over

    def after_iteration(self, trainer: Trainer) -> None:
        if self._writer is not None and trainer.iteration % self._period == 0:
            numbers = {"loss": float(trainer.output.loss), "lr": trainer.learning_rate, **trainer.output.scalars}
            self._write("train", numbers, trainer)

    def after_epoch(self, trainer: Trainer) -> None:
        if self._writer is not None:
            self._write("val", trainer.metrics, trainer)
            self._writer.flush()

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()

    def _write(self, group: str, numbers: dict[str, float], trainer: Trainer) -> None:
        for name, number in numbers.items():
            self._writer.add_scalar(f"{group}/{name}", number, trainer.iterations_done)
