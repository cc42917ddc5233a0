"""Which test videos are worth looking at: those that the network understood worst, and best.

V videos, K classes.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slowfast.annotations.events import Events
from slowfast.datasets import ClipDataset
from slowfast.datasets.frame_folder import FrameFolderSource
from slowfast.datasets.remote_files import is_remote, without_secrets
from slowfast.engine.examined import (
    DECIMALS,
    LOSS,
    LOSS_IN_TIME,
    TRUE_SCORE,
    ExaminedVideo,
    ExaminedVideos,
    ScoresAlong,
    Stretch,
)
from slowfast.evaluation.timed import TimedScores
from slowfast.evaluation.timed.frame_map import frame_moments
from slowfast.evaluation.timed.matching import find_hits
from slowfast.evaluation.timed.scores import by_video, labels_at
from slowfast.structures import VideoRecord

NUM_EXAMINED = 12
"""As many of the worst, and of the best."""

MOST_CLASSES, BEST_CLASSES = 14, 5
"""Classes that are kept of a video, at most; best-scored ones among them, at least if there are as many."""

MOST_STRETCHES = 1000
"""Parts of a video whose scores are kept, at most: the highest within each."""

SURE = 1e-7
"""Scores nearer to 0 or 1 count as this near in losses: a score of 0 for what is true would be infinitely bad."""

MATCHING_IOU = 0.5
"""The overlap from which an event that was found is a true one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What is said of the chosen videos beyond their scores. losses: (V,), in the place of those of `scores`. found, truths: of
    all videos, by place; found is None where the test makes no events. along: by place."""

    losses: NDArray[np.float64]
    truths: list[Events]
    found: list[Events] | None
    along: Sequence[TimedScores]


def examine(
    dataset: ClipDataset,
    *,
    numbers: NDArray[np.int64],
    scores: NDArray[np.floating],
    labels: NDArray[Any],
    judged: Judged | None = None,
    along: Sequence[TimedScores] | None = None,
) -> ExaminedVideos:
    """The NUM_EXAMINED worst and best of V videos, at least one.

    numbers: (V,), places of the videos in the data set. scores: (V, K) in [0, 1]. labels: (V,) or (V, K). judged: how they are
    judged in time; else by their scores alone. along: their scores in time, where they are judged by their scores alone but
    these are known.
    """
    single = labels.ndim == 1
    if judged is not None:
        measure, measured = LOSS_IN_TIME, judged.losses
    elif single:
        measure, measured = TRUE_SCORE, scores[np.arange(len(labels)), labels].astype(np.float64)
    else:
        measure, measured = LOSS, cross_entropy(scores, labels > 0).mean(axis=1)
    order = np.argsort(measured if measure == TRUE_SCORE else -measured, kind="stable").tolist()
    places = examined_places(len(order))
    along = judged.along if judged is not None else along
    videos = []
    for place in places:
        row = order[place]
        record = dataset.records[numbers[row]]
        true = (int(labels[row]),) if single else tuple(np.flatnonzero(labels[row] > 0).tolist())
        truths = _truths(record)
        found: tuple[Stretch, ...] | None = None
        missed, false = _mistakes(scores[row], true)
        if judged is not None:
            truths = _stretches(judged.truths[row])
            if judged.found is not None:
                found = _stretches(judged.found[row])
                missed, false = _mistaken_events(judged.found[row], judged.truths[row])
        in_time = None if along is None else along[row]
        shown = _shown(scores[row], [*true, *missed, *(label for label, *_ in truths)], [*false, *(e[0] for e in found or ())])
        files, fps = files_of(dataset, record)
        videos.append(
            ExaminedVideo(
                video_id=record.video_id,
                number=int(numbers[row]),
                files=files,
                fps=fps,
                place=place + 1,
                measured=round(float(measured[row]), DECIMALS),
                true=true,
                missed=missed,
                false=false,
                rank=1 + int((scores[row] > scores[row, labels[row]]).sum()) if single else None,
                scores={label: round(float(scores[row, label]), DECIMALS) for label in shown},
                truths=truths,
                found=found,
                along=None if in_time is None else scores_along(in_time, shown),
            )
        )
    return ExaminedVideos(measure=measure, num_videos=len(order), class_names=tuple(dataset.class_names), videos=tuple(videos))


def examined_places(count: int) -> list[int]:
    """Those of the worst and the best among so many, from 0; each once."""
    return sorted({*range(count)[:NUM_EXAMINED], *range(count)[-NUM_EXAMINED:]})


def with_scores_along(video: ExaminedVideo, seconds: NDArray[np.floating], scores: NDArray[np.floating]) -> ExaminedVideo:
    """The same with scores in time: seconds (S, 2), in order and without overlap, and scores (S, K)."""
    duration = float(seconds.max(initial=0.0))
    timed = TimedScores(seconds=seconds.astype(np.float64), scores=scores, duration=duration)
    return dataclasses.replace(video, along=scores_along(timed, list(video.scores)))


def judge_in_time(
    along: Sequence[TimedScores], truths: Events, found: Events | None, *, rate: float, num_classes: int
) -> Judged:
    """By the cross-entropy at `rate` moments a second; a video that is shorter than one moment has that of its beginning."""
    truths_of = by_video(truths, len(along))
    losses = []
    for scored, true in zip(along, truths_of, strict=True):
        moments = frame_moments(scored.duration, rate)
        moments = moments if len(moments) else np.zeros(1)
        losses.append(cross_entropy(scored.at(moments), labels_at(true, moments, num_classes)).mean())
    return Judged(
        losses=np.array(losses),
        truths=truths_of,
        found=None if found is None else by_video(found, len(along)),
        along=along,
    )


def cross_entropy(scores: NDArray[np.floating], labels: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Of each class on its own, natural logarithm, in the shape of the two."""
    sure = np.clip(scores.astype(np.float64), SURE, 1 - SURE)
    losses: NDArray[np.float64] = -np.log(np.where(labels, sure, 1 - sure))
    return losses


