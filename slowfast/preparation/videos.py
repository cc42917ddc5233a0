"""Which videos there are, and what is seen in them: folders named after classes, or a csv file."""

from __future__ import annotations

import csv
import math
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from slowfast.datasets.csv_reading import read_rows
from slowfast.datasets.errors import DatasetError

SUFFIXES = {
    ".3gp", ".asf", ".avi", ".flv", ".h264", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ogv", ".ts",
    ".vob", ".webm", ".wmv",
}  # fmt: skip
"""What counts as a video in a folder; a csv file may name anything."""

_SPLIT_NAMES = {"train", "training", "val", "valid", "validation", "test", "testing"}


@dataclass(frozen=True, slots=True)
class Span:
    """One class in a video, for all of it (start and end are None) or for some seconds."""

    name: str
    start_sec: float | None = None
    end_sec: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledVideo:
    """path: relative to the folder of the videos, with "/", or absolute. source: where it is listed, for messages."""

    path: str
    source: str
    spans: tuple[Span, ...]

    @property
    def class_names(self) -> tuple[str, ...]:
        """Each class once, in the order of first mention."""
        return tuple(dict.fromkeys(span.name for span in self.spans))


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """multi_label: whether a video can have several classes, or classes at times. ignored: files that are no videos, or that
    lie in no class folder, counted by suffix."""

    videos: tuple[LabelledVideo, ...]
    multi_label: bool
    ignored: dict[str, int] = field(default_factory=dict)


def find_class_folders(root: Path) -> Inventory:
    """Videos below root/CLASS/, at any depth. Hidden files and folders are passed over. Raises DatasetError for none."""
    if not root.is_dir():
        raise DatasetError(path=str(root), found="there is no such folder", expected="a folder with one folder for each class")
    videos: list[LabelledVideo] = []
    ignored: Counter[str] = Counter()
    for path in sorted(files_below(root)):
        relative = path.relative_to(root)
        if path.suffix.lower() in SUFFIXES and len(relative.parts) > 1:
            name = relative.parts[0]
            videos.append(LabelledVideo(path=relative.as_posix(), source=str(path), spans=(Span(name),)))
        else:
            ignored[path.suffix.lower() or "without suffix"] += 1
    if not videos:
        raise DatasetError(
            path=str(root),
            found=f"no video in any class folder ({sum(ignored.values())} other files)",
            expected="files like CLASS/NAME.mp4, or --labels FILE.csv to say what is seen in each video",
        )
    names = {video.spans[0].name for video in videos}
    if names <= {name for name in names if name.lower() in _SPLIT_NAMES}:
        raise DatasetError(
            path=str(root),
            found=f"folders called {', '.join(sorted(names))}, which are splits and not classes",
            expected="CLASS/NAME.mp4: the videos are split here (see --split, --group-by)",
        )
    return Inventory(videos=tuple(videos), multi_label=False, ignored=dict(ignored.most_common()))


def files_below(root: Path) -> Iterator[Path]:
    """All files but hidden ones; folders that are links are followed."""
    for folder, subfolders, names in os.walk(root, followlinks=True):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        yield from (Path(folder) / name for name in names if not name.startswith("."))


def make_folder(folder: Path) -> None:
    """Raises DatasetError where it cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatasetError(
            path=str(folder), found=f"it cannot be made ({error.strerror})", expected="a folder to write to (--out)"
        ) from error


def read_label_file(path: Path) -> Inventory:
    """A csv file with the columns path,label (one class), path,labels (several, with ";" between them), or
    path,label,start,end (seconds; a row for each time that a class is seen, and one with an empty label for a video without
    any). Raises DatasetError, which names file and row."""
    columns = _columns(path)
    if {"start", "end"} <= columns:
        return Inventory(videos=tuple(_intervals(path)), multi_label=True)
    several = "labels" in columns
    column = "labels" if several else "label"
    first_row: dict[str, int] = {}
    videos: list[LabelledVideo] = []
    for row, values in read_rows(path, ("path", column)):
        name, text = values["path"], values[column]
        if not name:
            raise DatasetError(path=str(path), row=row, found="an empty path", expected="the path of a video")
        if name in first_row:
            raise DatasetError(
                path=str(path), row=row, found=f"{name!r} again, after row {first_row[name]}",
                expected="one row a video; for several classes a column labels, like 'run;jump'",
            )  # fmt: skip
        first_row[name] = row
        labels = [part.strip() for part in text.split(";") if part.strip()] if several else [text]
        if labels == [""]:
            raise DatasetError(path=str(path), row=row, found="an empty label", expected="the name of a class")
        spans = tuple(Span(label) for label in dict.fromkeys(labels))
        videos.append(LabelledVideo(path=name, source=f"{path}, row {row}", spans=spans))
    if not videos:
        raise DatasetError(path=str(path), found="no video", expected="a row for each video below the header")
    return Inventory(videos=tuple(videos), multi_label=several)


def _columns(path: Path) -> set[str]:
    """Names in the header, if the file has one."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return {name.strip() for name in next(csv.reader(file), [])}
    except (OSError, ValueError, csv.Error):
        return set()  # what is wrong with the file is said by whoever reads its rows


def _intervals(path: Path) -> Iterator[LabelledVideo]:
    spans: dict[str, list[Span]] = {}
    first_row: dict[str, int] = {}
    for row, values in read_rows(path, ("path", "label", "start", "end")):
        name = values["path"]
        if not name:
            raise DatasetError(path=str(path), row=row, found="an empty path", expected="the path of a video")
        first_row.setdefault(name, row)
        known = spans.setdefault(name, [])
        if values["label"]:
            start, end = (_seconds(path, row, values[column]) for column in ("start", "end"))
            if end < start:
                raise DatasetError(path=str(path), row=row, found=f"an end, {end:g}, before the start, {start:g}",
                                   expected="start <= end, in seconds")  # fmt: skip
            known.append(Span(values["label"], start, end))
    if not spans:
        raise DatasetError(path=str(path), found="no video", expected="rows path,label,start,end below the header")
    for name, known in spans.items():
        yield LabelledVideo(path=name, source=f"{path}, row {first_row[name]}", spans=tuple(known))


def _seconds(path: Path, row: int, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number >= 0):
        raise DatasetError(path=str(path), row=row, found=f"the time {text!r}", expected="seconds from the start of the video")
    return number
