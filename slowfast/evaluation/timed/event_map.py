"""Detection mAP of events at temporal overlaps, as ActivityNet (Caba Heilbron et al., CVPR 2015) and THUMOS take it.

T thresholds of overlap, K classes.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from slowfast.annotations.events import Events
from slowfast.evaluation.errors import ScoreError
from slowfast.evaluation.timed.matching import check_thresholds, find_hits

ACTIVITYNET_IOU = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
"""Thresholds whose mean is ActivityNet's figure."""

THUMOS_IOU = (0.3, 0.4, 0.5, 0.6, 0.7)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EventMap:
    """ap: float64 (T, K), NaN for classes without truths. num_truths, num_detections: int64 (K,). num_hits: int64 (T, K),
    detections that found a truth."""

    iou_thresholds: tuple[float, ...]
    ap: NDArray[np.float64]
    num_truths: NDArray[np.int64]
    num_detections: NDArray[np.int64]
    num_hits: NDArray[np.int64]

    @property
    def num_left_out(self) -> int:
        """Classes that have no truth, and no part in the means."""
        return int((self.num_truths == 0).sum())

    def mean_ap(self) -> NDArray[np.float64]:
        """(T,): over the classes with truths; NaN if there is none."""
        chosen = self.num_truths > 0
        # In the order of their values, lest the last bit depend on how classes are numbered.
        return np.sort(self.ap[:, chosen], axis=1).mean(axis=1) if chosen.any() else np.full(len(self.ap), np.nan)

    def average(self, iou_thresholds: Sequence[float]) -> float:
        """Mean of the mAP at these thresholds, NaN if one of them was not asked for."""
        if not set(iou_thresholds) <= set(self.iou_thresholds):
            return float("nan")
        lines = [self.iou_thresholds.index(threshold) for threshold in iou_thresholds]
        return float(self.mean_ap()[lines].mean())


def event_map(
    detections: Events, truths: Events, *, num_classes: int, iou_thresholds: Sequence[float] = ACTIVITYNET_IOU
) -> EventMap:
    """Scores detections against truths; see `find_hits` for who finds which truth.

    Detections of a class are ranked over all videos, equal scores in their order. AP is the area under the precision, made
    monotone from the right, over the recall ("interpolated"); 0 for a class with truths and no detection. Raises ScoreError.
    """
    thresholds = check_thresholds(iou_thresholds)
    for what, events in (("detection", detections), ("truth", truths)):
        if events.label.max(initial=-1) >= num_classes:
            raise ScoreError(f"a {what} is of class {events.label.max()}; right would be 0 to {num_classes - 1}")
    hits = find_hits(detections, truths, thresholds)
    assert detections.score is not None
    order = np.lexsort((-detections.score, detections.label))
    borders = np.searchsorted(detections.label[order], np.arange(num_classes + 1))
    num_truths = np.bincount(truths.label, minlength=num_classes).astype(np.int64)
    shape = (len(thresholds), num_classes)
    ap, num_hits = np.full(shape, np.nan), np.zeros(shape, np.int64)
    for label, (first, stop) in enumerate(itertools.pairwise(borders)):
        is_hit = hits[:, order[first:stop]]
        num_hits[:, label] = is_hit.sum(axis=1)
        if num_truths[label]:
            ap[:, label] = interpolated_ap(is_hit, int(num_truths[label]))
    return EventMap(
        iou_thresholds=thresholds,
        ap=ap,
        num_truths=num_truths,
        num_detections=np.diff(borders).astype(np.int64),
        num_hits=num_hits,
    )


def interpolated_ap(is_hit: NDArray[np.bool_], num_truths: int) -> NDArray[np.float64]:
    """(T,): of ranked detections (T, D), best first."""
    precision = is_hit.cumsum(axis=1) / np.arange(1, is_hit.shape[1] + 1)
    best_from_here = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    area: NDArray[np.float64] = (best_from_here * is_hit).sum(axis=1) / num_truths
    return area
