"""One line an epoch that a person can read."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping
from pathlib import Path

from slowfast.engine.hooks.base import Hook
from slowfast.engine.trainer import Trainer
from slowfast.runtime import distributed
from slowfast.runtime.logging import LOG_FILE, of_last_training, read_stats

FIGURES = 3
"""Figures of a validation that the line shows; the log file holds them all."""

logger = logging.getLogger(__name__)


class EpochLineHook(Hook):
    """Says after an epoch what its loss was, how its validation compares with the best before, and how much time is left.

    Stands behind the hooks that log and validate. What was before is read from the log in OUTPUT_DIR, so that a run that goes
    on knows it too.
    """

    def __init__(self, *, output_dir: str | Path) -> None:
        self._log = Path(output_dir) / LOG_FILE
        self._history = History()
        self._started_at = self._epoch_started_at = 0.0
        self._first_epoch = 0.0

    def before_train(self, trainer: Trainer) -> None:
        self._started_at = time.monotonic()
        self._first_epoch = trainer.iterations_done / len(trainer.loader)
        if not distributed.main_process():
            return
        if self._log.is_file():
            self._history = History.of_log(self._log, epochs=trainer.epoch)
        if trainer.metrics:  # of a validation that was done over
            before = History.of_log(self._log, epochs=trainer.epoch - 1) if self._log.is_file() else History()
            logger.info("epoch %d/%d: %s", trainer.epoch, trainer.num_epochs, ", ".join(before.beside_best(trainer.metrics)))

    def before_epoch(self, trainer: Trainer) -> None:
        self._epoch_started_at = time.monotonic()

    def after_epoch(self, trainer: Trainer) -> None:
        if not distributed.main_process():
            return
        loss = trainer.means.get("loss", math.nan)
        now = time.monotonic()
        done = trainer.epoch - self._first_epoch  # 0 where a run goes on behind the last iteration of an epoch
        parts = [
            f"epoch {trainer.epoch}/{trainer.num_epochs}: loss {self._history.beside_last_loss(loss)}",
            *self._history.beside_best(trainer.metrics),
            f"{in_hours(now - self._epoch_started_at)} for this epoch",
        ]
        if done and trainer.epoch < trainer.num_epochs:
            pace = (now - self._started_at) / done
            parts.append(f"{in_hours(pace * (trainer.num_epochs - trainer.epoch))} left")
        logger.info("%s", ", ".join(parts))
        self._history.loss = loss
        self._history.add_figures(trainer.epoch, trainer.metrics)


class History:
    """The loss of the last epoch, and of each figure of validations the best one with its epoch. More is better."""

    def __init__(self) -> None:
        self.loss = math.nan
        self.best: dict[str, tuple[float, int]] = {}

    @classmethod
    def of_log(cls, path: Path, *, epochs: int) -> History:
        """What the log says of the first `epochs` epochs of the training that it ends with."""
        history = cls()
        for entry in of_last_training(read_stats(path)):
            epoch = int(str(entry.get("epoch", "0")).partition("/")[0])
            if epoch > epochs:
                continue
            if entry.get("_type") == "train_epoch":
                history.loss = _number(entry.get("loss"))
            elif entry.get("_type") == "val_epoch":
                history.add_figures(epoch, {name: _number(value) for name, value in entry.items()})
        return history

    def add_figures(self, epoch: int, metrics: Mapping[str, float]) -> None:
        for name, value in metrics.items():
            if value > self.best.get(name, (-math.inf, 0))[0]:
                self.best[name] = (value, epoch)

    def beside_last_loss(self, loss: float) -> str:
        return f"{loss:.4g}" if math.isnan(self.loss) else f"{loss:.4g} (was {self.loss:.4g})"

    def beside_best(self, metrics: Mapping[str, float]) -> list[str]:
        """The first figures of a validation; the very first, which is its main one, beside the best before."""
        figures = list(metrics.items())[:FIGURES]
        return [
            *(self._beside_best(name, value) for name, value in figures[:1]),
            *(_shown(name, value) for name, value in figures[1:]),
        ]

    def _beside_best(self, name: str, value: float) -> str:
        if math.isnan(value) or name not in self.best:
            return _shown(name, value)
        best, epoch = self.best[name]
        if value > best:
            return f"{name} {value:.2f} (best so far, {value - best:+.2f})"
        return f"{name} {value:.2f} (best {best:.2f} in epoch {epoch})"


def _shown(name: str, value: float) -> str:
    return f"{name} undefined" if math.isnan(value) else f"{name} {value:.2f}"


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else math.nan


def in_hours(seconds: float) -> str:
    """Whole seconds as 0:01:23."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"
