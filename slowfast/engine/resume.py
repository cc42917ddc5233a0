"""Going on where a training stopped: same epoch, same iteration, same numbers."""

from __future__ import annotations

import logging
from pathlib import Path

from slowfast.engine import checkpoint
from slowfast.engine.trainer import Trainer
from slowfast.runtime.errors import CheckpointError

logger = logging.getLogger(__name__)


def resume(trainer: Trainer, path: Path) -> None:
    """Puts a trainer where the checkpoint was taken. Raises CheckpointError when the two do not belong together."""
    state = checkpoint.load_resume_point(path)
    if state["iteration"] > len(trainer.loader):
        raise CheckpointError(
            f"{path}: stopped after iteration {state['iteration']} of an epoch, but an epoch has {len(trainer.loader)} now, so "
            "the data or TRAIN.BATCH_SIZE have changed: choose another OUTPUT_DIR"
        )
    checkpoint.restore_model(trainer.model, state["model_state"], path)
    try:
        trainer.load_state_dict(state)
    except ValueError as error:
        raise CheckpointError(f"{path}: its optimizer does not fit this config ({error}): choose another OUTPUT_DIR") from None
    logger.info("going on from %s: epoch %d, iteration %d", path, trainer.epoch + 1, trainer.iteration + 1)
