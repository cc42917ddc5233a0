"""From the rows of AVA's lists of boxes to persons with labels.

A row is a box and one action; rows with the same video, second and corners are one person.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from slowfast.annotations.ava import (
    AVA_TIMES,
    CORNERS,
    PROPOSALS,
    TRAINED_TRUTHS,
    AvaFileError,
    AvaTimes,
    RowKind,
    Rows,
    read_rows,
)
from slowfast.datasets.ava.persons import Persons
from slowfast.datasets.errors import DatasetError

NO_ACTION = -1
PLACE = ("video", "second", *CORNERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxLists:
    """Files of annotated and of detected boxes, and what counts in them.

    threshold: smallest score of a detected box. every: only seconds divisible by it count. drop_flat: whether boxes of which
    the picture shows nothing are left out. times: which seconds may have boxes.
    """

    truths: tuple[Path, ...]
    detections: tuple[Path, ...]
    threshold: float
    num_classes: int
    every: int = 1
    drop_flat: bool = False
    times: AvaTimes = AVA_TIMES


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored:
    """Rows that do not count: they are outside of the annotated seconds, or in videos that are not there, or flat (which are
    left out in training alone; elsewhere nothing can match them)."""

    outside_time: int
    unknown_videos: int
    flat: int


def read_persons(lists: BoxLists, videos: Mapping[str, int]) -> tuple[Persons, Ignored]:
    """The persons of the lists in the videos, which are given by their numbers. Raises DatasetError."""
    table, best_score = _read_table(lists, videos)
    if best_score is not None and best_score < lists.threshold:
        raise DatasetError(
            path=_names(lists.detections),
            found=f"the highest score is {best_score:g}",
            expected=f"boxes with a score of at least {lists.threshold:g} (AVA.DETECTION_SCORE_THRESH)",
        )
    times = lists.times
    outside = ~table["second"].between(times.first, times.last).to_numpy()
    unknown = (table["video"] >= len(videos)).to_numpy()
    flat = _is_flat(table)
    dropped = flat & lists.drop_flat
    between = (table["second"] % lists.every != 0).to_numpy()
    stays = ~(outside | unknown | dropped | between)
    if not (stays & ~flat).any():
        advice = ""
        if outside.all():
            theirs = f"{table['second'].min()} to {table['second'].max()}"
            advice = (
                f"; the lists have seconds {theirs}, and a video is taken to begin with second {times.start}: if it begins "
                "with another one, say with which, for example AVA.START_SECOND 0"
            )
        raise DatasetError(
            path=_names((*lists.truths, *lists.detections)),
            found=f"none of {len(table)} boxes counts: {outside.sum()} are outside of {times.range}, "
            f"{unknown.sum()} in videos that are not there, {flat.sum()} without area, {between.sum()} at other than every "
            f"{lists.every}. second",
            expected=f"boxes at these seconds in videos that are there{advice}",
        )
    ignored = Ignored(outside_time=int(outside.sum()), unknown_videos=int(unknown.sum()), flat=int(flat.sum()))
    return persons_of(table[stays], lists.num_classes), ignored


def num_behind(persons: Persons, lengths: Sequence[int], lists: BoxLists) -> int:
    """Seconds that lie behind the end of their videos. lengths: frames of each video. Raises DatasetError when all do."""
    behind = lists.times.frames(persons.seconds) >= np.array(lengths, np.int64)[persons.videos]
    if len(behind) and behind.all():
        second, length = int(persons.seconds[0]), lengths[int(persons.videos[0])]
        raise DatasetError(
            path=_names((*lists.truths, *lists.detections)),
            found=f"all {len(behind)} annotated seconds lie behind the end of their videos: the first is {second}, which is "
            f"frame {lists.times.frame(second)} of a video of {length}",
            expected=f"seconds of the videos, which begin with second {lists.times.start} (AVA.START_SECOND) and have "
            f"{lists.times.fps} frames a second (AVA.FPS)",
        )
    return int(behind.sum())


def _read_table(lists: BoxLists, videos: Mapping[str, int]) -> tuple[pd.DataFrame, float | None]:
    """All rows that reach the threshold, truths first, and the best score there is."""
    numbers = dict(videos)
    scores: list[float] = []
    parts = []
    for path, kind in [
        *((path, TRAINED_TRUTHS) for path in lists.truths),
        *((path, PROPOSALS) for path in lists.detections),
    ]:
        for rows in _read(path, kind, numbers):
            stays = ~np.isnan(rows.columns["x1"])  # else a row that says that nobody does anything
            if kind is PROPOSALS:
                scores.append(float(rows.columns["score"].max()))
                stays &= rows.columns["score"] >= lists.threshold
            label = np.nan_to_num(rows.columns["label"], nan=NO_ACTION).astype(np.int64)
            _check_classes(path, rows, label, lists.num_classes)
            columns = {name: rows.columns[name] for name in CORNERS}
            second = rows.columns["second"].astype(np.int64)
            parts.append(pd.DataFrame({"video": rows.video, "second": second, **columns, "label": label})[stays])
    if not parts:
        raise DatasetError(path=_names((*lists.truths, *lists.detections)), found="no boxes", expected="a row for each box")
    return pd.concat(parts, ignore_index=True), max(scores, default=None)


def _read(path: Path, kind: RowKind, numbers: dict[str, int]) -> Iterator[Rows]:
    try:
        yield from read_rows(path, kind, numbers)
    except AvaFileError as error:
        raise DatasetError(path=str(path), row=error.row, found=error.found, expected=error.right) from error


def _check_classes(path: Path, rows: Rows, label: np.ndarray, num_classes: int) -> None:
    wrong = np.flatnonzero(label > num_classes)
    if len(wrong):
        raise DatasetError(
            path=str(path),
            row=int(rows.line[wrong[0]]),
            found=f"action {label[wrong[0]]}",
            expected=f"one of 1 .. {num_classes} (MODEL.NUM_CLASSES)",
        )


def _is_flat(table: pd.DataFrame) -> np.ndarray:
    """Boxes that have no area inside of the picture."""
    x1, y1, x2, y2 = (table[name].clip(0, 1).to_numpy() for name in CORNERS)
    return np.asarray((x1 >= x2) | (y1 >= y2))


def persons_of(table: pd.DataFrame, num_classes: int) -> Persons:
    """table: a row for each box and action, with the columns PLACE and `label`, 0 or less for no action. Persons of a second
    stand in the order of their first rows."""
    person = table.groupby(list(PLACE), sort=False).ngroup().to_numpy()
    firsts = table[~table.duplicated(list(PLACE)).to_numpy()]
    labels = np.zeros((len(firsts), num_classes), bool)
    label = table["label"].to_numpy()
    labels[person[label > 0], label[label > 0] - 1] = True

    video, second = (firsts[name].to_numpy(np.int64) for name in ("video", "second"))
    order = np.lexsort((second, video))
    video, second = video[order], second[order]
    is_new = (np.diff(video, prepend=-1) != 0) | (np.diff(second, prepend=-1) != 0)
    starts = np.flatnonzero(is_new)
    return Persons(
        videos=video[starts],
        seconds=second[starts],
        starts=np.append(starts, len(video)).astype(np.int64),
        boxes=firsts[list(CORNERS)].to_numpy(np.float64)[order],
        labels=labels[order],
    )


def _names(paths: tuple[Path, ...]) -> str:
    return ", ".join(map(str, paths))
