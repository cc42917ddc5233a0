"""Checkpoints while a training runs."""

from __future__ import annotations

import time
from pathlib import Path

from slowfast.engine import checkpoint
from slowfast.engine.contract import KEY
from slowfast.engine.hooks.base import Hook, is_due
from slowfast.engine.trainer import Trainer
from slowfast.runtime import distributed


class CheckpointHook(Hook):
    """Keeps a checkpoint every `period` epochs and at the end, and one rolling point to go on from.

    The rolling one is written at the end of every epoch and every `minutes` within one (0: not within epochs), between two
    updates.
    """

    def __init__(self, *, output_dir: str | Path, period: int, minutes: float, cfg_text: str, contract: str = "") -> None:
        """cfg_text: the config as YAML, kept in the file for whoever wants to know how the weights came about. contract: the
        text of a `Contract`, for whoever wants to use them; empty: none."""
        self._output_dir = Path(output_dir)
        self._period = period
        self._seconds = 60 * minutes
        self._notes = {"cfg": cfg_text, **({KEY: contract} if contract else {})}
        self._saved_at = time.monotonic()
        self._began_at = 0

    def before_train(self, trainer: Trainer) -> None:
        self._began_at = trainer.iterations_done
        if self._seconds:
            trainer.updater.asks("save", self._is_due)

    def after_iteration(self, trainer: Trainer) -> None:
        if trainer.within_update:
            return
        # Where all processes have a part in the checkpoint, they must take it at the same iteration.
        if trainer.updater.agreed("save") if trainer.step.carries else self._is_due():
            self.save_last(trainer)

    def _is_due(self) -> bool:
        return self._seconds > 0 and time.monotonic() - self._saved_at >= self._seconds

    def after_epoch(self, trainer: Trainer) -> None:
        if is_due(trainer, trainer.epoch, self._period):
            self._save(trainer, checkpoint.kept_path(self._output_dir, trainer.epoch))
        self.save_last(trainer)

    def after_train(self, trainer: Trainer) -> None:
        if trainer.iterations_done == self._began_at:  # this run only did what was unfinished; it must not be done again
            self.save_last(trainer)

    def save_last(self, trainer: Trainer) -> Path:
        """Writes the rolling checkpoint now, on the main process, and returns where it lies."""
        path = checkpoint.last_path(self._output_dir)
        self._save(trainer, path)
        self._saved_at = time.monotonic()
        return path

    def _save(self, trainer: Trainer, path: Path) -> None:
        if not (distributed.main_process() or trainer.step.carries):
            return
        state = trainer.state_dict()
        if distributed.main_process():
            checkpoint.save(path, {**state, **self._notes})
