"""Pictures of a run: its curves, and examples of what the network says."""

from __future__ import annotations

import logging
from pathlib import Path

import torch
from fvcore.common.config import CfgNode

from slowfast.engine.tasks import CLASSIFICATION, task_of
from slowfast.engine.testing import MOST_CLASSES_SHOWN, Tested
from slowfast.reports import scenes, timelines  # noqa: F401 - they register what they draw
from slowfast.reports.examined_clips import score_examined
from slowfast.reports.examples import examples_of
from slowfast.runtime.logging import LOG_FILE, of_last_training, read_stats
from slowfast.runtime.precision import precision_of
from slowfast.visualization import draw_confusion, draw_curves

logger = logging.getLogger(__name__)


def write_report(cfg: CfgNode, tested: Tested, *, device: torch.device) -> None:
    """Writes OUTPUT_DIR/curves.png, if OUTPUT_DIR holds the log of a training, and examples into a folder beside it; for videos
    with one label of few classes confusion_matrix.png as well. Gives the examined videos their scores in time."""
    folder = Path(cfg.OUTPUT_DIR)
    stats = of_last_training(read_stats(folder / LOG_FILE))
    if any(entry.get("_type") in ("train_iter", "train_epoch") for entry in stats):
        draw_curves(stats, folder / "curves.png", title=folder.name)
        logger.info("drew %s", folder / "curves.png")
    confusion = None if tested.metrics is None else tested.metrics.confusion
    if confusion is not None and len(confusion.class_names) <= MOST_CLASSES_SHOWN:
        draw_confusion(confusion.class_names, confusion.videos, folder / "confusion_matrix.png")
        logger.info("drew %s", folder / "confusion_matrix.png")
    tested.model.eval()
    with torch.no_grad(), precision_of(cfg, "TEST", device).autocast(device):
        draw = examples_of(cfg)
        draw(cfg, model=tested.model, step=tested.step, dataset=tested.dataset, device=device)
        if tested.examined is not None and task_of(cfg) is CLASSIFICATION:
            score_examined(cfg, tested.examined, model=tested.model, step=tested.step, dataset=tested.dataset, device=device)
