"""What may be wrong with lists of boxes, counted over whole files. What stops training or tests is found by their own rules and
said in their own words, all of it and not only the first; what they pass over is named as well."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from slowfast.annotations.ava import (
    CORNERS,
    EXCLUDED,
    PROPOSALS,
    TRAINED_TRUTHS,
    AvaFileError,
    AvaTimes,
    Faults,
    RowKind,
    Rows,
    read_rows,
)
from slowfast.annotations.ava import TRUTHS as SCORED_TRUTHS
from slowfast.datasets.ava.box_lists import BoxLists, num_behind, read_persons
from slowfast.datasets.ava.build import VALIDATED_EVERY
from slowfast.datasets.errors import DatasetError

TRUTHS, DETECTIONS, EXCLUDED_SECONDS = "annotated boxes", "detected boxes", "excluded seconds"

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Known:
    """What rows are held against. numbers: number of each video with frames, by its id; lengths: its frames, in that order.
    actions: numbers of the classes in the label map; empty if there is none. threshold: AVA.DETECTION_SCORE_THRESH.
    num_classes: MODEL.NUM_CLASSES."""

    numbers: Mapping[str, int]
    lengths: NDArray[np.int64]
    actions: frozenset[int]
    times: AvaTimes
    threshold: float
    num_classes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """count rows of a file have something in common; `row` is the first. stops: whether training or tests would stop there, and
    not just pass over them."""

    what: str
    count: int
    row: int | None
    stops: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedList:
    """kind: what its name says it holds. videos: their ids. num_seconds: different (video, second) pairs."""

    path: Path
    kind: str
    num_rows: int
    videos: frozenset[str]
    num_seconds: int
    findings: tuple[Finding, ...]


def kind_of(path: Path) -> str:
    """By words in the names of file and folder, as all lists in use have them."""
    name = f"{path.parent.name}/{path.name}".lower()
    if "exclu" in path.name.lower():
        return EXCLUDED_SECONDS
    return DETECTIONS if any(word in name for word in ("predict", "detect", "person_box")) else TRUTHS


def check_list(path: Path, known: Known) -> CheckedList:
    """Reads a whole list, wrong rows and all; a file that cannot be split into rows ends where that is so."""
    kind, is_trained = kind_of(path), "train" in path.name.lower()
    numbers, faults = dict(known.numbers), Faults()
    counts: dict[str, tuple[int, int]] = {}
    num_rows, keys = 0, [np.zeros(0, np.int64)]
    stops: list[Finding] = []
    try:
        for rows in read_rows(path, _rules(kind, is_trained), numbers, faults=faults):
            num_rows += len(rows.video)
            keys.append(np.unique(rows.video.astype(np.int64) * 10**9 + rows.columns["second"].astype(np.int64)))
            for what, mask in _masks(kind, rows, known):
                if mask.any():
                    count, first = counts.get(what, (0, int(rows.line[mask.argmax()])))
                    counts[what] = count + int(mask.sum()), first
    except AvaFileError as error:
        stops.append(Finding(what=_sentence(error), count=1, row=error.row, stops=True))
    stops += [Finding(what=_sentence(f.error), count=f.count, row=f.error.row, stops=True) for f in faults.values()]
    if not stops and kind != EXCLUDED_SECONDS:
        stops += _refusals(path, kind, known, is_trained)
    notes = [Finding(what=what, count=count, row=row, stops=False) for what, (count, row) in counts.items()]
    seconds = np.unique(np.concatenate(keys))
    ids = {number: name for name, number in numbers.items()}
    videos = frozenset(ids[number] for number in np.unique(seconds // 10**9).tolist())
    return CheckedList(
        path=path,
        kind=kind,
        num_rows=num_rows + sum(fault.count for fault in faults.values() if fault.error.row is not None),
        videos=videos,
        num_seconds=len(seconds),
        findings=(*stops, *notes),
    )


def _rules(kind: str, is_trained: bool) -> RowKind:
    """Those by which training, or the evaluation, reads such a list."""
    if kind == TRUTHS:
        return TRAINED_TRUTHS if is_trained else SCORED_TRUTHS
    return PROPOSALS if kind == DETECTIONS else EXCLUDED


def _sentence(error: AvaFileError | DatasetError) -> str:
    """What training says, without the place."""
    return f"{error.found}; expected {error.right if isinstance(error, AvaFileError) else error.expected}"


def _refusals(path: Path, kind: str, known: Known, is_trained: bool) -> list[Finding]:
    """Why training, validation or test would not take a list of which every row is right."""
    if kind == TRUTHS and not is_trained:
        return []
    splits = [BoxLists(
        truths=(path,) if kind == TRUTHS else (),
        detections=(path,) if kind == DETECTIONS else (),
        threshold=known.threshold,
        num_classes=known.num_classes,
        every=every,
        drop_flat=is_trained,
        times=known.times,
    ) for every in ((1,) if is_trained else (1, VALIDATED_EVERY))]  # fmt: skip
    for lists in splits:
        try:
            persons, _ = read_persons(lists, known.numbers)
            num_behind(persons, known.lengths.tolist(), lists)
        except DatasetError as error:
            return [Finding(what=_sentence(error), count=1, row=error.row, stops=True)]
    return []


def _masks(kind: str, rows: Rows, known: Known) -> Iterator[tuple[str, Mask]]:
    """(what training and tests pass over, rows that it is true of)"""
    second, times = rows.columns["second"], known.times
    has_frames = rows.video < len(known.lengths)
    length = np.append(known.lengths, 0)[np.where(has_frames, rows.video, -1)]
    yield "the video has no frames", ~has_frames
    outside = (second < times.first) | (second > times.last)
    yield f"the second is not within {times.range.removeprefix('seconds ')}", np.asarray(outside)
    yield "the second lies behind the end of the video", has_frames & ((second - times.start) * times.fps >= length)
    if kind != EXCLUDED_SECONDS:
        yield from _box_masks(rows, known)


def _box_masks(rows: Rows, known: Known) -> Iterator[tuple[str, Mask]]:
    corners = np.stack([rows.columns[name] for name in CORNERS])
    label = rows.columns["label"]
    x1, y1, x2, y2 = corners
    yield "the box leaves the picture", np.asarray(((corners < 0) | (corners > 1)).any(axis=0))
    swapped = (x1 > x2) | (y1 > y2)
    yield "the box has swapped corners", np.asarray(swapped)
    yield "the box has no area", np.asarray(((x1 == x2) | (y1 == y2)) & ~swapped)
    if known.actions:
        has_name = np.isin(label, list(known.actions))
        yield "the action is not in the label map: trained, not scored", np.asarray((label >= 1) & ~has_name)
