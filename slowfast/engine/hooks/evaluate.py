"""Validation while a training runs."""

from __future__ import annotations

from collections.abc import Callable

from slowfast.engine.hooks.base import Hook, is_due
from slowfast.engine.trainer import Trainer
from slowfast.runtime import distributed
from slowfast.runtime.logging import log_stats


class EvaluateHook(Hook):
    """Validates every `period` epochs and after the last one (0: never).

    Norms gather statistics on each process by itself; before a validation all processes take over those of the main process,
    which are also the ones that checkpoints hold.
    """

    def __init__(self, *, evaluate: Callable[[], dict[str, float] | None], period: int) -> None:
        """evaluate: runs on every process; returns the metrics on the main process and None on the others."""
        self._evaluate = evaluate
        self._period = period

    def after_epoch(self, trainer: Trainer) -> None:
        if not is_due(trainer, self._period):
            return
        distributed.broadcast(trainer.model, parameters=False)
        trainer.metrics = self._evaluate() or {}
        if trainer.metrics:
            log_stats({"_type": "val_epoch", "epoch": f"{trainer.epoch}/{trainer.num_epochs}", **trainer.metrics})
