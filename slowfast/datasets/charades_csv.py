"""The original annotation of Charades: `Charades_v1_train.csv`, `Charades_v1_test.csv`, `Charades_v1_classes.txt`."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from slowfast.annotations.csv_reading import number, read_rows
from slowfast.annotations.list_text import read_lines
from slowfast.datasets.errors import DatasetError, OnFault, stop
from slowfast.datasets.same_file import spelling_key
from slowfast.structures import ActionInterval

logger = logging.getLogger(__name__)

COLUMNS = ("id", "actions", "length")
CLASS_FILE = "Charades_v1_classes.txt"

_CLASS = re.compile(r"c(\d{3})", re.ASCII)


@dataclass(frozen=True, slots=True)
class CharadesRow:
    """One annotated video; `row` is its line in the file. length_sec: of the video, as the file says."""

    row: int
    video_id: str
    actions: tuple[ActionInterval, ...]
    length_sec: float


def read_annotation(path: Path, num_classes: int | None, *, on_fault: OnFault = stop) -> list[CharadesRow]:
    """All rows of a csv file. num_classes: None: any that three digits can number.

    Raises DatasetError for a file that cannot be read or lists nothing; `on_fault` gets every row that does not fit the format,
    with file and row.
    """
    rows = list(_read_rows(path, num_classes, on_fault))
    if not rows:
        raise DatasetError(path=str(path), found="no video", expected="a row for each video below the header")
    return rows


def oddities(path: Path, rows: Sequence[CharadesRow]) -> Iterator[str]:
    """What is allowed in an annotation, and changes what is learned without anybody noticing: a sentence for each."""
    unlabelled = [row for row in rows if not row.actions]
    if unlabelled:
        yield (
            f"{path}: {len(unlabelled)} of {len(rows)} videos have no action, and count as videos in which none of the classes "
            f"is seen (the first is {unlabelled[0].video_id!r}, row {unlabelled[0].row})"
        )
    late = [(row, action) for row in rows for action in row.actions if action.start_sec >= row.length_sec]
    if late:
        row, action = late[0]
        yield (
            f"{path}: {len(late)} actions begin behind the end of their videos, so that no clip shows them (the first in row "
            f"{row.row}: at second {action.start_sec:g} of {row.length_sec:g}; are these seconds?)"
        )


def read_class_names(path: Path, num_classes: int | None) -> tuple[str, ...]:
    """Names by class number, from lines like "c000 Holding some clothes"; c000, c001, ... if there is no such file.

    num_classes: None: as many as the file names, none without a file. Raises DatasetError.
    """
    if not path.exists():
        return tuple(f"c{label:03d}" for label in range(num_classes or 0))
    names: dict[str, str] = {}
    for row, line in read_lines(path, what="a class and its name in each line"):
        line = line.rstrip("\r\n")
        code, _, name = line.strip().partition(" ")
        if code and (not _CLASS.fullmatch(code) or not name or code in names):
            raise DatasetError(path=str(path), row=row, found=repr(line), expected="a new class and its name, like 'c000 Name'")
        names[code] = name.strip()
    names.pop("", None)
    codes = [f"c{label:03d}" for label in range(len(names) if num_classes is None else num_classes)]
    if sorted(names) != codes:
        why = "each once" if num_classes is None else f"(MODEL.NUM_CLASSES is {num_classes})"
        raise DatasetError(path=str(path), found=f"{len(names)} classes", expected=f"c000 .. {codes[-1]} {why}")
    return tuple(names[code] for code in codes)


def _read_rows(path: Path, num_classes: int | None, on_fault: OnFault) -> Iterator[CharadesRow]:
    first_row: dict[str, int] = {}
    # Nobody can say how carefully the descriptions, which are not read, were quoted.
    for row, values in read_rows(path, COLUMNS, strict=False, on_fault=on_fault):
        try:
            parsed = _parse_row(path, row, values, num_classes)
            first = first_row.setdefault(spelling_key(parsed.video_id), row)
            if first != row:
                found = f"video {parsed.video_id!r} again, after row {first}"
                raise DatasetError(path=str(path), row=row, found=found, expected="one row a video")
        except DatasetError as fault:
            on_fault(fault)
        else:
            yield parsed


def _parse_row(path: Path, row: int, values: Mapping[str, str], num_classes: int | None) -> CharadesRow:
    if not values["id"]:
        raise DatasetError(path=str(path), row=row, found="an empty id", expected="the name of a video")
    length = number(values["length"])
    if not length > 0:
        raise DatasetError(path=str(path), row=row, found=f"length {values['length']!r}", expected="seconds above 0")
    try:
        actions = tuple(_parse_action(entry, num_classes) for entry in values["actions"].split(";") if entry.strip())
    except _BadEntryError as error:
        raise DatasetError(path=str(path), row=row, found=error.found, expected=error.expected) from None
    return CharadesRow(row, values["id"], actions, length)


class _BadEntryError(Exception):
    def __init__(self, found: str, expected: str) -> None:
        super().__init__(found, expected)
        self.found, self.expected = found, expected


def _parse_action(entry: str, num_classes: int | None) -> ActionInterval:
    """`entry` is like "c092 11.90 21.20": class, start, end in seconds."""
    parts = entry.split()
    if len(parts) != 3:
        raise _BadEntryError(f"action {entry!r}", "class, start and end, like 'c092 11.90 21.20'")
    code, start, end = parts[0], number(parts[1]), number(parts[2])
    match = _CLASS.fullmatch(code)
    if not match:
        raise _BadEntryError(f"class {code!r} in {entry!r}", "a class like 'c092'")
    if num_classes is not None and int(match[1]) >= num_classes:
        raise _BadEntryError(
            f"class {code!r} in {entry!r}", f"one of c000 .. c{num_classes - 1:03d} (MODEL.NUM_CLASSES is {num_classes})"
        )
    if math.isnan(start) or math.isnan(end):
        raise _BadEntryError(f"times {' '.join(parts[1:])!r} in {entry!r}", "start and end in seconds")
    if end < start:
        raise _BadEntryError(f"an end before the start in {entry!r}", "start <= end")
    return ActionInterval(int(match[1]), start, end)
