"""The lists of Kinetics: `train.csv`, `val.csv`, `test.csv`, a path and a class number in each line, without a header."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import overload

import numpy as np

from slowfast.annotations.list_text import read_lines
from slowfast.datasets.errors import DatasetError, OnFault, stop
from slowfast.datasets.frame_lists import HEADER as FRAME_LIST_HEADER
from slowfast.datasets.remote_files import is_remote
from slowfast.datasets.same_file import are_same, spelling_key
from slowfast.structures import VideoRecord

logger = logging.getLogger(__name__)

CLASS_FILE = "classes.txt"

SEPARATORS = {" ": "a blank", "\t": "a tab", ",": "a comma", ";": "a semicolon"}
"""What people put between path and label."""

QUOTES = "\"'"

_LABEL = re.compile(r"[+-]?\d{1,9}", re.ASCII)

_COUNTED_FOLDER = re.compile(r".*/[^/.]+[ \t,;]\d{1,7}|[^/.]+[ \t,;]\d{1,7}", re.ASCII)
"""What precedes the class in a list of frame folders: a name without ending, and its number of pictures."""


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
            path=_join(self._prefix, name),
            source=f"{self._path}, row {self._rows[number]}",
            label=int(self._labels[number]),
        )


def _join(prefix: str, name: str) -> str:
    return name if is_remote(name) else os.path.join(prefix, name)  # noqa: PTH118 - the prefix may be a URL


def read_list(path: Path, *, separator: str, num_classes: int, prefix: str, on_fault: OnFault = stop) -> ListedVideos:
    """All videos of a list; relative paths are below `prefix`.

    Lines are split at the last separator, so paths may hold blanks. Empty lines, a byte-order mark and Windows line ends are
    fine. A video that is listed again with the same class is read as often, which a warning says. Raises
    DatasetError for a file that cannot be read or lists nothing; `on_fault` gets every wrong row, one that gives a listed
    video another class among them.
    """
    videos = ListedVideos(path, prefix, _read_videos(path, separator, num_classes, prefix, on_fault))
    if not videos:
        raise DatasetError(path=str(path), found="no video", expected="a line for each video: path, separator, class number")
    return videos


def read_names(path: Path, num_classes: int) -> tuple[str, ...]:
    """Names of the classes, line by line in the order of their numbers; the numbers themselves if there is no such file."""
    if not path.exists():
        return tuple(map(str, range(num_classes)))
    names = [line.strip() for _, line in read_lines(path, what="a name of a class in each line") if line.strip()]
    if len(names) != num_classes or len(set(names)) != num_classes:
        raise DatasetError(
            path=str(path),
            found=f"{len(names)} names, {len(set(names))} of them different",
            expected=f"{num_classes} different names (MODEL.NUM_CLASSES)",
        )
    return tuple(names)


def _read_videos(
    path: Path, separator: str, num_classes: int, prefix: str, on_fault: OnFault
) -> Iterator[tuple[int, str, int]]:
    """(row, path as listed, label) of each right row."""
    known: dict[str, tuple[int, str, int]] = {}
    repeats: list[tuple[int, int]] = []
    for row, line in read_lines(path, what="a list of videos"):
        if not line.strip():
            continue
        try:
            video = (row, *_split(path, row, line.strip(), separator, num_classes, prefix))
            first = known.setdefault(spelling_key(video[1]), video)
            if first is not video and are_same(_join(prefix, first[1]), _join(prefix, video[1])):
                _check_repeat(path, first, video)
                repeats.append((first[0], row))
        except DatasetError as fault:
            on_fault(fault)
        else:
            yield video
    if repeats:
        logger.warning(
            "%s: %d rows name a video again, with the same class, and are read again (row %d after row %d is the first)",
            path, len(repeats), repeats[0][1], repeats[0][0],
        )  # fmt: skip


def _check_repeat(path: Path, first: tuple[int, str, int], again: tuple[int, str, int]) -> None:
    row, name, label = again
    if label != first[2]:
        spelt = "" if name == first[1] else f" (there {first[1]!r})"
        found = f"{name!r} again, with class {label} after class {first[2]} in row {first[0]}{spelt}"
        raise DatasetError(path=str(path), row=row, found=found, expected="one class for each video")


def _split(path: Path, row: int, line: str, separator: str, num_classes: int, prefix: str) -> tuple[str, int]:
    """(path as listed, label) of a line."""
    name, _, label = (part.strip() for part in line.rpartition(separator))
    if not name or not _LABEL.fullmatch(label):
        raise DatasetError(path=str(path), row=row, found=_complaint(row, line, separator), expected=_expected(line, separator))
    if not 0 <= int(label) < num_classes:
        raise DatasetError(
            path=str(path), row=row, found=f"class {label} in {line!r}",
            expected=f"one of 0 .. {num_classes - 1} (MODEL.NUM_CLASSES is {num_classes})",
        )  # fmt: skip
    if reason := _looks_like(name, line, separator):
        found, expected = reason
        if not os.path.isfile(_join(prefix, name)):  # noqa: PTH113 - it may be an odd name all the same
            raise DatasetError(path=str(path), row=row, found=found, expected=expected)
    return name, int(label)


def _looks_like(name: str, line: str, separator: str) -> tuple[str, str] | None:
    """(what it looks like, what would be right) of a path that is probably none."""
    if len(name) > 1 and name[0] == name[-1] and name[0] in QUOTES:
        return f"the path {name} in quotes", f"all before the last separator is the path, without quotes: {name[1:-1]!r}"
    if _COUNTED_FOLDER.fullmatch(name):
        return (
            f"{line!r}, which looks like a folder, its number of pictures and its class",
            "a video file and its class; folders of pictures are read from lists of frames, with the header "
            f"{FRAME_LIST_HEADER!r} (data set charades)",
        )
    return None


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
