"""Events out of scores: stretches in which the score of a class is high enough, for long enough.

S scores along a video, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slowfast.annotations.events import Events
from slowfast.evaluation.errors import ScoreError
from slowfast.evaluation.timed.scores import TOUCHING_SEC, TimedScores, check_videos

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JoinRule:
    """What makes an event, for each class: float64 (K,) each.

    threshold: the least score. max_gap: stretches with no more seconds than this between them become one event. min_length: a
    shorter event, in seconds, is none; judged after stretches have been joined. A millisecond does not count in either, since
    times that went through float32 do not meet exactly. Raises ScoreError.
    """

    threshold: Floats
    max_gap: Floats
    min_length: Floats

    @classmethod
    def of(
        cls,
        num_classes: int,
        *,
        threshold: float | NDArray[np.floating],
        max_gap: float | NDArray[np.floating] = 0.0,
        min_length: float | NDArray[np.floating] = 0.0,
    ) -> JoinRule:
        """From numbers for all classes, or arrays (K,) with one for each."""
        return cls(
            threshold=_per_class("threshold", threshold, num_classes),
            max_gap=_per_class("max_gap", max_gap, num_classes),
            min_length=_per_class("min_length", min_length, num_classes),
        )

    def __post_init__(self) -> None:
        if not self.threshold.shape == self.max_gap.shape == self.min_length.shape:
            raise ScoreError("a rule for joining has arrays of different lengths; right would be one number a class in each")
        if np.isnan(self.threshold).any():
            raise ScoreError("a threshold for joining is not a number; right would be a score")
        if not ((self.max_gap >= 0).all() and (self.min_length >= 0).all()):
            raise ScoreError("a gap or a length for joining is below 0; right would be seconds from 0")


def join_events(videos: Sequence[TimedScores], rule: JoinRule) -> Events:
    """The events of all videos: by video, class and time. video: its place in `videos`.

    The score of an event is the mean of its scores that are high enough, each weighed by its seconds. Where nothing was scored
    there is a gap like any other. Raises ScoreError.
    """
    check_classes(videos, rule)
    parts = [_of_video(number, video, rule) for number, video in enumerate(videos)]
    return Events.join(parts)


def check_classes(videos: Sequence[TimedScores], rule: JoinRule) -> None:
    num_classes = check_videos(videos, Events.none(scored=False))
    if rule.threshold.shape != (num_classes,):
        raise ScoreError(f"the rule for joining is for {len(rule.threshold)} classes; right would be {num_classes}, as scored")


def _of_video(number: int, video: TimedScores, rule: JoinRule) -> Events:
    # In the scores' own precision: 0.7 reaches a threshold of 0.7 in float32 too.
    label, row = np.nonzero((video.scores >= rule.threshold.astype(video.scores.dtype)).T)
    if not len(row):
        return Events.none(scored=True)
    start, end = video.seconds[row].T
    # Once for all classes: a stretch begins an event where the one before is of another class, or too long ago.
    begins = np.ones(len(row), dtype=bool)
    begins[1:] = (label[1:] != label[:-1]) | (start[1:] - end[:-1] > rule.max_gap[label[1:]] + TOUCHING_SEC)
    first = np.flatnonzero(begins)
    last = np.append(first[1:], len(row)) - 1
    seconds = end - start
    score = np.add.reduceat(_finite(video.scores[row, label]) * seconds, first) / np.add.reduceat(seconds, first)
    keep = end[last] - start[first] >= rule.min_length[label[first]] - TOUCHING_SEC
    first, last = first[keep], last[keep]
    return Events(video=np.full(len(first), number), label=label[first], start=start[first], end=end[last], score=score[keep])


def _finite(scores: NDArray[Any]) -> Floats:
    """Infinite scores as the largest of float32: means are taken of them, and inf - inf is not a number."""
    largest = np.finfo(np.float32).max
    return np.clip(scores.astype(np.float64), -largest, largest)


def _per_class(name: str, value: float | NDArray[np.floating], num_classes: int) -> Floats:
    values = np.asarray(value, dtype=np.float64)
    if values.shape not in ((), (num_classes,)):
        raise ScoreError(f"{name} is {values.shape}; right would be one number, or one for each of {num_classes} classes")
    return np.broadcast_to(values, (num_classes,)).copy()
