"""Scores a file of detected events, whoever made it."""

from __future__ import annotations

import dataclasses
import math
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from slowfast.annotations.csv_reading import read_header
from slowfast.annotations.errors import DatasetError
from slowfast.annotations.events import (
    Events,
    ListedEvents,
    format_csv,
    format_results,
    format_truths,
    list_events,
    read_detected_csv,
    read_results,
    read_truth_csv,
    read_truths,
)
from slowfast.annotations.events.listed import Faults
from slowfast.datasets import charades_csv
from slowfast.evaluation import ScoreError
from slowfast.evaluation.timed import ALL_IOU, AVERAGES, EventMap, averages, event_map, summarize
from slowfast.evaluation.timed.matching import check_thresholds
from slowfast.runtime.atomic_files import write_json, write_text
from slowfast.runtime.tables import format_table

SHOWN_IOU = (0.5, 0.75, 0.95)
"""Thresholds at which the table shows every class, unless others were asked for."""

DEFAULT_SUBSET = "validation"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventScoring:
    """Files and rules of one scoring; see `slowfast.annotations.events` for the formats. subsets: of the truths, none: there is
    but one. iou_thresholds: none: ALL_IOU."""

    detections: Path
    groundtruth: Path
    subsets: tuple[str, ...] = ()
    iou_thresholds: tuple[float, ...] = ()
    json: Path | None = None
    write_detections: Path | None = None
    write_groundtruth: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Counts:
    """What was read, and what of it is allowed but rarely meant."""

    videos: int
    videos_without_truths: int
    detections: int
    truths: int
    classes: int
    classes_without_truths: int
    detections_in_other_subsets: int
    detections_in_unknown_videos: int
    detections_of_unknown_classes: int
    detections_without_length: int
    truths_without_length: int
    truths_repeated: int


def score_events(scoring: EventScoring) -> None:
    """Prints the result, and writes the files that are asked for. Raises DatasetError, ScoreError, WriteError."""
    thresholds = check_thresholds(scoring.iou_thresholds or ALL_IOU)
    for path in (scoring.write_detections, scoring.write_groundtruth):
        if path is not None and path.suffix not in (".json", ".csv"):
            raise DatasetError(path=str(path), found="this file would be written", expected="a name that ends in .json or .csv")
    read = read_results if _is_json(scoring.detections) else read_detected_csv
    detections = read(scoring.detections)
    every_truth = _read_truths(scoring.groundtruth, detections.classes)
    truths = _chosen_subsets(scoring.groundtruth, every_truth, scoring.subsets)
    _check_meeting(scoring, detections, truths)
    elsewhere = set(every_truth.videos) - set(truths.videos)
    scored = _without(detections, elsewhere)
    classes = tuple(dict.fromkeys([*truths.classes, *detections.classes]))
    videos = tuple(dict.fromkeys([*truths.videos, *scored.videos]))
    shared = truths.numbered(videos, classes).events
    found = scored.numbered(videos, classes).events
    result = event_map(found, shared, num_classes=len(classes), iou_thresholds=thresholds)
    counts = _Counts(
        videos=len(truths.videos),
        videos_without_truths=len(truths.videos) - len(np.unique(shared.video)),
        detections=len(found),
        truths=len(shared),
        classes=len(classes),
        classes_without_truths=result.num_left_out,
        detections_in_other_subsets=len(detections.events) - len(found),
        detections_in_unknown_videos=int((found.video >= len(truths.videos)).sum()),
        detections_of_unknown_classes=int((found.label >= len(truths.classes)).sum()),
        detections_without_length=int((found.start == found.end).sum()),
        truths_without_length=int((shared.start == shared.end).sum()),
        truths_repeated=_count_repeated(shared),
    )
    print("\n".join(_report(result, classes, scoring.iou_thresholds or SHOWN_IOU)))
    for line in _warnings(counts):
        print(f"warning: {line}", file=sys.stderr)
    if scoring.json:
        write_json(scoring.json, {**summarize(result, classes), "counts": dataclasses.asdict(counts)})
    if scoring.write_detections:
        write_text(scoring.write_detections, _text(scoring.write_detections, scored, format_results))
    if scoring.write_groundtruth:
        write_text(scoring.write_groundtruth, _text(scoring.write_groundtruth, _in_some_subset(truths), format_truths))


def _is_json(path: Path) -> bool:
    return path.suffix.lower() == ".json"


def _read_truths(path: Path, detected: Collection[str]) -> ListedEvents:
    if _is_json(path):
        return read_truths(path)
    if set(charades_csv.COLUMNS) <= set(read_header(path)):
        return _read_charades(path, detected)
    return read_truth_csv(path)


