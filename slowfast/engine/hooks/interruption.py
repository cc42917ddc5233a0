"""Stopping when asked to."""

from __future__ import annotations

import logging

from slowfast.engine.hooks.base import Hook
from slowfast.engine.hooks.checkpoint import CheckpointHook
from slowfast.engine.trainer import Trainer
from slowfast.runtime import distributed
from slowfast.runtime.errors import Interrupted
from slowfast.runtime.interruption import StopRequest

logger = logging.getLogger(__name__)


class InterruptionHook(Hook):
    """Saves and raises Interrupted once this or any other process has been asked to stop.

    Stands last among the hooks, so that what it saves counts the iteration in all of them. An update of several iterations is
    finished first. With several processes they tell each other with the gradients of an update, which costs no message and no
    wait of its own.
    """

    def __init__(self, *, request: StopRequest, checkpoints: CheckpointHook) -> None:
        self._request = request
        self._checkpoints = checkpoints

    def before_train(self, trainer: Trainer) -> None:
        trainer.updater.asks("stop", lambda: self._request.signal_number > 0)
        self._stop_if_asked(trainer)

    def after_iteration(self, trainer: Trainer) -> None:
        if not trainer.within_update and trainer.updater.agreed("stop"):
            self._stop_if_asked(trainer)

    def after_last_iteration(self, trainer: Trainer) -> None:
        self._stop_if_asked(trainer)

    def after_epoch(self, trainer: Trainer) -> None:
        self._stop_if_asked(trainer)

    def _stop_if_asked(self, trainer: Trainer) -> None:
        try:
            # Signals reach processes at different moments; all must stop after the same iteration.
            distributed.stop_if_asked(self._request, trainer.device)
        except Interrupted as stop:
            path = self._checkpoints.save_last(trainer)
            self._checkpoints.finish()
            # Where one process ends, its launcher ends the others: they wait until all is written.
            distributed.barrier()
            logger.info(
                "stopped by %s after epoch %d, iteration %d, and saved %s; the same command goes on from there",
                stop.name, trainer.epoch, trainer.iteration, path,
            )  # fmt: skip
            raise Interrupted(stop.signal_number, f"saved {path}", told=True) from None
