"""Pictures of a run: its curves, and timelines of some test videos."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fvcore.common.config import CfgNode
from numpy.typing import NDArray
from torch import nn

from slowfast.datasets import ClipDataset, SampleKey
from slowfast.datasets.collate import collate
from slowfast.engine.logging import LOG_FILE
from slowfast.engine.steps import EvalStep
from slowfast.structures import ActionInterval, ClipBatch, VideoRecord
from slowfast.visualization import Timeline, draw_curves, draw_timeline, read_stats

logger = logging.getLogger(__name__)

FRAMES_OF_A_VIEW = 10


def write_report(cfg: CfgNode, *, model: nn.Module, step: EvalStep, dataset: ClipDataset, device: torch.device) -> None:
    """Writes OUTPUT_DIR/curves.png, if OUTPUT_DIR holds the log of a training, and OUTPUT_DIR/timelines/*.png.

    In detection there are no timelines.
    """
    folder = Path(cfg.OUTPUT_DIR)
    stats = of_last_training(read_stats(folder / LOG_FILE))
    if any(entry.get("_type") in ("train_iter", "train_epoch") for entry in stats):
        draw_curves(stats, folder / "curves.png", title=folder.name)
        logger.info("drew %s", folder / "curves.png")
    if cfg.DETECTION.ENABLE:  # a timeline shows one thing at a time, not several persons
        return
    for video in chosen_videos(len(dataset.records), cfg.REPORT.NUM_TIMELINES):
        batch = middle_crops(dataset, video, num_crops=cfg.TEST.NUM_SPATIAL_CROPS)
        timeline = build_timeline(model, step, batch.to(device), record=dataset.records[video], class_names=dataset.class_names)
        path = folder / "timelines" / f"{file_name(timeline.video_id)}.png"
        draw_timeline(timeline, path)
        logger.info("drew %s", path)


def of_last_training(stats: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """What was logged since a training last began at its beginning: a log goes on from run to run."""
    kept: list[Mapping[str, Any]] = []
    for entry in stats:
        if entry.get("_type") == "train_start" and not entry["resumed"]:
            kept = []
        kept.append(entry)
    return kept


def chosen_videos(num_videos: int, num_wanted: int) -> list[int]:
    """Numbers of videos, spread evenly over the list; the same in every run, so that runs can be compared."""
    wanted = min(num_videos, num_wanted)
    return [int((number + 0.5) * num_videos / wanted) for number in range(wanted)]


def middle_crops(dataset: ClipDataset, video: int, *, num_crops: int) -> ClipBatch:
    """All temporal views of a video, each with its middle crop, as one batch."""
    first = video * dataset.num_views
    views = range(num_crops // 2, dataset.num_views, num_crops)
    return collate([dataset[SampleKey(0, first + view)] for view in views])


def build_timeline(
    model: nn.Module, step: EvalStep, batch: ClipBatch, *, record: VideoRecord, class_names: tuple[str, ...]
) -> Timeline:
    """What the model thinks of a video over time; `batch` holds its views, one after the other."""
    model.eval()
    with torch.no_grad():
        output = step(model, batch)
    times = batch.times.cpu().numpy().astype(np.float64)
    spans = np.concatenate([segment_seconds(view_times, output.segments) for view_times in times])
    duration = float(spans.max())
    actions = record.actions
    if record.label is not None:
        actions = (ActionInterval(label=record.label, start_sec=0.0, end_sec=duration),)
    return Timeline(
        video_id=record.video_id,
        duration_sec=duration,
        class_names=class_names,
        actions=actions,
        frames=_pictures(batch, times),
        segments=spans,
        scores=output.segment_scores.flatten(0, 1).float().cpu().numpy(),
    )


def segment_seconds(times: NDArray[np.floating], segments: Iterable[tuple[int, int]]) -> NDArray[np.float64]:
    """Start and end (S, 2) in seconds of frame ranges [start, stop); times (T,). A frame lasts until the next one is due."""
    frame_sec = max(float(times[-1] - times[0]) / max(1, len(times) - 1), 1e-3)
    return np.array([(times[start], times[stop - 1] + frame_sec) for start, stop in segments], dtype=np.float64)


def _pictures(batch: ClipBatch, times: NDArray[np.floating]) -> tuple[tuple[float, NDArray[np.uint8]], ...]:
    """Some frames of each view as (second, (H, W, 3))."""
    frames = batch.frames.permute(0, 2, 3, 4, 1).cpu().numpy()
    num_frames = frames.shape[1]
    shown = sorted(set(np.linspace(0, num_frames - 1, min(num_frames, FRAMES_OF_A_VIEW)).astype(int).tolist()))
    return tuple((float(times[view, t]), frames[view, t]) for view in range(len(frames)) for t in shown)


def file_name(video_id: str) -> str:
    """A name that stays in its folder, whatever the video is called."""
    return re.sub(r"[^\w.-]+", "_", video_id).strip("._") or "video"
