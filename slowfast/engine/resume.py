"""Going on where a training stopped: same epoch, same sample, same numbers."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from fvcore.common.config import CfgNode

from slowfast.config.comparing import differences, of_network, told
from slowfast.engine import checkpoint
from slowfast.engine.optimizer import OptimizerStateError
from slowfast.engine.trainer import Trainer
from slowfast.runtime import distributed
from slowfast.runtime.errors import CheckpointError

logger = logging.getLogger(__name__)

START_OVER = "choose another OUTPUT_DIR, or the config that this run was started with"


@dataclass(frozen=True, slots=True)
class ResumePoint:
    path: Path
    state: checkpoint.State


def find_resume_point(cfg: CfgNode) -> ResumePoint | None:
    """What a training goes on from: the newest valid checkpoint in OUTPUT_DIR, if TRAIN.AUTO_RESUME; None: its beginning.

    Says in the log which options have other values than before. Raises CheckpointError when one of them makes another network,
    and when the processes of this run do not all find the same.
    """
    found = checkpoint.newest_valid(cfg.OUTPUT_DIR) if cfg.TRAIN.AUTO_RESUME else None
    if found is None:
        _agree("no checkpoint", cfg)
        if not cfg.TRAIN.AUTO_RESUME and (left := checkpoint.newest(cfg.OUTPUT_DIR)):
            logger.warning("TRAIN.AUTO_RESUME is False: training begins anew, and overwrites %s", left)
        return None
    path, state = found
    checkpoint.checked_resume_point(path, state)
    _agree(f"{path} of epoch {state['epoch']}, iteration {state['iteration']}", cfg)
    changes = differences(cfg, state.get("cfg", ""))
    other_network = {key: change for key, change in changes.items() if of_network(key, cfg)}
    if other_network:
        raise CheckpointError(f"{path}: belongs to another model ({told(other_network)}): {START_OVER}")
    if changes:
        logger.info("%s was written with other options; those of this run count: %s", path, told(changes))
    if cfg.TRAIN.CHECKPOINT_FILE_PATH:
        logger.info(
            "TRAIN.CHECKPOINT_FILE_PATH (%s) is not loaded, as there is %s to go on from; to start from it, choose another "
            "OUTPUT_DIR, or TRAIN.AUTO_RESUME False",
            cfg.TRAIN.CHECKPOINT_FILE_PATH, path,
        )  # fmt: skip
    return ResumePoint(path, state)


def resume(trainer: Trainer, path: Path, state: checkpoint.State | None = None) -> None:
    """Puts a trainer where the checkpoint was taken. Raises CheckpointError when the two do not belong together.

    state: what the file holds, if it was read already.
    """
    state = checkpoint.load_resume_point(path) if state is None else state
    checkpoint.restore_model(trainer.model, state["model_state"], path)
    try:
        trainer.load_state_dict(state)
    except OptimizerStateError as error:
        raise CheckpointError(f"{path}: its optimizer does not fit this config: {error}; {START_OVER}") from None
    logger.info("going on from %s: epoch %d, iteration %d", path, trainer.epoch + 1, trainer.iteration + 1)
    before, now = state.get("processes", distributed.world_size()), distributed.world_size()
    if before != now:
        logger.info(
            "the checkpoint was written by %d process(es), and there are %d now: every sample%s has its place all the same, "
            "and the learning rate stays, as TRAIN.BATCH_SIZE counts over all processes; batch norms see %d at a time now",
            before, now, ", and what is remembered of every video," if trainer.step.carries else "",
            trainer.loader.global_batch_size // now,
        )  # fmt: skip


def _agree(found: str, cfg: CfgNode) -> None:
    """Raises CheckpointError unless all processes found the same."""
    everywhere = distributed.gather_everywhere(found)
    if len(set(everywhere)) > 1:
        listed = "; ".join(f"process {rank}: {text}" for rank, text in enumerate(everywhere))
        raise CheckpointError(
            f"{checkpoint.folder(cfg.OUTPUT_DIR)}: the processes of this run do not find the same to go on from ({listed}); "
            "right would be an OUTPUT_DIR on a disk that all machines share"
        )
