"""The lists of Kinetics: `train.csv`, `val.csv`, `test.csv`, a path and a class number in each line, without a header."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import overload

import numpy as np

from slowfast.datasets.errors import DatasetError
from slowfast.datasets.remote_files import is_remote
from slowfast.structures import VideoRecord

CLASS_FILE = "classes.txt"

SEPARATORS = {" ": "a blank", "\t": "a tab", ",": "a comma", ";": "a semicolon"}
"""What people put between path and label."""

_LABEL = re.compile(r"[+-]?\d+", re.ASCII)


class ListedVideos(Sequence[VideoRecord]):
    """Records of a list, made when they are asked for.

    Kept as one text and two arrays: a list of 240 000 objects would be copied into each loading process, page by page, as
    their reference counts are touched.
    """

    def __init__(self, path: Path, prefix: str, videos: Iterator[tuple[int, str, int]]) -> None:
        """videos: (row, path as listed, label) of each line that holds a video."""
        self._path, self._prefix = str(path), prefix
        text, ends, rows, labels = bytearray(), [0], [], []
        for row, name, label in videos:
            text += name.encode()
            ends.append(len(text))
            rows.append(row)
            labels.append(label)
        self._text = bytes(text)
        self._ends, self._rows, self._labels = (np.array(numbers, np.int64) for numbers in (ends, rows, labels))

    def __len__(self) -> int:
        return len(self._labels)

    @overload
    def __getitem__(self, number: int) -> VideoRecord: ...
    @overload
    def __getitem__(self, number: slice) -> tuple[VideoRecord, ...]: ...
    def __getitem__(self, number: int | slice) -> VideoRecord | tuple[VideoRecord, ...]:
        if isinstance(number, slice):
            return tuple(self[one] for one in range(*number.indices(len(self))))
        number = range(len(self))[number]
        name = self._text[self._ends[number] : self._ends[number + 1]].decode()
        return VideoRecord(
            video_id=name,
            path=name if is_remote(name) else os.path.join(self._prefix, name),  # noqa: PTH118 - the prefix may be a URL
            source=f"{self._path}, row {self._rows[number]}",
            label=int(self._labels[number]),
        )


def read_list(path: Path, *, separator: str, num_classes: int, prefix: str) -> ListedVideos:
    """All videos of a list; relative paths are below `prefix`.

    Lines are split at the last separator, so paths may hold blanks. Empty lines, a byte-order mark and Windows line ends are
    fine. Raises DatasetError, which names file and row, for anything else.
    """
    videos = ListedVideos(path, prefix, _read_lines(path, separator, num_classes))
    if not videos:
        raise DatasetError(path=str(path), found="no video", expected="a line for each video: path, separator, class number")
    return videos


def read_names(path: Path, num_classes: int) -> tuple[str, ...]:
    """Names of the classes, line by line in the order of their numbers; the numbers themselves if there is no such file."""
    try:
        names = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except FileNotFoundError:
        return tuple(map(str, range(num_classes)))
    if len(names) != num_classes or len(set(names)) != num_classes:
        raise DatasetError(
            path=str(path),
            found=f"{len(names)} names, {len(set(names))} of them different",
            expected=f"{num_classes} different names (MODEL.NUM_CLASSES)",
        )
    return tuple(names)


def _read_lines(path: Path, separator: str, num_classes: int) -> Iterator[tuple[int, str, int]]:
    try:
        with path.open(encoding="utf-8-sig") as file:
            for row, line in enumerate(file, 1):
                if line.strip():
                    yield row, *_split(path, row, line.strip(), separator, num_classes)
    except FileNotFoundError:
        raise DatasetError(path=str(path), found="there is no such file", expected="the list of the videos") from None
    except OSError as error:
        raise DatasetError(path=str(path), found=f"{error.strerror}", expected="a file that can be read") from error
    except UnicodeDecodeError as error:
        raise DatasetError(path=str(path), found=f"this is not UTF-8 ({error.reason})", expected="a list in UTF-8") from error


def _split(path: Path, row: int, line: str, separator: str, num_classes: int) -> tuple[str, int]:
    """(path as listed, label) of a line."""
    name, _, label = (part.strip() for part in line.rpartition(separator))
    if not name or not _LABEL.fullmatch(label):
        raise DatasetError(path=str(path), row=row, found=_complaint(row, line, separator), expected=_expected(line, separator))
    if not 0 <= int(label) < num_classes:
        raise DatasetError(
            path=str(path), row=row, found=f"class {label} in {line!r}",
            expected=f"one of 0 .. {num_classes - 1} (MODEL.NUM_CLASSES is {num_classes})",
        )  # fmt: skip
    return name, int(label)


def _complaint(row: int, line: str, separator: str) -> str:
    """What is wrong with a line that holds no path and whole number."""
    label = line.rpartition(separator)[2].strip()
    if separator not in line:
        return f"no label in {line!r}"
    if row == 1 and not re.search(r"\d", label):
        return f"{line!r}, which looks like a header"
    return f"label {label!r} in {line!r}"


def _expected(line: str, separator: str) -> str:
    described = SEPARATORS.get(separator, repr(separator))
    for other, name in SEPARATORS.items():
        before, _, label = line.rpartition(other)
        if other != separator and before.strip() and _LABEL.fullmatch(label.strip()):
            return f"{described} before the class number; here it is {name} (DATA.PATH_LABEL_SEPARATOR {other!r})"
    return f"a path, {described}, and a class number, and no header"
