"""Lists of frames, as PySlowFast has them for Charades and AVA: one row a picture, below a header.

Columns are separated by white space: id of the video, its running number, the frame's number (neither is used: the order of
the rows counts), path of the picture, and the numbers of the classes that are on, in double quotes and separated by commas.
"""

from __future__ import annotations

import bisect
import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import overload

from slowfast.annotations.list_text import read_lines
from slowfast.datasets.errors import DatasetError, OnFault, stop
from slowfast.structures import ActionInterval

HEADER_WORDS = ("original_vido_id", "original_video_id")
"""What a header begins with; the misspelt word is that of the published lists."""

HEADER = "original_vido_id video_id frame_id path labels"

# ASCII: to Python other scripts' digits are numbers too, which would be rewritten as 0 to 9. Of long numbers the end.
_NUMBERED = re.compile(r"(.*?)(\d{1,18})(\D*)", re.DOTALL | re.ASCII)


_LAST_DIGITS = re.compile(r"(\d{1,18})\D*$")

_WHAT = "a list of frames"

QUOTES = ("'", '"')

logger = logging.getLogger(__name__)


class FramePaths(Sequence[str]):
    """Paths of the pictures of a video, in order.

    Pictures are nearly always numbered without a gap, so runs of them are kept, not paths: data sets have millions.
    """

    def __init__(self) -> None:
        self._runs: list[_Run] = []
        self._starts: list[int] = []
        self._length = 0

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, number: int) -> str: ...
    @overload
    def __getitem__(self, number: slice) -> list[str]: ...
    def __getitem__(self, number: int | slice) -> str | list[str]:
        if isinstance(number, slice):
            return [self[one] for one in range(*number.indices(self._length))]
        number = range(self._length)[number]
        run = bisect.bisect(self._starts, number) - 1
        return self._runs[run].path(number - self._starts[run])

    def append(self, path: str) -> bool:
        """Adds a path; whether it is the one that follows by its number."""
        if self._runs and path == self._runs[-1].path(self._length - self._starts[-1]):
            self._length += 1
            return True
        match = _NUMBERED.fullmatch(path)
        stem, digits, suffix = match.groups() if match else (path, "", "")
        self._runs.append(_Run(stem, int(digits or 0), len(digits), suffix))
        self._starts.append(self._length)
        self._length += 1
        return False


@dataclass(frozen=True, slots=True)
class _Run:
    """Paths that differ in one number, which counts up; `digits` is 0 for a path without a number."""

    stem: str
    first: int
    digits: int
    suffix: str

    def path(self, place: int) -> str:
        if not self.digits:
            return self.stem if place == 0 else ""
        return f"{self.stem}{self.first + place:0{self.digits}d}{self.suffix}"


@dataclass(slots=True)
class ListedFrames:
    """What a list says of one video; `row` is its first line. changes: (frame, classes from it on), where classes change."""

    row: int
    paths: FramePaths = field(default_factory=FramePaths)
    changes: list[tuple[int, tuple[int, ...]]] = field(default_factory=list)

    def append(self, path: str, labels: tuple[int, ...]) -> bool:
        """The next frame; whether it is the one that follows by its number."""
        if not self.changes or labels != self.changes[-1][1]:
            self.changes.append((len(self.paths), labels))
        return self.paths.append(path)

    def actions(self, fps: int) -> tuple[ActionInterval, ...]:
        """The same as stretches of time: a class is on from its first frame to its last, frame i being shown at i / fps."""
        begun: dict[int, int] = {}
        actions: list[ActionInterval] = []
        for frame, labels in [*self.changes, (len(self.paths), ())]:
            for label in begun.keys() - set(labels):
                actions.append(ActionInterval(label, begun.pop(label) / fps, (frame - 1) / fps))
            for label in labels:
                begun.setdefault(label, frame)
        return tuple(sorted(actions, key=lambda action: (action.start_sec, action.label)))


def has_frame_list_header(path: Path) -> bool:
    """Whether a file can be read and begins like a list of frames."""
    try:
        return next(read_lines(path, what=_WHAT), (0, ""))[1].strip().startswith(HEADER_WORDS)
    except DatasetError:
        return False


