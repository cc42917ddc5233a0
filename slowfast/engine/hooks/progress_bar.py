"""A progress bar for people who watch."""

from __future__ import annotations

import contextlib
from typing import Any

from tqdm import tqdm

from slowfast.engine.hooks.base import Hook
from slowfast.engine.trainer import Trainer
from slowfast.runtime.progress import shows_bars


class ProgressBarHook(Hook):
    """One bar an epoch with time left, and every `period` iterations loss and learning rate: showing them waits for the device.
    Without a terminal there is none; LogHook says then how far a long epoch is."""

    def __init__(self, *, period: int) -> None:
        self._period = period
        self._bar: tqdm[Any] | None = None

    def before_epoch(self, trainer: Trainer) -> None:
        if not shows_bars():
            return
        self._bar = tqdm(
            total=len(trainer.loader),
            initial=trainer.iteration,
            desc=f"epoch {trainer.epoch + 1}/{trainer.num_epochs}",
            leave=False,
            dynamic_ncols=True,
        )

    def after_iteration(self, trainer: Trainer) -> None:
        if self._bar is not None:
            if trainer.iteration % self._period == 0:
                loss, rate = f"{float(trainer.output.loss):.4g}", f"{trainer.learning_rate:.3g}"
                self._bar.set_postfix(loss=loss, lr=rate, refresh=False)
            try:
                self._bar.update()
            except OSError:  # the terminal is gone
                self.close()

    def after_epoch(self, trainer: Trainer) -> None:
        self.close()

    def close(self) -> None:
        if self._bar is not None:
            bar, self._bar = self._bar, None
            with contextlib.suppress(OSError):
                bar.close()
