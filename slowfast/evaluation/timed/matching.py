"""Which detected events find a true one: each, the best score first, takes the free truth that it overlaps most.

D detections, G truths, P pairs of the two that overlap, T thresholds of the temporal overlap (intersection over union).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from slowfast.annotations.events import Events
from slowfast.evaluation.errors import ScoreError

PAIRS_AT_ONCE = 2_000_000

Ints = NDArray[np.int64]


def check_thresholds(iou_thresholds: Sequence[float]) -> tuple[float, ...]:
    """Raises ScoreError unless there is a threshold and all are above 0 and at most 1."""
    thresholds = tuple(float(threshold) for threshold in iou_thresholds)
    if not thresholds or not all(0 < threshold <= 1 for threshold in thresholds):
        raise ScoreError(f"overlap thresholds are {list(thresholds)}; right would be numbers above 0, up to 1")
    return thresholds


def find_hits(detections: Events, truths: Events, iou_thresholds: Sequence[float]) -> NDArray[np.bool_]:
    """bool (T, D): detections that take a truth of their video and class, whose overlap is at least the threshold.

    Detections come by their score, of equal ones the earlier first; each takes of the truths that are still free the one that
    it overlaps most, of equal ones the earlier. What has no length overlaps nothing. Raises ScoreError.
    """
    thresholds = check_thresholds(iou_thresholds)
    if detections.score is None:
        raise ScoreError("detections have no scores; right would be a score for each")
    hits = np.zeros((len(thresholds), len(detections)), dtype=bool)
    key, truth_key = _keys(detections, truths)
    # Most detections may be where nothing of their class happens; the others take turns.
    met = np.flatnonzero(np.isin(key, truth_key))
    ranking = met[np.argsort(-detections.score[met], kind="stable")]
    pairs = _pairs(detections[ranking], key[ranking], truths, truth_key, min(thresholds))
    for line, threshold in enumerate(thresholds):
        hits[line, ranking[_takers(pairs, threshold, len(ranking), len(truths))]] = True
    return hits


def _keys(detections: Events, truths: Events) -> tuple[Ints, Ints]:
    """Numbers of (video, class), of each detection (D,) and each truth (G,)."""
    num_classes = int(max(detections.label.max(initial=0), truths.label.max(initial=0))) + 1
    key, truth_key = (events.video.astype(np.int64) * num_classes + events.label for events in (detections, truths))
    return key, truth_key


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pairs:
    """owner: int64 (P,), ranks of detections, ascending; the truths of one stand by overlap, the largest first. truth: int64
    (P,). overlap: float64 (P,)."""

    owner: Ints
    truth: Ints
    overlap: NDArray[np.float64]


def _pairs(ranked: Events, key: Ints, truths: Events, truth_key: Ints, least: float) -> _Pairs:
    """All pairs of one key that overlap by `least`."""
    parts = list(_overlapping(ranked, key, truths, truth_key, least))
    owner, truth = (np.concatenate([np.zeros(0, np.int64), *(part[place] for part in parts)]) for place in (0, 1))
    overlap = np.concatenate([np.zeros(0), *(part[2] for part in parts)])
    order = np.lexsort((truth, -overlap, owner))
    return _Pairs(owner=owner[order], truth=truth[order], overlap=overlap[order])


def _overlapping(
    ranked: Events, key: Ints, truths: Events, truth_key: Ints, least: float
) -> Iterator[tuple[Ints, Ints, NDArray[np.float64]]]:
    """(owner, truth, overlap), some detections at a time, so that many of one video need no more memory than few of many."""
    by_key = np.argsort(truth_key, kind="stable")
    first = np.searchsorted(truth_key[by_key], key, side="left")
    count = np.searchsorted(truth_key[by_key], key, side="right") - first
    block = (np.cumsum(count) - 1) // PAIRS_AT_ONCE
    for rows in np.split(np.arange(len(ranked)), np.flatnonzero(np.diff(block)) + 1):
        owner = np.repeat(rows, count[rows])
        start = np.cumsum(count[rows]) - count[rows]
        truth = by_key[np.repeat(first[rows] - start, count[rows]) + np.arange(len(owner))]
        overlap = overlaps(ranked.start[owner], ranked.end[owner], truths.start[truth], truths.end[truth])
        enough = overlap >= least
        yield owner[enough], truth[enough], overlap[enough]


def overlaps(
    start: NDArray[np.float64], end: NDArray[np.float64], other_start: NDArray[np.float64], other_end: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Intersection over union of stretches, row by row (P,); 0 where one has no length."""
    intersection = np.maximum(np.minimum(end, other_end) - np.maximum(start, other_start), 0.0)
    union = (end - start) + (other_end - other_start) - intersection
    shares: NDArray[np.float64] = np.divide(intersection, union, out=np.zeros(len(union)), where=union > 0)
    return shares


def _takers(pairs: _Pairs, threshold: float, num_detections: int, num_truths: int) -> Ints:
    """Ranks of the detections that get a truth.

    Taking turns is the stable matching in which every truth prefers the better rank, and that is found for all videos and
    classes at once: everyone asks for the best truth that has not refused it, and a truth keeps the best who ever asked.
    """
    enough = pairs.overlap >= threshold
    owner, wanted = pairs.owner[enough], pairs.truth[enough]
    asking, next_pair = np.unique(owner, return_index=True)
    place = np.zeros(num_detections, np.int64)
    place[asking] = next_pair
    holder = np.full(num_truths, num_detections)
    while len(asking):
        truth = wanted[place[asking]]
        before = holder[truth]
        np.minimum.at(holder, truth, asking)
        after = holder[truth]
        displaced = np.unique(before[(before != after) & (before < num_detections)])
        refused = np.concatenate([asking[after != asking], displaced])
        place[refused] += 1
        has_more = place[refused] < len(owner)
        has_more[has_more] = owner[place[refused[has_more]]] == refused[has_more]
        asking = refused[has_more]
    return holder[holder < num_detections]
