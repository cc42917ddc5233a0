"""What reading the videos of an epoch was like, and what became of those that could not be read."""

from __future__ import annotations

import logging
from typing import Any

from slowfast.datasets.reading_log import ReadingLog
from slowfast.engine.hooks.base import Hook
from slowfast.engine.trainer import Trainer
from slowfast.runtime import distributed
from slowfast.runtime.logging import FILE_ONLY

logger = logging.getLogger(__name__)

SHOWN = 10


class BadVideosHook(Hook):
    """Says at the end of each epoch which videos were unreadable and had others in their place.

    reading: what the loader of the main process says of the epoch; it goes into the log file.
    """

    def __init__(self, *, reading: ReadingLog | None = None) -> None:
        self._reading = reading
        self._bad: set[str] = set()

    def before_epoch(self, trainer: Trainer) -> None:
        if trainer.iteration == 0:
            self._bad = set()

    def after_iteration(self, trainer: Trainer) -> None:
        self._bad.update(trainer.batch.replaced)

    def after_epoch(self, trainer: Trainer) -> None:
        gathered = distributed.gather_to_main(self._bad)
        if gathered is None:
            return
        if self._reading is not None:
            logger.info("epoch %d: %s", trainer.epoch, self._reading, extra=FILE_ONLY)
        bad = sorted(set().union(*gathered))
        if bad:
            more = f" and {len(bad) - SHOWN} more" if len(bad) > SHOWN else ""
            text = "; ".join(bad[:SHOWN]) + more
            logger.warning("epoch %d: others took the place of %d unreadable videos: %s", trainer.epoch, len(bad), text)

    def state_dict(self) -> dict[str, Any]:
        return {"bad": sorted(self._bad)} if self._bad else {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._bad = set(state["bad"])
