"""The rule for joining scores to events that is best on validation videos.

K classes, L levels of the threshold, C candidates: all combinations of a level, a gap and a length.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from slowfast.annotations.events import Events
from slowfast.evaluation.errors import ScoreError
from slowfast.evaluation.timed.event_map import event_map
from slowfast.evaluation.timed.joining import JoinRule, join_events
from slowfast.evaluation.timed.matching import find_hits
from slowfast.evaluation.timed.scores import TOUCHING_SEC, TimedScores, check_videos

Floats = NDArray[np.float64]

FIGURES = ("f1", "ap")
SHARES_OF_TRUTH = np.geomspace(1 / 2, 32, 16)
"""Thresholds that are tried: reached by as much of the videos as the truths of the class fill, times these. Many times as much
helps where scores are noisy and it is the shortest length that keeps false alarms out."""

SHARES_OF_LENGTH = (0.0, 0.25, 0.5, 0.75)
"""Shortest lengths that are tried: these shares of the median length of the class's truths."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Candidates:
    """What is tried: every combination. thresholds: float64 (L,) or (L, K); None: as SHARES_OF_TRUTH says. max_gaps: seconds.
    min_lengths: seconds; None: SHARES_OF_LENGTH of the median length of a class's truths."""

    thresholds: NDArray[np.floating] | None = None
    max_gaps: Sequence[float] = (0.0,)
    min_lengths: Sequence[float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TunedJoin:
    """rule: the best for each class. figure: float64 (K,), what it reaches on the videos it was tuned on; NaN for classes
    without truths there. Their threshold is that of the level, and their gap and length are those, that are best
    over all classes."""

    rule: JoinRule
    figure: Floats

    @property
    def num_untuned(self) -> int:
        """Classes without truths, for which nothing could be tried."""
        return int(np.isnan(self.figure).sum())


def tune_join_rule(
    videos: Sequence[TimedScores],
    truths: Events,
    *,
    figure: str = "f1",
    iou_threshold: float = 0.5,
    candidates: Candidates | None = None,
) -> TunedJoin:
    """The rule with the best figure of each class: "f1" of all its events, or "ap", both at a temporal overlap.

    truths: their videos are places in `videos`. Of equally good candidates the highest threshold wins, then the smallest gap,
    then the smallest length. Raises ScoreError, also when no class has a truth or nothing was scored.
    """
    num_classes = check_videos(videos, truths)
    if figure not in FIGURES:
        raise ScoreError(f"there is no figure {figure!r} to tune for; right would be one of {', '.join(FIGURES)}")
    if not len(truths) or not any(len(video.scores) for video in videos):
        raise ScoreError("there are no scores or no truths to tune on; right would be videos with both")
    rules = _rules(candidates or Candidates(), videos, truths, num_classes)
    rows, pooled = [], []
    # Lengths change nothing in how scores are joined, so each threshold and gap is joined once.
    for _, group in itertools.groupby(rules, key=lambda rule: (rule.threshold.tobytes(), rule.max_gap.tobytes())):
        same = list(group)
        shortest = np.min([rule.min_length for rule in same], axis=0)
        unit = same[0]
        events = join_events(videos, JoinRule(threshold=unit.threshold, max_gap=unit.max_gap, min_length=shortest))
        for rule in same:
            long_enough = events.end - events.start >= rule.min_length[events.label] - TOUCHING_SEC
            by_class, over_all = _reached(events[long_enough], truths, num_classes, figure, iou_threshold)
            rows.append(by_class)
            pooled.append(over_all)
    reached = np.array(rows)
    has_truths = ~np.isnan(reached[0])
    best = np.where(has_truths, np.where(np.isnan(reached), -1.0, reached).argmax(axis=0), int(np.argmax(pooled)))
    columns = np.arange(num_classes)
    return TunedJoin(
        rule=JoinRule(
            threshold=np.array([rule.threshold for rule in rules])[best, columns],
            max_gap=np.array([rule.max_gap for rule in rules])[best, columns],
            min_length=np.array([rule.min_length for rule in rules])[best, columns],
        ),
        figure=np.where(has_truths, reached[best, columns], np.nan),
    )


def _rules(candidates: Candidates, videos: Sequence[TimedScores], truths: Events, num_classes: int) -> list[JoinRule]:
    """In the order in which equally good ones are preferred."""
    given = candidates.thresholds
    thresholds = _levels(videos, truths, num_classes) if given is None else np.asarray(given, np.float64)
    if given is not None and thresholds.ndim == 1:
        thresholds = np.repeat(thresholds[:, None], num_classes, axis=1)
    lengths: list[Floats] | Sequence[float]
    if candidates.min_lengths is None:
        lengths = [share * _median_lengths(truths, num_classes) for share in SHARES_OF_LENGTH]
    else:
        lengths = sorted(candidates.min_lengths)
    rules = [
        JoinRule.of(num_classes, threshold=threshold, max_gap=gap, min_length=length)
        for threshold in -np.sort(-thresholds, axis=0)
        for gap in sorted(candidates.max_gaps)
        for length in lengths
    ]
    if not rules:
        raise ScoreError("there is no candidate to try; right would be a threshold, a gap and a length at least")
    return rules


def _levels(videos: Sequence[TimedScores], truths: Events, num_classes: int) -> Floats:
    """(L, K): of each class's scores, best first, the one at the place that SHARES_OF_TRUTH says."""
    scores = np.concatenate([video.scores for video in videos])
    filled = np.bincount(truths.label, weights=truths.end - truths.start, minlength=num_classes)
    filled[filled == 0] = filled.sum() / num_classes
    share = filled / max(sum(video.duration for video in videos), TOUCHING_SEC)
    rank = np.clip(np.outer(SHARES_OF_TRUTH, share) * len(scores), 1, len(scores)).astype(np.int64) - 1
    # Class by class: sorting one column at a time needs no second copy of all of them.
    return np.stack([np.sort(scores[:, k])[::-1][rank[:, k]] for k in range(num_classes)], axis=1).astype(np.float64)


def _median_lengths(truths: Events, num_classes: int) -> Floats:
    """(K,): of each class's truths; of those of all classes where it has none."""
    lengths = truths.end - truths.start
    medians = np.full(num_classes, np.median(lengths))
    for label in np.unique(truths.label):
        medians[label] = np.median(lengths[truths.label == label])
    return medians


def _reached(events: Events, truths: Events, num_classes: int, figure: str, iou_threshold: float) -> tuple[Floats, float]:
    """(figure of each class (K,), NaN without truths; figure over all classes: F1 of all events together, or the mean AP)."""
    if figure == "ap":
        result = event_map(events, truths, num_classes=num_classes, iou_thresholds=(iou_threshold,))
        return result.ap[0], float(result.mean_ap()[0])
    hits = events.label[find_hits(events, truths, (iou_threshold,))[0]]
    num_hits, num_events, num_truths = (
        np.bincount(labels, minlength=num_classes) for labels in (hits, events.label, truths.label)
    )
    f1 = np.full(num_classes, np.nan)
    np.divide(2 * num_hits, num_events + num_truths, out=f1, where=num_truths > 0)
    return f1, 2 * len(hits) / (len(events) + len(truths))
