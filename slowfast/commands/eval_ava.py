"""Scores a file of AVA detections, whoever made it."""

from __future__ import annotations

import dataclasses
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from slowfast.annotations.ava import AVA_TIMES, AvaTimes, VideoNumbers
from slowfast.evaluation.ava import (
    ActionClass,
    AvaResult,
    Oddities,
    ava_frame_map,
    count_oddities,
    read_detections,
    read_excluded,
    read_label_map,
    read_truths,
)
from slowfast.evaluation.ava.frame_map import NO_SECONDS, check_rules
from slowfast.runtime.atomic_files import write_json
from slowfast.runtime.tables import format_table

CATEGORIES = ("pose", "object", "person")


@dataclass(frozen=True, slots=True, kw_only=True)
class AvaScoring:
    """Files and rules of one scoring. See `slowfast.evaluation.ava` for the formats and `frame_map.PROTOCOLS`."""

    detections: Path
    groundtruth: Path
    labelmap: Path
    exclusions: Path | None = None
    protocol: str = "slowfast"
    iou_thresholds: Sequence[float] = (0.5,)
    times: AvaTimes = AVA_TIMES
    json: Path | None = None


def times_of(overrides: Sequence[str]) -> AvaTimes:
    """What options say of the annotated seconds, AVA's without any. Raises ConfigError."""
    if not overrides:
        return AVA_TIMES
    from slowfast.config import load_config  # it takes seconds, with the projects

    return AvaTimes.from_cfg(load_config(overrides=["DETECTION.ENABLE", True, *overrides]))


def score_ava(scoring: AvaScoring) -> None:
    """Prints the result, and writes it to the json file if there is one. Raises ScoreError."""
    check_rules(scoring.protocol, scoring.iou_thresholds)  # before seconds go into reading
    videos: VideoNumbers = {}
    classes = read_label_map(scoring.labelmap)
    truths = read_truths(scoring.groundtruth, videos)
    excluded = read_excluded(scoring.exclusions, videos) if scoring.exclusions else NO_SECONDS
    detections = read_detections(scoring.detections, videos)
    oddities = count_oddities(detections, truths, scoring.times)
    result = ava_frame_map(
        detections,
        truths,
        class_ids=[action.id for action in classes],
        excluded=excluded,
        protocol=scoring.protocol,
        iou_thresholds=scoring.iou_thresholds,
    )
    counts = {
        "videos": len(videos),
        "detections": len(detections),
        "scored_detections": int(result.num_detections.sum()),
        "truths": len(truths),
        "scored_truths": int(result.num_truths.sum()),
        "classes": len(classes),
        "classes_with_truths": int((result.num_truths > 0).sum()),
        "excluded_seconds": len(excluded),
        **{f"detections_{name}": count for name, count in dataclasses.asdict(oddities).items()},
    }
    print("\n".join(_report(result, classes, counts)))
    for line in _warnings(oddities, scoring.times):
        print(f"warning: {line}", file=sys.stderr)
    if detections.score is not None and set(np.unique(detections.score)) in ({0}, {0, 1}):
        told = f"{scoring.detections}: all scores are 0 or 1, as the persons of a list of annotated boxes are"
        print(f"warning: {told}; right would be the scores of a detector", file=sys.stderr)
    if scoring.json:
        write_json(scoring.json, summary(result, classes, counts))


def summary(result: AvaResult, classes: Sequence[ActionClass], counts: dict[str, int]) -> dict[str, object]:
    """The result for a json file. `mAP`, `ap` and `mAP_by_category` are at the first threshold; None is undefined."""
    thresholds = [f"{threshold:g}" for threshold in result.iou_thresholds]
    return {
        "protocol": result.protocol,
        "mAP": _defined(result.mean_ap()[0]),
        "iou_threshold": result.iou_thresholds[0],
        "mAP_by_iou": {name: _defined(value) for name, value in zip(thresholds, result.mean_ap(), strict=True)},
        "mAP_by_category": {name: _defined(result.mean_ap(ids)[0]) for name, ids in _by_category(classes).items()},
        "ap": {str(number): _defined(value) for number, value in zip(result.class_ids, result.ap[0], strict=True)},
        "counts": counts,
    }


def _report(result: AvaResult, classes: Sequence[ActionClass], counts: dict[str, int]) -> list[str]:
    columns = [f"AP@{threshold:g}" for threshold in result.iou_thresholds]
    per_class: list[list[Any]] = [
        [action.id, action.name, action.category, int(truths), int(detections), *map(float, ap)]
        for action, truths, detections, ap in zip(classes, result.num_truths, result.num_detections, result.ap.T, strict=True)
    ]
    means: list[list[Any]] = [
        [name, *map(float, result.mean_ap(ids))] for name, ids in {**_by_category(classes), "all": None}.items()
    ]
    first = result.mean_ap()[0]
    return [
        format_table(["id", "class", "category", "truths", "detections", *columns], per_class, decimals=4),
        "",
        format_table(["category", *(f"m{name}" for name in columns)], means, decimals=4),
        "",
        f"{counts['scored_detections']} of {counts['detections']} detections and {counts['scored_truths']} of "
        f"{counts['truths']} truths scored; {counts['classes_with_truths']} of {counts['classes']} classes have truths",
        f"protocol {result.protocol}: mAP {'undefined' if math.isnan(first) else format(first, '.6f')} "
        f"at overlap {result.iou_thresholds[0]:g}",
    ]


def _warnings(oddities: Oddities, times: AvaTimes) -> list[str]:
    scored = "; they are scored like all others"
    told = {
        f"detections are repeats of others{scored}": oddities.repeated,
        f"detections are before second {times.first} or after {times.last}{scored}": oddities.outside_annotated_time,
        f"detections are in videos without any truth{scored}": oddities.in_unknown_videos,
        "detections have swapped corners or no area, and do not count (boxes are x1,y1,x2,y2)": oddities.without_area,
    }
    return [f"{count} {what}" for what, count in told.items() if count]


def _by_category(classes: Sequence[ActionClass]) -> dict[str, list[int]]:
    """Ids by category: AVA's three, and whatever else a label map names."""
    names = dict.fromkeys([*CATEGORIES, *(action.category for action in classes)])
    return {name: [action.id for action in classes if action.category == name] for name in names}


def _defined(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
