"""The course of a score, with no more points than a screen can show.

S scores along a video.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from slowfast.evaluation.timed import TimedScores
from slowfast.evaluation.timed.scores import TOUCHING_SEC


@dataclass(frozen=True, slots=True)
class Outline:
    """seconds: float64 (P,), from each of which on the score holds, up to the next. scores: (P, K); NaN where nothing was
    scored, as behind the end, and the point before it is at the same second. width: seconds of which each score is the
    highest; 0: they are those of the network."""

    seconds: NDArray[np.float64]
    scores: NDArray[np.floating]
    width: float


def outline(timed: TimedScores, most: int) -> Outline:
    """Scores as they are where there are at most `most`, else the highest of each class within `most` equal parts of the
    video: so a short event never gets lost."""
    course = _all(timed) if len(timed.scores) <= most else _highest(timed, most)
    nothing = np.isnan(course.scores).all(axis=1)
    ends = np.flatnonzero(nothing[1:] & ~nothing[:-1]) + 1
    return Outline(
        np.insert(course.seconds, ends, course.seconds[ends]),
        np.insert(course.scores, ends, course.scores[ends - 1], axis=0),
        course.width,
    )


def _all(timed: TimedScores) -> Outline:
    nothing = np.full((1, timed.num_classes), np.nan, timed.scores.dtype)
    start, end = timed.seconds.T
    # A stretch that another one does not follow at once ends in a gap.
    last = np.flatnonzero(np.append(start[1:] - end[:-1] > TOUCHING_SEC, [True] * min(1, len(end))))
    seconds = np.insert(start, last + 1, end[last])
    scores = np.insert(timed.scores, last + 1, np.repeat(nothing, len(last), axis=0), axis=0)
    return Outline(seconds, scores, 0.0)


def _highest(timed: TimedScores, parts: int) -> Outline:
    start, end = timed.seconds.T
    borders = np.linspace(0, max(timed.duration, float(end[-1])), parts + 1)
    first = np.searchsorted(end, borders[:-1] + TOUCHING_SEC, side="right")
    stop = np.searchsorted(start, borders[1:] - TOUCHING_SEC, side="left")
    scores = np.full((parts + 1, timed.num_classes), np.nan, timed.scores.dtype)
    for part in range(parts):
        if stop[part] > first[part]:
            scores[part] = timed.scores[first[part] : stop[part]].max(axis=0)
    return Outline(borders, scores, float(borders[1]))
