"""Detection mAP of events as files of results hold it: by overlap, by class, and the means that others report."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from slowfast.evaluation.timed.event_map import ACTIVITYNET_IOU, THUMOS_IOU, EventMap

ALL_IOU = tuple(sorted({*ACTIVITYNET_IOU, *THUMOS_IOU}))

AVERAGES = {"ActivityNet": ACTIVITYNET_IOU, "THUMOS": THUMOS_IOU}
"""Who reports the mean over which overlaps."""


def averages(result: EventMap) -> dict[str, float]:
    """The means that ActivityNet and THUMOS report, by name, of those whose overlaps `result` has; in its unit."""
    return {
        name: result.average(thresholds)
        for name, thresholds in AVERAGES.items()
        if set(thresholds) <= set(result.iou_thresholds)
    }


def summarize(result: EventMap, classes: Sequence[str]) -> dict[str, Any]:
    """The result for a json file; None is undefined. Averages are there if all of their overlaps are."""
    names = [f"{threshold:g}" for threshold in result.iou_thresholds]
    return {
        "average_mAP": {name: _defined(value) for name, value in averages(result).items()},
        "mAP_by_iou": {name: _defined(value) for name, value in zip(names, result.mean_ap(), strict=True)},
        "ap": {
            name: {threshold: _defined(value) for threshold, value in zip(names, column, strict=True)}
            for name, column in zip(classes, result.ap.T, strict=True)
        },
        "truths": dict(zip(classes, result.num_truths.tolist(), strict=True)),
        "detections": dict(zip(classes, result.num_detections.tolist(), strict=True)),
    }


def _defined(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