def read_frame_list(path: Path, num_classes: int, *, on_fault: OnFault = stop) -> dict[str, ListedFrames]:
    """Videos by id, in the order of their first rows; rows of a video need not follow each other.

    Empty lines, a byte-order mark and Windows line ends are fine. Pictures whose numbers fall within a video are warned about:
    the order of the rows counts. Raises DatasetError, which names file and row, for a file that cannot be read, has no header
    or lists nothing; `on_fault` gets every other row that does not fit the format.
    """
    videos: dict[str, ListedFrames] = {}
    falls: list[tuple[int, str]] = []
    for row, video_id, frame, labels in _read_rows(path, num_classes, on_fault):
        if video_id not in videos:
            videos[video_id] = ListedFrames(row)
        follows = videos[video_id].append(frame, labels)
        if not follows and (before := videos[video_id].paths[-2:-1]) and number_of(frame) < number_of(before[0]):
            falls.append((row, f"{frame} after {before[0]}"))
    if not videos:
        raise DatasetError(path=str(path), found="no frame", expected="a row for each frame below the header")
    if falls:
        logger.warning(
            "%s: the order of the rows is that of the pictures, and %d rows go back, the first in row %d: %s", path, len(falls),
            *falls[0],
        )  # fmt: skip
    return videos


def number_of(path: str) -> int:
    """The number that the name of a picture ends with, digits of any script; -1 of a name without."""
    digits = _LAST_DIGITS.search(Path(path).stem)
    return int(digits[1]) if digits else -1


def _read_rows(path: Path, num_classes: int, on_fault: OnFault) -> Iterator[tuple[int, str, str, tuple[int, ...]]]:
    """(row, id of the video, path of the picture, classes) of each right row."""
    known: dict[str, tuple[int, ...]] = {}
    lines = read_lines(path, what=_WHAT)
    _check_header(path, next(lines, (0, ""))[1])
    for row, line in lines:
        fields = line.split()
        if not fields:
            continue
        try:
            video_id, frame, text = _split(path, row, line, fields)
            if text not in known:
                known[text] = _parse_labels(path, row, text, num_classes)
        except DatasetError as fault:
            on_fault(fault)
        else:
            yield row, video_id, frame, known[text]


def _split(path: Path, row: int, line: str, fields: list[str]) -> tuple[str, str, str]:
    """(id, path of the picture, labels)"""
    if len(fields) != 5:
        raise DatasetError(path=str(path), row=row, found=_miscounted(line, len(fields)), expected=_example())
    video_id, _, _, frame, text = fields
    for name in (video_id, frame):
        if name[0] in QUOTES:
            raise DatasetError(path=str(path), row=row, found=f"quotes around {name}", expected=_example())
    return video_id, frame, text


def _check_header(path: Path, line: str) -> None:
    words = line.split()
    if not words or words[0] not in HEADER_WORDS:
        hint = " with blanks between them, not commas" if "," in line and line.startswith(HEADER_WORDS) else ""
        raise DatasetError(
            path=str(path), row=1, found=f"the first line is {line.strip()[:200]!r}", expected=f"the header {HEADER!r}{hint}"
        )


def _miscounted(line: str, count: int) -> str:
    shown = f"{count} {'column' if count == 1 else 'columns'} in {line.strip()[:200]!r}"
    return f"{shown}, which is separated by commas" if count == 1 and "," in line else shown


def _example() -> str:
    return 'five columns with blanks between them, like 46GP8 0 0 46GP8/46GP8-000001.jpg "59,147"'


def _parse_labels(path: Path, row: int, text: str, num_classes: int) -> tuple[int, ...]:
    """Class numbers, rising, of a field like "59,147" in quotes; none of an empty one."""
    inside = text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text
    labels = set()
    for word in inside.split(",") if inside else []:
        if not (word.isascii() and word.isdigit() and len(word) < 10):
            raise DatasetError(
                path=str(path), row=row, found=f"labels {text}", expected='class numbers in quotes, like "59,147", or ""'
            )
        if int(word) >= num_classes:
            raise DatasetError(
                path=str(path), row=row, found=f"class {word} in {text}",
                expected=f"one of 0 .. {num_classes - 1} (MODEL.NUM_CLASSES is {num_classes})",
            )  # fmt: skip
        labels.add(int(word))
    return tuple(sorted(labels))
