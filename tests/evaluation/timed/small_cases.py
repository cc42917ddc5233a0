"""Random small cases in which all that is odd happens often: equal scores, empty videos, moments, gaps, missing classes."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from slowfast.annotations.events import Events
from slowfast.evaluation.timed import TimedScores

SEEDS = st.integers(0, 2**32 - 1)


def draw_events(rng: np.random.Generator, *, num_videos: int, num_classes: int, most: int, scored: bool) -> Events:
    """Times on a grid of quarters, so that overlaps hit thresholds exactly; some of no length, some behind the end."""
    count = int(rng.integers(0, most + 1))
    start = rng.integers(0, 40, count) / 4
    return Events(
        video=rng.integers(0, num_videos, count),
        label=rng.integers(0, num_classes, count),
        start=start,
        end=start + rng.integers(0, 16, count) / 4,
        score=rng.integers(0, 4, count) / 4 if scored else None,
    )


def draw_videos(rng: np.random.Generator, *, num_videos: int, num_classes: int) -> list[TimedScores]:
    return [_draw_video(rng, num_classes) for _ in range(num_videos)]


def _draw_video(rng: np.random.Generator, num_classes: int) -> TimedScores:
    count = int(rng.integers(0, 9))
    lengths, gaps = rng.integers(1, 5, count) / 4, rng.integers(0, 3, count) * rng.integers(0, 2, count) / 4
    end = np.cumsum(lengths + gaps)
    scores = rng.integers(0, 4, (count, num_classes)) / 4
    scores[rng.random(scores.shape) < 0.05] = -np.inf
    return TimedScores(
        seconds=np.stack([end - lengths, end], axis=1).reshape(-1, 2),
        scores=scores.astype(np.float32),
        duration=float(rng.integers(0, 40)) / 4,
    )


def literal_score(video: TimedScores, moment: float, label: int) -> float:
    """The score at a moment: of the stretch that holds it, else of the nearest, the earlier of two."""
    best, distance = -np.inf, np.inf
    for (start, end), row in zip(video.seconds.tolist(), video.scores.tolist(), strict=True):
        if start <= moment < end:
            return row[label]
        away = start - moment if moment < start else moment - end
        if away < distance:
            best, distance = row[label], away
    return best


def literal_label(truths: Events, video: int, label: int, moment: float) -> bool:
    return any(
        truths.video[i] == video and truths.label[i] == label and truths.start[i] <= moment <= truths.end[i]
        for i in range(len(truths))
    )
