"""Validation while a training runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from slowfast.engine.hooks.base import Hook, is_due
from slowfast.engine.trainer import Trainer
from slowfast.runtime import distributed
from slowfast.runtime.errors import Interrupted
from slowfast.runtime.logging import log_stats


class EvaluateHook(Hook):
    """Validates every `period` epochs and after the last one (0: never).

    Norms gather statistics on each process by itself; before a validation all processes take over those of the main process,
    which are also the ones that checkpoints hold. A validation that was interrupted is done over when the run goes on.
    """

    def __init__(self, *, evaluate: Callable[[], dict[str, float] | None], period: int) -> None:
        """evaluate: runs on every process; returns the metrics on the main process and None on the others.

        It may raise Interrupted, on all processes at once; the hook that stops runs does so afterwards.
        """
        self._evaluate = evaluate
        self._period = period
        self.unfinished = False

    def before_train(self, trainer: Trainer) -> None:
        if self.unfinished:
            self._validate(trainer)

    def after_epoch(self, trainer: Trainer) -> None:
        if is_due(trainer, trainer.epoch, self._period):
            self._validate(trainer)

    def state_dict(self) -> dict[str, Any]:
        return {"unfinished": True} if self.unfinished else {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.unfinished = bool(state["unfinished"])

    def _validate(self, trainer: Trainer) -> None:
        distributed.broadcast(trainer.model, parameters=False)
        try:
            trainer.metrics = self._evaluate() or {}
            self.unfinished = False
        except Interrupted:
            self.unfinished = True
        if trainer.metrics:
            log_stats({"_type": "val_epoch", "epoch": f"{trainer.epoch}/{trainer.num_epochs}", **trainer.metrics})
