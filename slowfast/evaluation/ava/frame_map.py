"""Frame mAP on AVA (Gu et al., arXiv:1705.08421, sec. 5), in the four ways in which it is computed in public.

A detection is right when it overlaps a truth of its class at its second by at least a threshold. Read `frame_map` from top to
bottom: rows are dropped as the protocol says; then each class is matched and ranked by itself.

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

NO_SECONDS: Ints = np.zeros((0, 2), dtype=np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """What the public evaluators do not agree on.

    use_exclusions: rows at excluded seconds are dropped on both sides. drop_unannotated: detections at a second without any
    truth row, of whatever class, are dropped instead of being false alarms. rows_per_second: so many detections with the best
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
    detection_key, truth_key, excluded_key = _number_the_frames(detections, truths, excluded)

    truth_class = _class_numbers(truths.label, classes)
    truth_stays = truth_class >= 0
    detection_class = _class_numbers(detections.label, classes)
    detection_stays = detection_class >= 0
    if rules.use_exclusions:
        truth_stays &= ~np.isin(truth_key, excluded_key)
        detection_stays &= ~np.isin(detection_key, excluded_key)
    if rules.drop_unannotated:
        detection_stays &= np.isin(detection_key, truth_key)
    if rules.rows_per_second is not None:
        _keep_best(detection_stays, detection_key, detections.score, rules.rows_per_second)
    # After the limit, not before: rows without area take up room there.
    detection_stays &= (detections.box[:, 0] < detections.box[:, 2]) & (detections.box[:, 1] < detections.box[:, 3])

    shape = (len(iou_thresholds), len(classes))
    ap, num_hits = np.full(shape, np.nan), np.zeros(shape, dtype=np.int64)
    rows_of_class = _split(detection_stays, detection_class, len(classes))
    truths_of_class = _split(truth_stays, truth_class, len(classes))
    for column, (rows, truth_rows) in enumerate(zip(rows_of_class, truths_of_class, strict=True)):
        if len(truth_rows) == 0:
            continue
        score = detections.score[rows]
        overlap, truth = best_truths(detection_key[rows], detections.box, rows, truth_key[truth_rows], truths.box[truth_rows])
        for line, threshold in enumerate(iou_thresholds):
            is_hit = first_claims(overlap >= threshold, truth, score if rules.best_score_first else None)
            ap[line, column] = average_precision(is_hit, score, len(truth_rows))
            num_hits[line, column] = is_hit.sum()
    return AvaResult(
        protocol=protocol,
        class_ids=classes,
        iou_thresholds=tuple(float(threshold) for threshold in iou_thresholds),
        ap=ap,
        num_truths=np.array([len(rows) for rows in truths_of_class], dtype=np.int64),
        num_detections=np.array([len(rows) for rows in rows_of_class], dtype=np.int64),
        num_hits=num_hits,
    )


def best_truths(key: Ints, boxes: Floats, rows: Ints, truth_key: Ints, truth_boxes: Floats) -> tuple[Floats, Ints]:
    """The truth that each detection overlaps most: its overlap (D,), and its number (D,).

    Of equal overlaps the first counts; a detection at a second without truths has the overlap -1. Detection d has the frame
    key[d] and the box boxes[rows[d]]; truth m has truth_key[m] and truth_boxes[m].
    """
    by_key = np.argsort(truth_key, kind="stable")
    first = np.searchsorted(truth_key[by_key], key, side="left")
    count = np.searchsorted(truth_key[by_key], key, side="right") - first
    # Most detections are at seconds where nobody does this: from here on only those that have something to overlap.
    paired = np.flatnonzero(count)
    first, count = first[paired], count[paired]
    start = np.cumsum(count) - count  # of each detection's pairs
    pair_truth = by_key[np.arange(count.sum()) + np.repeat(first - start, count)]
    pair_iou = overlaps(boxes[np.repeat(rows[paired], count)], truth_boxes[pair_truth])

    overlap, truth = np.full(len(key), -1.0), np.zeros(len(key), dtype=np.int64)
    if len(paired):
        best = np.maximum.reduceat(pair_iou, start)
        owner = np.repeat(np.arange(len(paired)), count)
        at_best = np.flatnonzero(pair_iou == best[owner])
        _, first_at_best = np.unique(owner[at_best], return_index=True)
        overlap[paired] = best
        truth[paired] = pair_truth[at_best[first_at_best]]
    return overlap, truth


