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

    Stands last among the hooks, so that what it saves counts the iteration in all of them.
    """

    def __init__(self, *, request: StopRequest, checkpoints: CheckpointHook) -> None:
        self._request = request
        self._checkpoints = checkpoints

    def after_iteration(self, trainer: Trainer) -> None:
        self._stop_if_asked(trainer)

    def after_epoch(self, trainer: Trainer) -> None:
        # The last epoch's end is the end of the training: there is nothing left to stop.
        if trainer.epoch < trainer.num_epochs:
            self._stop_if_asked(trainer)

    def _stop_if_asked(self, trainer: Trainer) -> None:
        # Signals reach processes at different moments; all must stop after the same iteration.
        signal_number = distributed.largest(self._request.signal_number, trainer.device)
        if not signal_number:
            return
        path = self._checkpoints.save_last(trainer)
        logger.info(
            "stopped after epoch %d, iteration %d, and saved %s; the same command goes on from there",
            trainer.epoch, trainer.iteration, path,
        )  # fmt: skip
        raise Interrupted(signal_number)
