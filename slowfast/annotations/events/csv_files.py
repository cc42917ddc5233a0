"""Events as tables: csv files with the columns video, start, end, class, and score where they are detected.

A row that names a video and nothing else says that it has no event. Separators, encodings and line ends: see `csv_reading`.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from slowfast.annotations.csv_reading import number, read_header, read_rows
from slowfast.annotations.errors import DatasetError
from slowfast.annotations.events.listed import Faults, ListedEvents, Row, list_events, name_fault
from slowfast.annotations.events.table import EventError

COLUMNS = ("video", "start", "end", "class")
SCORE = "score"


def read_truth_csv(path: Path) -> ListedEvents:
    """Annotated events. Raises DatasetError for a file that cannot be read or has a column of scores, and for wrong rows, all
    of which it names."""
    if SCORE in read_header(path):
        raise DatasetError(
            path=str(path), row=1, found="there is a column score, as detections have",
            expected=f"truths, with the columns {', '.join(COLUMNS)}",
        )  # fmt: skip
    return _read(path, scored=False)


def read_detected_csv(path: Path) -> ListedEvents:
    """Detected events. Raises DatasetError for a file that cannot be read, and for wrong rows, all of which it names."""
    return _read(path, scored=True)


def format_csv(listed: ListedEvents) -> str:
    """The events in their order, then videos without any; reading gives back names, times and scores, all but classes without
    events, durations and subsets. Raises EventError for infinite scores, which tables have no common name for."""
    events = listed.events
    scored = events.score is not None
    if events.score is not None and not np.isfinite(events.score).all():
        raise EventError("events: a score is not finite; right would be finite ones")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*COLUMNS, *([SCORE] if scored else [])])
    columns = [events.video, events.start, events.end, events.label, *([events.score] if events.score is not None else [])]
    for video, start, end, label, *score in zip(*(column.tolist() for column in columns), strict=True):
        writer.writerow([listed.videos[video], start, end, listed.classes[label], *score])
    with_events = set(events.video.tolist())
    for video, name in enumerate(listed.videos):
        if video not in with_events:
            writer.writerow([name, "", "", "", *([""] if scored else [])])
    return text.getvalue()


def _read(path: Path, *, scored: bool) -> ListedEvents:
    faults = Faults(str(path))
    wanted = (*COLUMNS, SCORE) if scored else COLUMNS
    videos: list[str] = []
    rows: list[Row] = []
    for line, values in read_rows(path, wanted, on_fault=faults.add):
        try:
            row = _parse(path, line, values, scored=scored)
        except DatasetError as fault:
            faults.add(fault)
            continue
        videos.append(values["video"])
        if row is not None:
            rows.append(row)
    faults.check()
    return list_events(videos, rows, scored=scored)


def _parse(path: Path, line: int, values: Mapping[str, str], *, scored: bool) -> Row | None:
    """None of a row that names a video only."""

    def wrong(found: str, expected: str) -> DatasetError:
        return DatasetError(path=str(path), row=line, found=found, expected=expected)

    if fault := name_fault(values["video"]):
        raise wrong(f"video {values['video']!r} is {fault}", "the name of a video")
    if not any(values[name] for name in (*COLUMNS[1:], SCORE) if name in values):
        return None
    if fault := name_fault(values["class"]):
        raise wrong(f"class {values['class']!r} is {fault}", "the name of a class; nothing but the video if it has no event")
    start, end = number(values["start"]), number(values["end"])
    if math.isnan(start) or math.isnan(end):
        raise wrong(f"start {values['start']!r} and end {values['end']!r}", "two numbers of seconds")
    if end < start:
        raise wrong(f"end {values['end']} before start {values['start']}", "start <= end")
    score = number(values[SCORE]) if scored else 0.0
    if math.isnan(score):
        raise wrong(f"score {values[SCORE]!r}", "a number")
    return values["video"], values["class"], start, end, score
