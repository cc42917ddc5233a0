"""What may be wrong with lists of boxes, counted over whole files: training stops at the first wrong row, a user wants all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from slowfast.annotations.ava import (
    CORNERS,
    EXCLUDED,
    FIRST_SECOND,
    LARGEST_FRACTION,
    LAST_SECOND,
    NUM_ACTIONS,
    START_SECOND,
    UNCHECKED,
    AvaFileError,
    Rows,
    read_rows,
)
from slowfast.datasets.ava.videos import FPS

TRUTHS, DETECTIONS, EXCLUDED_SECONDS = "annotated boxes", "detected boxes", "excluded seconds"

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Known:
    """What rows are held against. numbers: number of each video with frames, by its id; lengths: its frames, in that order.
    actions: numbers of the classes in the label map; empty if there is none."""

    numbers: Mapping[str, int]
    lengths: NDArray[np.int64]
    actions: frozenset[int]


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
    """Reads a whole list. A row that cannot be read at all ends it, and is a finding."""
    kind = kind_of(path)
    numbers = dict(known.numbers)
    counts: dict[tuple[str, bool], tuple[int, int]] = {}
    num_rows, keys = 0, [np.zeros(0, np.int64)]
    broken: list[Finding] = []
    try:
        for rows in read_rows(path, EXCLUDED if kind == EXCLUDED_SECONDS else UNCHECKED, numbers):
            num_rows += len(rows.video)
            keys.append(np.unique(rows.video.astype(np.int64) * 10**9 + rows.columns["second"].astype(np.int64)))
            for what, stops, mask in _masks(kind, rows, known, is_scored="train" not in path.name.lower()):
                if mask.any():
                    count, first = counts.get((what, stops), (0, int(rows.line[mask.argmax()])))
                    counts[what, stops] = count + int(mask.sum()), first
    except AvaFileError as error:
        broken.append(Finding(what=f"{error.found}; right would be {error.right}", count=1, row=error.row, stops=True))
    found = [Finding(what=what, count=count, row=row, stops=stops) for (what, stops), (count, row) in counts.items()]
    seconds = np.unique(np.concatenate(keys))
    ids = {number: name for name, number in numbers.items()}
    videos = frozenset(ids[number] for number in np.unique(seconds // 10**9).tolist())
    return CheckedList(
        path=path, kind=kind, num_rows=num_rows, videos=videos, num_seconds=len(seconds), findings=(*broken, *found)
    )


def _masks(kind: str, rows: Rows, known: Known, *, is_scored: bool) -> Iterator[tuple[str, bool, Mask]]:
    """(what, whether it stops training or tests, rows that it is true of). is_scored: whether tests score against the list,
    which is stricter than training on it."""
    second = rows.columns["second"]
    has_frames = rows.video < len(known.lengths)
    frame = (second - START_SECOND) * FPS
    length = np.append(known.lengths, 0)[np.where(has_frames, rows.video, -1)]
    yield "the video has no frames", False, ~has_frames
    yield f"the second is not within {FIRST_SECOND} to {LAST_SECOND}", False, (second < FIRST_SECOND) | (second > LAST_SECOND)
    yield "the second lies behind the end of the video", False, has_frames & (frame >= length)
    if kind != EXCLUDED_SECONDS:
        yield from _box_masks(kind, rows, known, is_scored=is_scored)


def _box_masks(kind: str, rows: Rows, known: Known, *, is_scored: bool) -> Iterator[tuple[str, bool, Mask]]:
    corners = np.stack([rows.columns[name] for name in CORNERS])
    label, last = rows.columns["label"], rows.columns["last"]
    x1, y1, x2, y2 = corners
    nothing = np.isnan(corners).all(axis=0) & np.isnan(label) & np.isnan(last) & (kind == TRUTHS)
    beyond = (np.abs(corners) > LARGEST_FRACTION).any(axis=0)
    yield "a corner of the box is missing", True, np.isnan(corners).any(axis=0) & ~nothing
    yield "the box is in pixels, not in fractions of the picture", True, beyond
    yield "the box leaves the picture", False, ((corners < 0) | (corners > 1)).any(axis=0) & ~beyond
    swapped = (x1 > x2) | (y1 > y2)
    yield "the box has swapped corners", is_scored and kind == TRUTHS, swapped
    yield "the box has no area", False, ((x1 == x2) | (y1 == y2)) & ~swapped
    is_action = (label >= 1) & (label <= NUM_ACTIONS) & (label == np.floor(label))
    no_action = nothing if kind == TRUTHS else np.isnan(label) | (label == -1)
    yield "the label is no action", True, ~is_action & ~no_action
    if known.actions:
        yield "the action is not in the label map: trained, not scored", False, is_action & ~np.isin(label, list(known.actions))
    if kind == DETECTIONS:
        yield "the score is not within 0 to 1: is this a list of annotated boxes?", True, ~((last >= 0) & (last <= 1))
