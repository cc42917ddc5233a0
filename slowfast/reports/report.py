"""Pictures of a run: its curves, and examples of what the network says."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from fvcore.common.config import CfgNode
from torch import nn

from slowfast.datasets import ClipDataset
from slowfast.engine.steps import EvalStep
from slowfast.reports.scenes import draw_scenes
from slowfast.reports.timelines import draw_timelines
from slowfast.runtime.logging import LOG_FILE, read_stats
from slowfast.visualization import draw_curves

logger = logging.getLogger(__name__)


def write_report(cfg: CfgNode, *, model: nn.Module, step: EvalStep, dataset: ClipDataset, device: torch.device) -> None:
    """Writes OUTPUT_DIR/curves.png, if OUTPUT_DIR holds the log of a training, and examples into a folder beside it."""
    folder = Path(cfg.OUTPUT_DIR)
    stats = of_last_training(read_stats(folder / LOG_FILE))
    if any(entry.get("_type") in ("train_iter", "train_epoch") for entry in stats):
        draw_curves(stats, folder / "curves.png", title=folder.name)
        logger.info("drew %s", folder / "curves.png")
    model.eval()
    with torch.no_grad():
        draw = draw_scenes if cfg.DETECTION.ENABLE else draw_timelines
        draw(cfg, model=model, step=step, dataset=dataset, device=device)


def of_last_training(stats: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """What was logged since a training last began at its beginning: a log goes on from run to run."""
    kept: list[Mapping[str, Any]] = []
    for entry in stats:
        if entry.get("_type") == "train_start" and not entry["resumed"]:
            kept = []
        kept.append(entry)
    return kept