def overlaps(boxes: Floats, truths: Floats) -> Floats:
    """Intersection over union of each pair of boxes: (P, 4), (P, 4) -> (P,). The boxes of the first kind have an area."""
    size = np.minimum(boxes[:, 2:], truths[:, 2:]) - np.maximum(boxes[:, :2], truths[:, :2])
    intersection = np.maximum(size, 0).prod(axis=1)
    union = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1) + (truths[:, 2:] - truths[:, :2]).prod(axis=1) - intersection
    return np.asarray(intersection / union)


def first_claims(is_candidate: Mask, truth: Ints, score: NDArray[np.floating] | None) -> Mask:
    """Which detections are hits, (D,): of the candidates for a truth the first one, by score or else by row.

    A detection that comes too late is a false alarm: another truth, which it overlaps less, is not tried. That makes the
    matching a question of who comes first, and no loop is needed.
    """
    candidates = np.flatnonzero(is_candidate)
    if score is not None:
        candidates = candidates[np.argsort(-score[candidates], kind="stable")]
    _, first = np.unique(truth[candidates], return_index=True)
    is_hit = np.zeros(len(is_candidate), dtype=bool)
    is_hit[candidates[first]] = True
    return is_hit


def average_precision(is_hit: Mask, score: NDArray[np.floating], num_truths: int) -> float:
    """Area under precision over recall, where the precision at a rank is the largest at that or any later rank."""
    ranked_hit = is_hit[np.argsort(score, kind="stable")[::-1]]
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


def _number_the_frames(detections: Boxes, truths: Boxes, excluded: NDArray[np.integer]) -> tuple[Ints, Ints, Ints]:
    """One number for each (video, second): of detections, truths and excluded seconds."""
    videos_and_seconds = (
        (detections.video, detections.second),
        (truths.video, truths.second),
        (excluded[:, 0], excluded[:, 1]),
    )
    ends = [(second.min(), second.max()) for _, second in videos_and_seconds if len(second)]
    low, high = (int(min(low for low, _ in ends)), int(max(high for _, high in ends))) if ends else (0, 0)
    keys = [video.astype(np.int64) for video, _ in videos_and_seconds]
    for key, (_, second) in zip(keys, videos_and_seconds, strict=True):
        key *= high - low + 1
        key += second
    return keys[0], keys[1], keys[2]


def _class_numbers(labels: NDArray[np.integer], classes: Ints) -> NDArray[np.int16]:
    """Place of each label in `classes`, -1 for others. Small integers, which NumPy sorts in linear time."""
    place = np.searchsorted(classes, labels).astype(np.int16)
    np.minimum(place, len(classes) - 1, out=place)
    place[classes[place] != labels] = -1
    return place


def _keep_best(stays: Mask, key: Ints, score: NDArray[np.floating], limit: int) -> None:
    """Clears `stays` in all rows but the `limit` best of each frame; of equal scores the earlier stays."""
    rows = np.flatnonzero(stays)
    rows = rows[np.lexsort((-score[rows], key[rows]))]
    start = np.flatnonzero(np.diff(key[rows], prepend=key[rows[:1]] - 1))
    rank = np.arange(len(rows)) - np.repeat(start, np.diff(start, append=len(rows)))
    stays[rows[rank >= limit]] = False


def _split(stays: Mask, class_numbers: NDArray[np.int16], num_classes: int) -> list[Ints]:
    """Rows that stay, in their order, class by class."""
    rows = np.flatnonzero(stays)
    by_class = np.argsort(class_numbers[rows], kind="stable")
    borders = np.searchsorted(class_numbers[rows[by_class]], np.arange(1, num_classes))
    return [np.asarray(part) for part in np.split(rows[by_class], borders)]
