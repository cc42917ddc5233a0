"""Timelines of some test videos."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from fvcore.common.config import CfgNode
from numpy.typing import NDArray
from torch import nn

from slowfast.datasets import ClipDataset, SampleKey
from slowfast.datasets.build import whole_videos
from slowfast.datasets.collate import collate
from slowfast.datasets.lanes import LaneKey, Piece
from slowfast.datasets.whole_videos import WholeVideos, collate_lanes
from slowfast.engine.scored_pieces import ScoredPieces
from slowfast.engine.steps import EvalStep
from slowfast.registry import EXAMPLES
from slowfast.reports.examples import file_name, spread_evenly
from slowfast.runtime.progress import with_bar
from slowfast.structures import ActionInterval, ClipBatch, EvalOutput, LaneOutput, VideoRecord
from slowfast.visualization import Timeline, draw_timeline

logger = logging.getLogger(__name__)

FRAMES_OF_A_VIEW = 10


@EXAMPLES.register("classification")
def draw_timelines(cfg: CfgNode, *, model: nn.Module, step: EvalStep, dataset: ClipDataset, device: torch.device) -> None:
    """Writes OUTPUT_DIR/timelines/*.png. The model is in evaluation mode and gradients are off."""
    for video in with_bar(spread_evenly(len(dataset.records), cfg.REPORT.NUM_TIMELINES), "drawing"):
        batch = middle_crops(dataset, video, num_crops=cfg.TEST.NUM_SPATIAL_CROPS)
        timeline = build_timeline(model, step, batch.to(device), record=dataset.records[video], class_names=dataset.class_names)
        path = Path(cfg.OUTPUT_DIR) / "timelines" / f"{file_name(timeline.video_id)}.png"
        draw_timeline(timeline, path)
        logger.info("drew %s", path)


@EXAMPLES.register("whole_videos")
def draw_whole_timelines(cfg: CfgNode, *, model: nn.Module, step: EvalStep, dataset: ClipDataset, device: torch.device) -> None:
    """The same of videos from their first frame to their last, read piece by piece."""
    videos = whole_videos(cfg, dataset, "test")
    for place in with_bar(spread_evenly(len(videos.videos), cfg.REPORT.NUM_TIMELINES), "drawing"):
        timeline = _whole_timeline(model, step, videos, place, pieces=cfg.DATA.LANE_PIECES, device=device)
        path = Path(cfg.OUTPUT_DIR) / "timelines" / f"{file_name(timeline.video_id)}.png"
        draw_timeline(timeline, path)
        logger.info("drew %s", path)


def _whole_timeline(
    model: nn.Module, step: EvalStep, videos: WholeVideos, place: int, *, pieces: int, device: torch.device
) -> Timeline:
    """place: of the video in `videos`; its middle crop is shown. pieces: that are read at once."""
    number = place * videos.num_views + videos.num_views // 2
    length = videos.lengths[number]
    shown = set(np.linspace(0, length - 1, FRAMES_OF_A_VIEW).astype(int).tolist())
    scored, frames = [], []
    for first in range(0, length, pieces):
        wanted = [Piece(0, number, piece) for piece in range(first, min(first + pieces, length))]
        clip = videos[LaneKey(0, (*wanted, *[None] * (pieces - len(wanted))))]
        batch = collate_lanes([clip], videos)
        output = step(model, batch.to(device))
        assert isinstance(output, LaneOutput), "whole videos are scored piece by piece"
        scored.append(ScoredPieces.of(batch, output))
        for at in (videos.piece_frames * i for i, piece in enumerate(wanted) if piece.piece in shown):
            frames.append((float(clip.times[at]), clip.frames[:, at].permute(1, 2, 0).numpy().copy()))
    joined = ScoredPieces.join(scored)
    record, duration = videos.dataset.records[videos.videos[place]], float(joined.seconds[:, 1].max())
    return Timeline(
        video_id=record.video_id,
        duration_sec=duration,
        class_names=videos.dataset.class_names,
        actions=_actions(record, duration),
        frames=tuple(frames),
        segments=joined.seconds,
        scores=joined.scores,
    )


def _actions(record: VideoRecord, duration: float) -> tuple[ActionInterval, ...]:
    """What is true: the one class of the video all the time, or what its annotation says."""
    if record.label is None:
        return record.actions
    return (ActionInterval(label=record.label, start_sec=0.0, end_sec=duration),)


def middle_crops(dataset: ClipDataset, video: int, *, num_crops: int) -> ClipBatch:
    """All temporal views of a video, each with its middle crop, as one batch."""
    first = video * dataset.num_views
    views = range(num_crops // 2, dataset.num_views, num_crops)
    return collate([dataset[SampleKey(0, first + view)] for view in views])


def build_timeline(
    model: nn.Module, step: EvalStep, batch: ClipBatch, *, record: VideoRecord, class_names: tuple[str, ...]
) -> Timeline:
    """What the model thinks of a video over time; `batch` holds its views, one after the other."""
    output = step(model, batch)
    assert isinstance(output, EvalOutput), "timelines show scores of clips"
    times = batch.times.cpu().numpy().astype(np.float64)
    spans = np.concatenate([segment_seconds(view_times, output.segments) for view_times in times])
    duration = float(spans.max())
    return Timeline(
        video_id=record.video_id,
        duration_sec=duration,
        class_names=class_names,
        actions=_actions(record, duration),
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
