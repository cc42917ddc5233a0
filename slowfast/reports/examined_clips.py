"""When a network says what, in the videos of a test that are worth looking at: clips are scored once more for that."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path

import numpy as np
import torch
from fvcore.common.config import CfgNode
from torch import nn

from slowfast.datasets import ClipDataset
from slowfast.engine.examined import ExaminedVideos
from slowfast.engine.examining import with_scores_along
from slowfast.engine.steps import EvalStep
from slowfast.reports.timelines import build_timeline, middle_crops
from slowfast.runtime.progress import with_bar
from slowfast.visualization.timeline import scores_over_time

logger = logging.getLogger(__name__)


def score_examined(
    cfg: CfgNode, examined: ExaminedVideos, *, model: nn.Module, step: EvalStep, dataset: ClipDataset, device: torch.device
) -> None:
    """Writes the examined videos again, into OUTPUT_DIR, with scores in time. The model is in evaluation mode and gradients are
    off. A test keeps no more of clips than what all those of a video say together, as all of them would need much memory."""
    videos = []
    for video in with_bar(examined.videos, "scoring in time"):
        batch = middle_crops(dataset, video.number, num_crops=cfg.TEST.NUM_SPATIAL_CROPS).to(device)
        timeline = build_timeline(model, step, batch, record=dataset.records[video.number], class_names=dataset.class_names)
        edges, scores = scores_over_time(timeline.segments, timeline.scores)
        covered = ~np.isnan(scores).any(axis=1)
        seconds = np.stack([edges[:-1], edges[1:]], axis=1)[covered]
        videos.append(with_scores_along(video, seconds, scores[covered]))
    dataclasses.replace(examined, videos=tuple(videos)).write(Path(cfg.OUTPUT_DIR))
    logger.info("scored %d videos in time, the worst and the best", len(videos))
