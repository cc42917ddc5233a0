"""The scores of whole videos along their time, out of those of their pieces, and as files that other programs read.

V videos with scores, K classes.
"""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from slowfast.annotations.events import Events
from slowfast.engine.scored_pieces import ScoredPieces
from slowfast.evaluation.timed import TimedScores
from slowfast.evaluation.timed.frame_map import frame_moments
from slowfast.evaluation.timed.scores import TOUCHING_SEC
from slowfast.runtime.atomic_files import atomic_write
from slowfast.structures import VideoRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoresInTime:
    """numbers: int64 (V,), rising: the videos' places in their data set. scores: of each of these."""

    numbers: NDArray[np.int64]
    scores: list[TimedScores]

    @classmethod
    def of(cls, pieces: ScoredPieces, *, method: str) -> ScoresInTime:
        """method: "sum" (the mean) or "max", joins the views of a piece."""
        order = np.lexsort((pieces.keys[:, 2], pieces.keys[:, 0]))
        keys, first = np.unique(pieces.keys[order][:, [0, 2]], axis=0, return_index=True)
        if method == "max":
            scores = np.maximum.reduceat(pieces.scores[order], first)
        else:
            counts = np.diff(np.append(first, len(order))).astype(np.float32)
            scores = np.add.reduceat(pieces.scores[order], first) / counts[:, None]
        seconds, video_sec = pieces.seconds[order][first], pieces.video_sec[order][first]
        numbers, begins = np.unique(keys[:, 0], return_index=True)
        cuts = itertools.pairwise([*begins, len(keys)])
        videos = [TimedScores(seconds=_apart(seconds[a:b]), scores=scores[a:b], duration=float(video_sec[a])) for a, b in cuts]
        return cls(numbers=numbers, scores=videos)

    @property
    def durations(self) -> NDArray[np.float64]:
        return np.array([video.duration for video in self.scores])

    def truths(self, records: Sequence[VideoRecord], *, cut: bool) -> Events:
        """What the annotation says of these videos, by their places here. cut: videos are read up to their durations only, so
        that what begins later is left out, and what goes on longer ends there."""
        rows = [
            (video, action.label, action.start_sec, min(action.end_sec, duration) if cut else action.end_sec)
            for video, (number, duration) in enumerate(zip(self.numbers, self.durations, strict=True))
            for action in records[number].actions
            if not cut or action.start_sec < duration
        ]
        columns = np.array(rows, dtype=np.float64).reshape(-1, 4).T
        video, label = columns[:2].astype(np.int64)
        return Events(video=video, label=label, start=columns[2], end=columns[3])


def _apart(seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Stretches that end where the next one begins, if that is no later: frames do not always come at the rate that is stated.
    seconds: (S, 2), of one video."""
    seconds = seconds.copy()
    start, end = seconds[:-1, 0], seconds[:-1, 1]
    following = seconds[1:, 0]
    meets = (following > start) & (following <= end + TOUCHING_SEC)
    seconds[:-1, 1] = np.where(meets, following, end)
    return seconds


def write_csv(
    path: Path, scores: Sequence[TimedScores], *, names: Sequence[str], class_names: Sequence[str], rate: float
) -> None:
    """A table: a row for each frame at `rate` a second, with its video, its second and a score for each class."""
    with atomic_write(path) as beside, beside.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["video", "second", *class_names])
        for name, video in zip(names, scores, strict=True):
            writer.writerows(_rows(name, video, rate))


def _rows(name: str, video: TimedScores, rate: float) -> Iterator[list[str]]:
    moments = frame_moments(video.duration, rate)
    for second, row in zip(moments.tolist(), video.at(moments).tolist(), strict=True):
        yield [name, f"{second:.6g}", *(f"{score:.6g}" for score in row)]
