"""The scores of a video along its time, and what the truths say at moments.

S scores along a video, K classes, M moments.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from slowfast.annotations.events import Events
from slowfast.evaluation.errors import ScoreError

TOUCHING_SEC = 1e-3
"""Stretches that are so close to each other touch: times that went through float32 do not meet exactly."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TimedScores:
    """Scores along one video.

    seconds: float64 (S, 2), the stretch [start, end) that each row of scores is for; in order, start < end, without overlap
    (gaps are allowed). scores: floats (S, K); infinities are scores like any other. duration: of the video, in seconds. A video
    of which nothing was scored has S = 0: wherever a score is asked for it is minus infinity. Raises ScoreError.
    """

    seconds: NDArray[np.float64]
    scores: NDArray[np.floating]
    duration: float

    def __post_init__(self) -> None:
        if self.scores.ndim != 2 or self.seconds.shape != (len(self.scores), 2):
            raise ScoreError(
                f"scores along a video are {self.scores.shape} and their seconds {self.seconds.shape}; right would be (S, K) "
                "and (S, 2)"
            )
        if not np.issubdtype(self.scores.dtype, np.floating):
            raise ScoreError(f"scores along a video are {self.scores.dtype}; right would be floats")
        if not (np.isfinite(self.duration) and self.duration >= 0):
            raise ScoreError(f"the duration of a video is {self.duration}; right would be its seconds, from 0")
        if self.scores.size and np.isnan(self.scores.min()):
            row, column = np.argwhere(np.isnan(self.scores))[0]
            raise ScoreError(f"scores along a video: that of row {row}, class {column} (counted from 0) is not a number")
        start, end = self.seconds.T
        wrong = ~(np.isfinite(start) & np.isfinite(end) & (start < end))
        wrong[1:] |= ~(start[1:] >= end[:-1] - TOUCHING_SEC)
        if wrong.any():
            row = int(wrong.argmax())
            raise ScoreError(
                f"scores along a video: row {row} (counted from 0) is for seconds {start[row]:g} to {end[row]:g}"
                f"{f', the one before for {start[row - 1]:g} to {end[row - 1]:g}' if row else ''}; right would be stretches in "
                "order that do not overlap"
            )

    @classmethod
    def at_seconds(cls, seconds: NDArray[np.floating], scores: NDArray[np.floating], *, duration: float) -> TimedScores:
        """Scores of moments, seconds (S,) in growing order from 0 to the duration: each is for all that lies nearer to its
        moment than to the others, the first from second 0 on, the last to the end of the video. Raises ScoreError."""
        if seconds.shape != (len(scores),):
            raise ScoreError(f"the seconds of {len(scores)} scores are {seconds.shape}; right would be one for each")
        times = seconds.astype(np.float64)
        steps = np.diff(times)
        if not (np.isfinite(times).all() and (steps > 0).all() and (times >= 0).all() and (times <= duration).all()):
            raise ScoreError(
                f"the seconds of scores are not in growing order within 0 to {duration:g}, the duration of the video; right "
                "would be each second once, in order"
            )
        borders = np.concatenate([[0.0], times[:-1] + steps / 2, [float(duration)]]) if len(times) else np.zeros(0)
        return cls(seconds=np.stack([borders[:-1], borders[1:]], axis=1).reshape(-1, 2), scores=scores, duration=duration)

    @property
    def num_classes(self) -> int:
        return int(self.scores.shape[1])

    def at(self, moments: NDArray[np.float64]) -> NDArray[np.floating]:
        """Scores (M, K) at moments (M,), each that of the stretch which holds the moment; in a gap, before the first stretch
        and behind the last one, that of the nearest, of two equally near ones the earlier."""
        if not len(self.scores):
            return np.full((len(moments), self.num_classes), -np.inf, self.scores.dtype)
        start, end = self.seconds.T
        last_begun = np.maximum(np.searchsorted(start, moments, side="right") - 1, 0)
        following = np.minimum(last_begun + 1, len(start) - 1)
        behind = moments - end[last_begun]
        row = np.where((behind > 0) & (start[following] - moments < behind), following, last_begun)
        return self.scores[row]


def check_videos(videos: Sequence[TimedScores], truths: Events) -> int:
    """The number of classes. Raises ScoreError unless there is a video, all have as many classes, and truths are of these."""
    if not videos:
        raise ScoreError("there is no video to score; right would be at least one")
    counts = {video.num_classes for video in videos}
    if len(counts) > 1:
        raise ScoreError(f"videos have {', '.join(map(str, sorted(counts)))} classes; right would be the same number for all")
    (num_classes,) = counts
    for what, numbers, limit in (("video", truths.video, len(videos)), ("class", truths.label, num_classes)):
        if len(numbers) and numbers.max() >= limit:
            raise ScoreError(f"a truth is of {what} {numbers.max()}; right would be 0 to {limit - 1}")
    return num_classes


def by_video(events: Events, num_videos: int) -> list[Events]:
    """The events of each video, in their order."""
    order = np.argsort(events.video, kind="stable")
    borders = np.searchsorted(events.video[order], np.arange(num_videos + 1))
    return [events[order[first:stop]] for first, stop in itertools.pairwise(borders)]


def labels_at(truths: Events, moments: NDArray[np.float64], num_classes: int) -> NDArray[np.bool_]:
    """bool (M, K): classes that are on at moments (M,) in growing order, by the truths of one video: start <= moment <= end."""
    change = np.zeros((len(moments) + 1, num_classes), np.int32)
    np.add.at(change, (np.searchsorted(moments, truths.start, side="left"), truths.label), 1)
    np.add.at(change, (np.searchsorted(moments, truths.end, side="right"), truths.label), -1)
    return change[:-1].cumsum(axis=0) > 0
