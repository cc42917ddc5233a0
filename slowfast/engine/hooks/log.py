"""Numbers of a training as log lines."""

from __future__ import annotations

import datetime
import logging
import time
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from slowfast.engine.hooks.base import Hook
from slowfast.engine.trainer import Trainer
from slowfast.runtime import distributed
from slowfast.runtime.logging import log_stats
from slowfast.runtime.peak_memory import peak_memory_bytes
from slowfast.runtime.progress import shows_bars

SECONDS_BETWEEN_LINES = 60

logger = logging.getLogger(__name__)


class LogHook(Hook):
    """A line every `period` iterations (train_iter) with means since the one before, and one for every epoch (train_epoch).

    Losses are means over all processes; those of an epoch that was resumed in its middle count what the main process saw
    before. "seconds" is the time since the epoch began or was resumed, without what follows its last iteration.
    Where no bar shows how far a long epoch is, a line a minute does.
    """

    def __init__(self, *, period: int) -> None:
        self._period = period
        self._window = _Sums()
        self._epoch = _Sums()
        self._started_at = self._told_at = 0.0
        self._window_started_at = self._epoch_started_at = 0.0
        self._epoch_seconds = 0.0
        self._first_iteration = 0

    def before_train(self, trainer: Trainer) -> None:
        self._started_at = self._told_at = self._window_started_at = time.monotonic()
        self._first_iteration = trainer.iterations_done

    def before_epoch(self, trainer: Trainer) -> None:
        if trainer.iteration == 0:
            self._epoch = _Sums()
        self._window = _Sums()
        self._window_started_at = self._epoch_started_at = time.monotonic()

    def after_iteration(self, trainer: Trainer) -> None:
        numbers: dict[str, float | Tensor] = {"loss": trainer.output.loss, **trainer.output.scalars}
        self._window.add(numbers)
        self._epoch.add(numbers)
        if trainer.iteration % self._period == 0:
            self._log_window(trainer)

    def after_last_iteration(self, trainer: Trainer) -> None:
        self._epoch_seconds = time.monotonic() - self._epoch_started_at

    def after_epoch(self, trainer: Trainer) -> None:
        trainer.means = self._epoch.means(trainer.device)
        log_stats(
            {
                "_type": "train_epoch",
                "epoch": f"{trainer.epoch}/{trainer.num_epochs}",
                **trainer.means,
                "lr": trainer.learning_rate,
                "seconds": self._epoch_seconds,
                "eta": self._eta(trainer),
                "mem": _memory(trainer.device),
            }
        )

    def _log_window(self, trainer: Trainer) -> None:
        means = self._window.means(trainer.device)
        now = time.monotonic()
        dt = (now - self._window_started_at) / self._window.count
        self._window, self._window_started_at = _Sums(), now
        log_stats(
            {
                "_type": "train_iter",
                "epoch": f"{trainer.epoch + 1}/{trainer.num_epochs}",
                "iter": f"{trainer.iteration}/{len(trainer.loader)}",
                "dt": dt,
                **means,
                "lr": trainer.learning_rate,
                "eta": self._eta(trainer),
                "mem": _memory(trainer.device),
            }
        )
        if now - self._told_at >= SECONDS_BETWEEN_LINES and not shows_bars():
            self._told_at = now
            logger.info(
                "epoch %d/%d, iteration %d of %d: loss %.4g, %.3g s an iteration, %s left",
                trainer.epoch + 1, trainer.num_epochs, trainer.iteration, len(trainer.loader), means["loss"], dt,
                self._eta(trainer),
            )  # fmt: skip

    def _eta(self, trainer: Trainer) -> str:
        """Time left at the pace of this run, all that happens between iterations included."""
        done = trainer.iterations_done - self._first_iteration
        left = trainer.num_epochs * len(trainer.loader) - trainer.iterations_done
        seconds = (time.monotonic() - self._started_at) / max(1, done) * left
        return str(datetime.timedelta(seconds=round(seconds)))

    def state_dict(self) -> dict[str, Any]:
        return {"sums": {name: float(total) for name, total in self._epoch.sums.items()}, "count": self._epoch.count}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._epoch = _Sums(state["sums"], state["count"])


class _Sums:
    """Sums of numbers by name, and how many of each went in. Numbers of a GPU are added up there, and fetched for the means."""

    def __init__(self, sums: Mapping[str, float | Tensor] | None = None, count: int = 0) -> None:
        self.sums = dict(sums or {})
        self.count = count

    def add(self, numbers: Mapping[str, float | Tensor]) -> None:
        self.count += 1
        for name, number in numbers.items():
            self.sums[name] = self.sums.get(name, 0.0) + (number.double() if isinstance(number, Tensor) else number)

    def means(self, device: torch.device) -> dict[str, float]:
        """Means over iterations and processes, which must all call this."""
        if not self.count:
            return {}
        totals = [torch.as_tensor(total, dtype=torch.float64) for total in self.sums.values()]
        if distributed.world_size() > 1 or any(total.device.type != "cpu" for total in totals):
            totals = [total.to(device) for total in totals]
        tensor = torch.stack(totals).div(self.count).float()
        distributed.reduce_mean([tensor])
        return dict(zip(self.sums, tensor.tolist(), strict=True))


def _memory(device: torch.device) -> str:
    return f"{peak_memory_bytes(device) / 2**30:.2f}G"