def _read_charades(path: Path, detected: Collection[str]) -> ListedEvents:
    """Classes have the names in the file of classes beside it, if there is one and detections do not use the codes (c000)."""
    faults = Faults(str(path))
    try:
        rows = charades_csv.read_annotation(path, None, on_fault=faults.add)
    except DatasetError:
        faults.check()  # there may be no right row just because all are wrong
        raise
    class_file = path.with_name(charades_csv.CLASS_FILE)
    names = charades_csv.read_class_names(class_file, None)
    largest = max((action.label for row in rows for action in row.actions), default=-1)
    if names and largest >= len(names):
        faults.add(
            DatasetError(
                path=str(path), found=f"class c{largest:03d}", expected=f"one of the {len(names)} classes in {class_file}"
            )
        )
    faults.check()
    codes = tuple(f"c{label:03d}" for label in range(max(len(names), largest + 1)))
    called = codes if not names or (detected and set(detected) <= set(codes)) else names
    return list_events(
        [row.video_id for row in rows],
        [(row.video_id, called[action.label], action.start_sec, action.end_sec, 0.0) for row in rows for action in row.actions],
        scored=False,
        classes=called,
        duration={row.video_id: row.length_sec for row in rows},
    )


def _chosen_subsets(path: Path, truths: ListedEvents, subsets: Sequence[str]) -> ListedEvents:
    there = sorted(set(truths.subset))
    known = ", ".join(name or "(none)" for name in there)
    if not subsets and len(there) > 1:
        raise DatasetError(path=str(path), found=f"there are the subsets {known}", expected="--subset with those to score")
    if subsets and there == [""]:
        raise DatasetError(path=str(path), found="its videos are of no subset", expected="no --subset with it")
    if missing := [name for name in subsets if name not in there]:
        raise DatasetError(path=str(path), found=f"there is no subset {missing[0]!r}", expected=f"one of {known}")
    return truths.of_subsets(subsets) if subsets else truths


def _check_meeting(scoring: EventScoring, detections: ListedEvents, truths: ListedEvents) -> None:
    """Files that share no name are hardly of one data set. Raises ScoreError."""
    if not len(truths.events):
        raise ScoreError(f"{scoring.groundtruth}: there is no event; right would be truths to score against")
    for what, found, right in (("video", detections.videos, truths.videos), ("class", detections.classes, truths.classes)):
        if found and not set(found) & set(right):
            raise ScoreError(
                f"{scoring.detections}: no {what} is one of {scoring.groundtruth}: it has {found[0]!r}, for instance; right "
                f"would be names as there, such as {right[0]!r}"
            )


def _without(detections: ListedEvents, videos: Collection[str]) -> ListedEvents:
    return detections.numbered([name for name in detections.videos if name not in videos], detections.classes)


def _count_repeated(truths: Events) -> int:
    rows = np.stack([truths.video, truths.label, truths.start, truths.end], axis=1)
    return len(rows) - len(np.unique(rows, axis=0))


def _in_some_subset(truths: ListedEvents) -> ListedEvents:
    return dataclasses.replace(truths, subset=tuple(name or DEFAULT_SUBSET for name in truths.subset))


def _text(path: Path, listed: ListedEvents, as_json: Any) -> str:
    return str(as_json(listed) if path.suffix == ".json" else format_csv(listed))


def _report(result: EventMap, classes: Sequence[str], shown: Sequence[float]) -> list[str]:
    lines = [result.iou_thresholds.index(threshold) for threshold in shown]
    per_class: list[list[Any]] = [
        [name, int(truths), int(detections), *map(float, ap[lines])]
        for name, truths, detections, ap in zip(classes, result.num_truths, result.num_detections, result.ap.T, strict=True)
    ]
    means: list[list[Any]] = [
        [f"{threshold:g}", float(value)] for threshold, value in zip(result.iou_thresholds, result.mean_ap(), strict=True)
    ]
    reported = [
        f"{name}: average mAP {'undefined' if math.isnan(value) else format(value, '.6f')} over overlaps "
        f"{', '.join(f'{threshold:g}' for threshold in AVERAGES[name])}"
        for name, value in averages(result).items()
    ]
    return [
        format_table(["class", "truths", "detections", *(f"AP@{threshold:g}" for threshold in shown)], per_class, decimals=4),
        "",
        format_table(["overlap", "mAP"], means, decimals=4),
        "",
        *reported,
    ]


def _warnings(counts: _Counts) -> list[str]:
    told = {
        "classes have no truth, and no part in the means": counts.classes_without_truths,
        "detections are in videos of other subsets, and are left out": counts.detections_in_other_subsets,
        "detections are in videos that the truths do not list; they count as false alarms": counts.detections_in_unknown_videos,
        "detections are of classes that the truths do not have; they do not count": counts.detections_of_unknown_classes,
        "detections have no length, and match nothing": counts.detections_without_length,
        "truths have no length, and nothing matches them": counts.truths_without_length,
        "truths are repeats of others; each counts": counts.truths_repeated,
    }
    return [f"{count} {what}" for what, count in told.items() if count]
