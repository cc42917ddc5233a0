"""The original annotation of Charades: `Charades_v1_train.csv`, `Charades_v1_test.csv`, `Charades_v1_classes.txt`."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from slowfast.datasets.csv_reading import read_rows
from slowfast.datasets.errors import DatasetError
from slowfast.structures import ActionInterval

COLUMNS = ("id", "actions", "length")
CLASS_FILE = "Charades_v1_classes.txt"

_CLASS = re.compile(r"c(\d{3})")


@dataclass(frozen=True, slots=True)
class CharadesRow:
    """One annotated video; `row` is its line in the file."""

    row: int
    video_id: str
    actions: tuple[ActionInterval, ...]


def read_annotation(path: Path, num_classes: int) -> list[CharadesRow]:
    """All rows of a csv file. Raises DatasetError, which names file and row, for anything that does not fit the format."""
    rows = list(_read_rows(path, num_classes))
    if not rows:
        raise DatasetError(path=str(path), found="no video", expected="a row for each video below the header")
    return rows


def read_class_names(path: Path, num_classes: int) -> tuple[str, ...]:
    """Names by class number, from lines like "c000 Holding some clothes"; c000, c001, ... if there is no such file."""
    codes = [f"c{label:03d}" for label in range(num_classes)]
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        return tuple(codes)
    names: dict[str, str] = {}
    for row, line in enumerate(lines, 1):
        code, _, name = line.strip().partition(" ")
        if code and (not _CLASS.fullmatch(code) or not name or code in names):
            raise DatasetError(path=str(path), row=row, found=repr(line), expected="a new class and its name, like 'c000 Name'")
        names[code] = name.strip()
    names.pop("", None)
    if sorted(names) != codes:
        raise DatasetError(
            path=str(path), found=f"{len(names)} classes", expected=f"c000 .. {codes[-1]} (MODEL.NUM_CLASSES is {num_classes})"
        )
    return tuple(names[code] for code in codes)


def _read_rows(path: Path, num_classes: int) -> Iterator[CharadesRow]:
    first_row: dict[str, int] = {}
    for row, values in read_rows(path, COLUMNS):
        video_id = values["id"]
        if not video_id:
            raise DatasetError(path=str(path), row=row, found="an empty id", expected="the name of a video")
        if video_id in first_row:
            found = f"video {video_id!r} again, after row {first_row[video_id]}"
            raise DatasetError(path=str(path), row=row, found=found, expected="one row a video")
        first_row[video_id] = row
        if not _number(values["length"]) > 0:
            raise DatasetError(path=str(path), row=row, found=f"length {values['length']!r}", expected="seconds above 0")
        try:
            actions = tuple(_parse_action(entry, num_classes) for entry in values["actions"].split(";") if entry.strip())
        except _BadEntryError as error:
            raise DatasetError(path=str(path), row=row, found=error.found, expected=error.expected) from None
        yield CharadesRow(row, video_id, actions)


class _BadEntryError(Exception):
    def __init__(self, found: str, expected: str) -> None:
        super().__init__(found, expected)
        self.found, self.expected = found, expected


def _parse_action(entry: str, num_classes: int) -> ActionInterval:
    """`entry` is like "c092 11.90 21.20": class, start, end in seconds."""
    parts = entry.split()
    if len(parts) != 3:
        raise _BadEntryError(f"action {entry!r}", "class, start and end, like 'c092 11.90 21.20'")
    code, start, end = parts[0], _number(parts[1]), _number(parts[2])
    match = _CLASS.fullmatch(code)
    if not match:
        raise _BadEntryError(f"class {code!r} in {entry!r}", "a class like 'c092'")
    if int(match[1]) >= num_classes:
        raise _BadEntryError(
            f"class {code!r} in {entry!r}", f"one of c000 .. c{num_classes - 1:03d} (MODEL.NUM_CLASSES is {num_classes})"
        )
    if math.isnan(start) or math.isnan(end):
        raise _BadEntryError(f"times {' '.join(parts[1:])!r} in {entry!r}", "start and end in seconds")
    if end < start:
        raise _BadEntryError(f"an end before the start in {entry!r}", "start <= end")
    return ActionInterval(int(match[1]), start, end)


def _number(text: str) -> float:
    """The finite number that a text says, NaN for any other text."""
    try:
        number = float(text)
    except ValueError:
        return math.nan
    return number if math.isfinite(number) else math.nan
