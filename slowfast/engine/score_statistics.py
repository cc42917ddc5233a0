"""What the scores of a test look like as a whole, as a file that a page of the run shows.

V videos, K classes, D bins of durations.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from slowfast.annotations.events import Events
from slowfast.evaluation.calibration import NUM_BINS, NUM_SCORE_BINS, Calibration, score_histogram
from slowfast.evaluation.timed import TimedScores
from slowfast.evaluation.timed.frame_map import frame_moments
from slowfast.evaluation.timed.scores import by_video, labels_at
from slowfast.runtime.atomic_files import write_json

STATISTICS = "score_statistics.json"

BEST_SCORES, ALL_SCORES, SCORES_IN_TIME = "best_scores", "all_scores", "scores_in_time"
"""Whose calibration: of the best score of each video, where it has one class; of all classes of each video; of all classes at
each moment."""

SHORTEST_SEC = 0.25
"""Durations are counted in octaves from here on; what is shorter is one more."""

Counts = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Durations:
    """edges: seconds, D + 1 of them, the first 0. true, found: D counts each, of events."""

    edges: tuple[float, ...]
    true: Counts
    found: Counts

    @classmethod
    def of(cls, true: NDArray[np.floating], found: NDArray[np.floating]) -> Self:
        """Of events with these durations, in seconds."""
        longest = max(true.max(initial=0.0), found.max(initial=0.0))
        edges = [0.0, SHORTEST_SEC]
        while edges[-1] <= longest:
            edges.append(2 * edges[-1])
        counts = [tuple(np.histogram(seconds, edges)[0].tolist()) for seconds in (true, found)]
        return cls(edges=tuple(edges), true=counts[0], found=counts[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Together:
    """true: (K, K) videos in which the class of the row and that of the column are true. said: those in which the class of the
    row is true and that of the column is said, as many being said as are true: those with the best scores."""

    true: tuple[Counts, ...]
    said: tuple[Counts, ...]

    @classmethod
    def of(cls, scores: NDArray[np.floating], labels: NDArray[np.bool_]) -> Self:
        """scores, labels: (V, K)."""
        ranks = np.argsort(np.argsort(-scores, axis=1, kind="stable"), axis=1)
        said = ranks < labels.sum(axis=1, keepdims=True)
        true = labels.astype(np.int64)
        return cls(true=_rows(true.T @ true), said=_rows(true.T @ said.astype(np.int64)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreStatistics:
    """calibrated: BEST_SCORES, ALL_SCORES or SCORES_IN_TIME. counts, means, hits: of each of NUM_BINS bins of scores how many,
    their mean (None: there are none), and how many are of something true. error: expected calibration error in [0, 1]. of_true,
    of_others: how many scores of true and of other classes are in each of NUM_SCORE_BINS bins. durations: of events, where a
    test makes some. together: where videos have several classes."""

    class_names: tuple[str, ...]
    calibrated: str
    counts: Counts
    means: tuple[float | None, ...]
    hits: Counts
    error: float
    of_true: Counts
    of_others: Counts
    durations: Durations | None = None
    together: Together | None = None

    def write(self, folder: Path) -> None:
        """Writes the file into the folder of a run. Raises WriteError."""
        write_json(folder / STATISTICS, dataclasses.asdict(self))


def statistics_of_videos(scores: NDArray[np.floating], labels: NDArray[Any], class_names: Sequence[str]) -> ScoreStatistics:
    """scores: (V, K) in [0, 1]. labels: (V,) or (V, K). Raises ScoreError."""
    if labels.ndim == 1:
        best = scores.argmax(axis=1)
        calibration = Calibration.of(scores[np.arange(len(best)), best], best == labels)
        true = labels[:, None] == np.arange(scores.shape[1])
        return _statistics(BEST_SCORES, calibration, score_histogram(scores[true]), score_histogram(scores[~true]), class_names)
    true = labels > 0
    found = _statistics(
        ALL_SCORES,
        Calibration.of(scores.ravel(), true.ravel()),
        score_histogram(scores[true]),
        score_histogram(scores[~true]),
        class_names,
    )
    return dataclasses.replace(found, together=Together.of(scores, true))


def statistics_in_time(
    along: Sequence[TimedScores], truths: Events, found: Events | None, *, rate: float, class_names: Sequence[str]
) -> ScoreStatistics:
    """Of all moments, `rate` a second. Raises ScoreError."""
    nothing = np.zeros(0)
    calibration = Calibration.of(nothing, nothing > 0)
    of_true, of_others = score_histogram(nothing), score_histogram(nothing)
    for timed, true_events in zip(along, by_video(truths, len(along)), strict=True):
        moments = frame_moments(timed.duration, rate)
        scores, true = timed.at(moments), labels_at(true_events, moments, len(class_names))
        calibration += Calibration.of(scores.ravel(), true.ravel())
        of_true += score_histogram(scores[true])
        of_others += score_histogram(scores[~true])
    statistics = _statistics(SCORES_IN_TIME, calibration, of_true, of_others, class_names)
    if found is None:
        return statistics
    return dataclasses.replace(statistics, durations=Durations.of(truths.end - truths.start, found.end - found.start))


def read_statistics(path: Path) -> ScoreStatistics:
    """Raises OSError, and ValueError, KeyError, TypeError or AttributeError for content of another form."""
    content = json.loads(path.read_text(encoding="utf-8"))
    durations, together = content["durations"], content["together"]
    statistics = ScoreStatistics(
        class_names=tuple(map(str, content["class_names"])),
        calibrated=str(content["calibrated"]),
        counts=_numbers(content["counts"], NUM_BINS),
        means=tuple(None if mean is None else float(mean) for mean in content["means"]),
        hits=_numbers(content["hits"], NUM_BINS),
        error=float("nan") if content["error"] is None else float(content["error"]),
        of_true=_numbers(content["of_true"], NUM_SCORE_BINS),
        of_others=_numbers(content["of_others"], NUM_SCORE_BINS),
        durations=None if durations is None else _read_durations(durations),
        together=None if together is None else _read_together(together, len(content["class_names"])),
    )
    if statistics.calibrated not in (BEST_SCORES, ALL_SCORES, SCORES_IN_TIME):
        raise ValueError(f"{statistics.calibrated!r} cannot be calibrated")
    if len(statistics.means) != NUM_BINS:
        raise ValueError(f"there are {len(statistics.means)} means; right would be {NUM_BINS}")
    return statistics


def _statistics(
    calibrated: str,
    calibration: Calibration,
    of_true: NDArray[np.int64],
    of_others: NDArray[np.int64],
    class_names: Sequence[str],
) -> ScoreStatistics:
    bins = zip(calibration.sums.tolist(), calibration.counts.tolist(), strict=True)
    return ScoreStatistics(
        class_names=tuple(class_names),
        calibrated=calibrated,
        counts=tuple(calibration.counts.tolist()),
        means=tuple(total / count if count else None for total, count in bins),
        hits=tuple(calibration.hits.tolist()),
        error=calibration.error,
        of_true=tuple(of_true.tolist()),
        of_others=tuple(of_others.tolist()),
    )


def _read_durations(content: Any) -> Durations:
    edges = tuple(map(float, content["edges"]))
    true, found = (_numbers(content[name], len(edges) - 1) for name in ("true", "found"))
    return Durations(edges=edges, true=true, found=found)


def _read_together(content: Any, num_classes: int) -> Together:
    tables = [tuple(_numbers(row, num_classes) for row in content[name]) for name in ("true", "said")]
    if any(len(table) != num_classes for table in tables):
        raise ValueError(f"tables of classes that come together are not of {num_classes}")
    return Together(true=tables[0], said=tables[1])


def _numbers(values: Any, number: int) -> Counts:
    counts = tuple(map(int, values))
    if len(counts) != number:
        raise ValueError(f"there are {len(counts)} counts; right would be {number}")
    return counts


def _rows(table: NDArray[np.int64]) -> tuple[Counts, ...]:
    return tuple(tuple(row) for row in table.tolist())
