"""Which videos there are, and what is seen in them, by a csv file."""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterator, Sequence
from pathlib import Path

from slowfast.annotations.csv_reading import number, read_header, read_rows
from slowfast.datasets.errors import DatasetError, raise_first
from slowfast.datasets.found_files import SUFFIXES, files_below
from slowfast.datasets.remote_files import is_remote
from slowfast.datasets.same_file import file_key
from slowfast.preparation.videos import Inventory, LabelledVideo, Span, check_class_names

OTHER_NAMES = {"path": "video", "label": "class"}
"""What files of events call these columns."""


def read_label_file(path: Path, root: Path) -> Inventory:
    """A csv file with the columns path,label (one class), path,labels (several, with ";" between them), or
    path,label,start,end (seconds; a row for each time that a class is seen, and one with an empty label for a video without
    any). Files of events call these columns video and class, and leave out endings; both are understood. Relative paths start
    from `root`. Raises DatasetError, which names file and row."""
    header = read_header(path)
    faults: list[DatasetError] = []
    if {"start", "end"} <= set(header):
        videos = _intervals(path, root, faults)
    else:
        videos = _whole_videos(path, root, "labels" if "labels" in header else "label", faults)
    raise_first(faults)
    if not videos:
        raise DatasetError(path=str(path), found="no video", expected="a row for each video below the header")
    multi_label = {"start", "end"} <= set(header) or "labels" in header
    check_class_names(path, videos)
    return Inventory(videos=tuple(videos), multi_label=multi_label, notes=tuple(_unlisted(path, root, videos)))


def _rows(path: Path, root: Path, wanted: Sequence[str], faults: list[DatasetError]) -> Iterator[tuple[int, dict[str, str]]]:
    """(row, values by our names of the columns); the path is that of a file, if there is one."""
    header = read_header(path)
    called = {name: name if name in header else OTHER_NAMES.get(name, name) for name in wanted}
    called = {name: other if other in header else name for name, other in called.items()}
    for row, values in read_rows(path, tuple(called.values()), on_fault=faults.append):
        ours = {name: values[other] for name, other in called.items()}
        files = _with_endings(root, ours["path"])
        if len(files) > 1:
            faults.append(DatasetError(
                path=str(path), row=row, found=f"{ours['path']!r}, which may be {' or '.join(files)}", expected="one of these"
            ))  # fmt: skip
        else:
            yield row, {**ours, "path": files[0]}


def _with_endings(root: Path, name: str) -> list[str]:
    """The files below the root that a name without ending may mean; the name alone, if it is one or means none."""
    if not name or is_remote(name) or os.path.isfile(root / name):  # noqa: PTH113 - which no name makes raise an error
        return [name]
    named = [f"{name}{suffix}" for suffix in sorted(SUFFIXES)]
    return [path for path in named if os.path.isfile(root / path)] or [name]  # noqa: PTH113


def _whole_videos(path: Path, root: Path, column: str, faults: list[DatasetError]) -> list[LabelledVideo]:
    first: dict[Hashable, tuple[str, int]] = {}
    videos: list[LabelledVideo] = []
    several, commas = False, []
    for row, values in _rows(path, root, ("path", column), faults):
        name, text = values["path"], values[column]
        known, known_row = first.setdefault(file_key(str(root / name)), (name, row))
        if not name:
            faults.append(DatasetError(path=str(path), row=row, found="an empty path", expected="the path of a video"))
        elif known_row != row:
            spelt = "" if known == name else f", which calls it {known!r}"
            faults.append(DatasetError(
                path=str(path), row=row, found=f"{name!r} again, after row {known_row}{spelt}",
                expected="one row a video; for several classes a column labels, like 'run;jump'",
            ))  # fmt: skip
        elif not text and column == "label":
            faults.append(DatasetError(path=str(path), row=row, found="an empty label", expected="the name of a class"))
        else:
            several |= ";" in text
            commas += [row] if "," in text or "|" in text else []
            labels = [part.strip() for part in text.split(";") if part.strip()] if column == "labels" else [text]
            spans = tuple(Span(label, row=row) for label in dict.fromkeys(labels))
            videos.append(LabelledVideo(path=name, source=f"{path}, row {row}", spans=spans))
    if column == "labels" and commas and not several:
        faults.append(DatasetError(
            path=str(path), row=commas[0], found="commas or bars in labels, and no semicolon in any row",
            expected="';' between the classes of a video (or a column label, if each video has one class)",
        ))  # fmt: skip
    return videos


def _unlisted(path: Path, root: Path, videos: Sequence[LabelledVideo]) -> Iterator[str]:
    """What nobody would notice: videos that the file does not name, and those that it names without a class."""
    if root.is_dir():
        listed = {file_key(str(root / video.path)) for video in videos}
        others = [
            other
            for other in sorted(files_below(root))
            if other.suffix.lower() in SUFFIXES and file_key(str(other)) not in listed
        ]
        if others:
            yield f"videos in {root} that {path.name} does not name, which are not used: {len(others)}, such as {others[0]}"
    unlabelled = [video for video in videos if not video.spans]
    if unlabelled:
        yield (
            f"videos without a label, which count as videos in which none of the classes is seen: {len(unlabelled)}, the first "
            f"in {unlabelled[0].source}"
        )


def _intervals(path: Path, root: Path, faults: list[DatasetError]) -> list[LabelledVideo]:
    spans: dict[str, list[Span]] = {}
    first: dict[Hashable, tuple[str, int]] = {}
    without: dict[str, int] = {}
    for row, values in _rows(path, root, ("path", "label", "start", "end"), faults):
        try:
            name = values["path"]
            if not name:
                raise DatasetError(path=str(path), row=row, found="an empty path", expected="the path of a video")
            known, known_row = first.setdefault(file_key(str(root / name)), (name, row))
            if known != name:
                raise DatasetError(
                    path=str(path), row=row, found=f"{name!r}, which row {known_row} calls {known!r}", expected="one spelling"
                )
            span = _span(path, row, values)
            if span is None:
                without[name] = row
            spans.setdefault(name, []).extend([] if span is None else [span])
        except DatasetError as fault:
            faults.append(fault)
    faults += [
        DatasetError(
            path=str(path), row=row, found=f"an empty label for {name!r}, which row {spans[name][0].row} gives a class",
            expected="an empty label for videos without any class only",
        )
        for name, row in without.items()
        if spans[name]
    ]  # fmt: skip
    rows = dict(first.values())
    return [LabelledVideo(path=name, source=f"{path}, row {rows[name]}", spans=tuple(known)) for name, known in spans.items()]


def _span(path: Path, row: int, values: dict[str, str]) -> Span | None:
    """None of a row without label."""
    if not values["label"]:
        if values["start"] or values["end"]:
            raise DatasetError(
                path=str(path), row=row, found="times without a label", expected="a class, or an empty label without times"
            )
        return None
    start, end = (_seconds(path, row, values[column]) for column in ("start", "end"))
    if end < start:
        raise DatasetError(
            path=str(path), row=row, found=f"an end, {end:g}, before the start, {start:g}", expected="start <= end, in seconds"
        )
    return Span(values["label"], start, end, row)


def _seconds(path: Path, row: int, text: str) -> float:
    seconds = number(text)
    if not seconds >= 0:
        raise DatasetError(
            path=str(path), row=row, found=f"the time {text!r}",
            expected="seconds from the start of the video, with a point before their decimals",
        )  # fmt: skip
    return seconds
