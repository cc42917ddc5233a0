"""Frame mAP on AVA (Gu et al., arXiv:1705.08421, sec. 5), in the four ways in which it is computed in public.

A detection is right when it overlaps a truth of its class at its second by at least a threshold. Read `ava_frame_map` from
top to bottom: rows are dropped as the protocol says; then each class is matched and ranked by itself.

D detections of one class, M truths of it, P pairs of the two at the same second, K classes, I thresholds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from slowfast.evaluation.ava.boxes import Boxes
from slowfast.evaluation.errors import ScoreError

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

DROPPED = -1
NO_SECONDS: Ints = np.zeros((0, 2), dtype=np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """What the public evaluators do not agree on.

    use_exclusions: rows at excluded seconds are dropped on both sides. drop_unannotated: detections at a second without any
    truth row, of whatever class, are dropped instead of being false alarms. rows_per_second: that many detections with the best
    scores are kept at a second, all listed classes together; None keeps all. best_score_first: whether the detections at a
    second claim truths in the order of their scores, or in that of their rows.
    """

    use_exclusions: bool
    drop_unannotated: bool
    rows_per_second: int | None
    best_score_first: bool


PROTOCOLS: Mapping[str, Protocol] = {
    # What numbers published with PySlowFast and PGT mean.
    "slowfast": Protocol(use_exclusions=True, drop_unannotated=False, rows_per_second=None, best_score_first=False),
    # The official evaluation: of April 2018, of March 2019, and since May 2020.
    "activitynet_2018": Protocol(use_exclusions=True, drop_unannotated=False, rows_per_second=None, best_score_first=True),
    "activitynet_2019": Protocol(use_exclusions=True, drop_unannotated=False, rows_per_second=50, best_score_first=True),
    "activitynet_head": Protocol(use_exclusions=False, drop_unannotated=True, rows_per_second=50, best_score_first=True),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AvaResult:
    """class_ids: int64 (K,), sorted. iou_thresholds: I numbers. ap: (I, K), NaN for classes without truths.
    num_truths, num_detections: int64 (K,), rows that were scored. num_hits: int64 (I, K)."""

    protocol: str
    class_ids: Ints
    iou_thresholds: tuple[float, ...]
    ap: Floats
    num_truths: Ints
    num_detections: Ints
    num_hits: Ints

    def mean_ap(self, class_ids: Sequence[int] | None = None) -> Floats:
        """(I,): mean over the classes with truths, of all classes or of those given; NaN where there is none."""
        chosen = self.num_truths > 0
        if class_ids is not None:
            chosen &= np.isin(self.class_ids, class_ids)
        return self.ap[:, chosen].mean(axis=1) if chosen.any() else np.full(len(self.ap), np.nan)


def ava_frame_map(
    detections: Boxes,
    truths: Boxes,
    *,
    class_ids: Sequence[int],
    excluded: NDArray[np.integer] = NO_SECONDS,
    protocol: str = "slowfast",
    iou_thresholds: Sequence[float] = (0.5,),
) -> AvaResult:
    """Scores detections against truths. Rows of classes that are not among `class_ids` do not count, on either side.

    excluded: integers (E, 2), video and second. Where scores are equal, the order of the rows decides: a later row ranks first,
    an earlier one claims its truth first. Truths may have no area but not swapped corners, detections without area are dropped.
    Raises ScoreError.
    """
    rules = check_rules(protocol, iou_thresholds)
    classes = _check_arguments(detections, truths, class_ids)
    assert detections.score is not None
    keys = _number_the_frames(detections, truths, excluded)
    detection_class, truth_class = _class_numbers(detections, truths, keys=keys, classes=classes, rules=rules)

    shape = (len(iou_thresholds), len(classes))
    ap, num_hits = np.full(shape, np.nan), np.zeros(shape, dtype=np.int64)
    num_detections, num_truths = np.zeros((2, len(classes)), dtype=np.int64)
    for column in range(len(classes)):
        rows, truth_rows = np.flatnonzero(detection_class == column), np.flatnonzero(truth_class == column)
        num_detections[column], num_truths[column] = len(rows), len(truth_rows)
        if len(truth_rows) == 0:
            continue
        score, key, truth_key = detections.score[rows], keys.detections[rows], keys.truths[truth_rows]
        ranking = np.argsort(score, kind="stable")[::-1]
        # Most detections are at seconds where nobody does this; the others are matched.
        met = np.flatnonzero(np.isin(key, truth_key))
        overlap, truth = best_truths(key[met], detections.box[rows[met]], truth_key, truths.box[truth_rows])
        claim_order = np.argsort(-score[met], kind="stable") if rules.best_score_first else np.arange(len(met))
        for line, threshold in enumerate(iou_thresholds):
            is_hit = np.zeros(len(rows), dtype=bool)
            is_hit[met[first_claims(overlap >= threshold, truth, claim_order)]] = True
            ap[line, column] = average_precision(is_hit[ranking], len(truth_rows))
            num_hits[line, column] = is_hit.sum()
    return AvaResult(
        protocol=protocol,
        class_ids=classes,
        iou_thresholds=tuple(float(threshold) for threshold in iou_thresholds),
        ap=ap,
        num_truths=num_truths,
        num_detections=num_detections,
        num_hits=num_hits,
    )


def best_truths(key: Ints, boxes: Floats, truth_key: Ints, truth_boxes: Floats) -> tuple[Floats, Ints]:
    """The truth that each detection overlaps most: the overlap (D,), and the truth's number (D,). Of equal ones the first.

    key (D,), truth_key (M,): numbers of the frames; at each detection's frame there is a truth. boxes (D, 4),
    truth_boxes (M, 4).
    """
    by_key = np.argsort(truth_key, kind="stable")
    first = np.searchsorted(truth_key[by_key], key, side="left")
    count = np.searchsorted(truth_key[by_key], key, side="right") - first
    # All pairs of a detection and a truth of its frame, detection after detection.
    owner = np.repeat(np.arange(len(key)), count)
    start = np.cumsum(count) - count
    pair_truth = by_key[first[owner] + np.arange(len(owner)) - start[owner]]
    pair_overlap = overlaps(boxes[owner], truth_boxes[pair_truth])

    best = np.maximum.reduceat(pair_overlap, start) if len(key) else np.zeros(0)
    at_best = np.flatnonzero(pair_overlap == best[owner])
    _, first_at_best = np.unique(owner[at_best], return_index=True)
    return best, pair_truth[at_best[first_at_best]]


def overlaps(boxes: Floats, truths: Floats) -> Floats:
    """Intersection over union of each pair of boxes: (P, 4), (P, 4) -> (P,). The boxes of the first kind have an area."""
    size = np.minimum(boxes[:, 2:], truths[:, 2:]) - np.maximum(boxes[:, :2], truths[:, :2])
    intersection = np.maximum(size, 0).prod(axis=1)
    union = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1) + (truths[:, 2:] - truths[:, :2]).prod(axis=1) - intersection
    return np.asarray(intersection / union)


def first_claims(is_candidate: Mask, truth: Ints, claim_order: Ints) -> Ints:
    """Which detections are hits: of the candidates for a truth the one that comes first in `claim_order`.

    One that comes too late is a false alarm: another truth, which it overlaps less, is not tried. That makes the matching a
    question of who comes first, and no loop is needed.
    """
    candidates = claim_order[is_candidate[claim_order]]
    _, first = np.unique(truth[candidates], return_index=True)
    return candidates[first]


def average_precision(ranked_hit: Mask, num_truths: int) -> float:
    """Area under precision over recall, where the precision at a rank is the largest at that or any later rank."""
    ranks = np.flatnonzero(ranked_hit) + 1
    precision = np.arange(1, len(ranks) + 1) / ranks
    # Precision falls between hits, so the largest one at a later rank is that of a hit.
    best_from_here = np.maximum.accumulate(precision[::-1])
    return float(best_from_here.sum() / num_truths)


def check_rules(protocol: str, iou_thresholds: Sequence[float]) -> Protocol:
    """The protocol of that name. Raises ScoreError if there is none, or if a threshold makes no sense."""
    if protocol not in PROTOCOLS:
        raise ScoreError(f"there is no protocol {protocol!r}; right would be one of {', '.join(PROTOCOLS)}")
    if not iou_thresholds or not all(0 < threshold <= 1 for threshold in iou_thresholds):
        raise ScoreError(f"the overlap thresholds are {list(iou_thresholds)}; right would be numbers above 0 and up to 1")
    return PROTOCOLS[protocol]


def _check_arguments(detections: Boxes, truths: Boxes, class_ids: Sequence[int]) -> Ints:
    if detections.score is None:
        raise ScoreError("the detections have no scores and cannot be ranked; right would be one score a row")
    classes = np.unique(np.asarray(class_ids, dtype=np.int64))
    if len(classes) != len(class_ids) or len(classes) == 0 or classes[0] < 1:
        raise ScoreError(f"the classes to score are {list(class_ids)}; right would be different numbers from 1")
    swapped = np.flatnonzero((truths.box[:, 0] > truths.box[:, 2]) | (truths.box[:, 1] > truths.box[:, 3]))
    if len(swapped):
        raise ScoreError(
            f"truth {swapped[0]} (the first is 0) is the box {truths.box[swapped[0]].tolist()}; "
            "right would be x1 <= x2 and y1 <= y2"
        )
    return classes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Keys:
    """One number for each (video, second)."""

    detections: Ints
    truths: Ints
    excluded: Ints


def _number_the_frames(detections: Boxes, truths: Boxes, excluded: NDArray[np.integer]) -> _Keys:
    videos_and_seconds = {
        "detections": (detections.video, detections.second),
        "truths": (truths.video, truths.second),
        "excluded": (excluded[:, 0], excluded[:, 1]),
    }
    ends = [(int(second.min()), int(second.max())) for _, second in videos_and_seconds.values() if len(second)]
    span = 1 + max(high for _, high in ends) - min(low for low, _ in ends) if ends else 1
    keys = {name: video.astype(np.int64) for name, (video, _) in videos_and_seconds.items()}
    for name, (_, second) in videos_and_seconds.items():
        keys[name] *= span
        keys[name] += second
    return _Keys(**keys)


def _class_numbers(
    detections: Boxes, truths: Boxes, *, keys: _Keys, classes: Ints, rules: Protocol
) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """Place in `classes` of the label of each detection and of each truth, DROPPED for rows that do not count."""
    assert detections.score is not None
    found, true = _places(detections.label, classes), _places(truths.label, classes)
    if rules.use_exclusions:
        found[np.isin(keys.detections, keys.excluded)] = DROPPED
        true[np.isin(keys.truths, keys.excluded)] = DROPPED
    if rules.drop_unannotated:
        found[~np.isin(keys.detections, keys.truths)] = DROPPED
    if rules.rows_per_second is not None:
        rows = np.flatnonzero(found != DROPPED)
        found[rows[_beyond(rules.rows_per_second, keys.detections[rows], detections.score[rows])]] = DROPPED
    # After the limit, not before: rows without area take up room there.
    box = detections.box
    found[(box[:, 0] >= box[:, 2]) | (box[:, 1] >= box[:, 3])] = DROPPED
    return found, true


def _places(labels: NDArray[np.integer], classes: Ints) -> NDArray[np.int16]:
    place = np.searchsorted(classes, labels).astype(np.int16)
    np.minimum(place, len(classes) - 1, out=place)
    place[classes[place] != labels] = DROPPED
    return place


def _beyond(limit: int, key: Ints, score: NDArray[np.floating]) -> Ints:
    """Rows that are not among the `limit` best of their frame; of equal scores the earlier is better."""
    order = np.lexsort((-score, key))
    ranked = key[order]
    # A row comes too late when the row `limit` places before it is of the same frame.
    return np.asarray(order[limit:][ranked[limit:] == ranked[:-limit]])