def files_of(dataset: ClipDataset, record: VideoRecord) -> tuple[tuple[str, ...], float | None]:
    """(paths, pictures a second): None for a file. Remote paths are kept as they may be shown to others. A data set
    that does not say what its videos are made of has files."""
    source = getattr(dataset, "source", None)
    paths = [record.path] if source is None else list(source.files(record.path))
    here = str(Path.cwd())
    whole = tuple(
        without_secrets(path) if is_remote(path) else os.path.join(here, path)  # noqa: PTH118 - pathlib is slow for pictures
        for path in paths
    )
    return whole, float(source.fps) if isinstance(source, FrameFolderSource) else None


def _truths(record: VideoRecord) -> tuple[Stretch, ...]:
    rows = ((action.label, action.start_sec, action.end_sec) for action in record.actions)
    return tuple((label, round(start, DECIMALS), round(end, DECIMALS)) for label, start, end in rows)


def _mistakes(scores: NDArray[np.floating], true: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """(missed, false), with as many classes said as are true: those of the best scores."""
    said = np.argsort(-scores, kind="stable")[: len(true)].tolist()
    return tuple(label for label in true if label not in said), tuple(label for label in said if label not in true)


def _mistaken_events(found: Events, truths: Events) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Classes of the true events that nothing found, and of those found that are not true, an entry an event."""
    (hit,) = find_hits(found, truths, (MATCHING_IOU,))
    hits = np.bincount(found.label[hit], minlength=int(truths.label.max(initial=-1)) + 1)
    all_true = np.bincount(truths.label, minlength=len(hits))
    missed = np.repeat(np.arange(len(hits)), all_true - hits)
    return tuple(missed.tolist()), tuple(np.sort(found.label[~hit]).tolist())


def _shown(scores: NDArray[np.floating], true: Sequence[int], false: Sequence[int]) -> list[int]:
    """Classes worth showing, best score first."""
    best = np.argsort(-scores, kind="stable").tolist()
    kept = list(dict.fromkeys([*true, *false, *best[:BEST_CLASSES]]))[:MOST_CLASSES]
    return [label for label in best if label in kept]


def _stretches(events: Events) -> tuple[Stretch, ...]:
    rows = zip(events.label.tolist(), events.start.round(DECIMALS).tolist(), events.end.round(DECIMALS).tolist(), strict=True)
    return tuple(rows)


def scores_along(timed: TimedScores, labels: Sequence[int]) -> ScoresAlong:
    """Of long videos the highest scores of MOST_STRETCHES parts at most."""
    together = max(1, -(-len(timed.seconds) // MOST_STRETCHES))
    starts = np.arange(0, len(timed.seconds), together)
    ends = np.minimum(starts + together, len(timed.seconds)) - 1
    borders = np.column_stack([timed.seconds[starts, 0], timed.seconds[ends, 1]]).round(DECIMALS)
    seconds = [(float(start), float(end)) for start, end in borders]
    highest = np.maximum.reduceat(timed.scores, starts, axis=0) if len(starts) else timed.scores
    scores: Mapping[int, tuple[float, ...]] = {
        label: tuple(highest[:, label].astype(np.float64).round(DECIMALS).tolist()) for label in labels
    }
    return ScoresAlong(seconds=tuple(seconds), scores=scores)
