"""The formats that a folder can be checked in: how each one is recognised, and what its lists name.

A further format is a further line in CHECKERS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from slowfast.annotations.csv_reading import read_rows
from slowfast.annotations.list_text import read_lines
from slowfast.config.prepared_folder import MANIFEST, FolderManifest
from slowfast.datasets import ssv2, ssv2_lists
from slowfast.datasets.charades import ANNOTATION_FILES, FRAME_LISTS, annotation_file, choose_reader, find_video_folder
from slowfast.datasets.charades_csv import CLASS_FILE, CharadesRow, oddities, read_annotation, read_class_names
from slowfast.datasets.errors import DatasetError
from slowfast.datasets.folder import INTERVAL_LISTS
from slowfast.datasets.frame_folder import open_listed
from slowfast.datasets.frame_lists import has_frame_list_header, read_frame_list
from slowfast.datasets.kinetics_lists import read_list, read_names
from slowfast.preparation.lists import CLASS_LIST, LISTS
from slowfast.structures import VideoRecord

ANY_CLASS = 1_000_000
"""Where nothing says how many classes there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One row, or one video, of a list. where: the list and the row. split: the list's. files: the video, or all pictures of
    one, in order. classes: what is seen in it, if the list says so."""

    where: str
    split: str
    files: tuple[str, ...]
    classes: tuple[int, ...] = ()
    are_pictures: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """What reading lists brings up. faults: what training would stop at. notes: what it passes over."""

    faults: list[DatasetError] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The folder, and what training is told besides: DATA.PATH_PREFIX ("" if nothing), DATA.PATH_LABEL_SEPARATOR, and
    MODEL.NUM_CLASSES (0 if nothing)."""

    folder: Path
    prefix: str = ""
    separator: str = " "
    num_classes: int = 0

    @property
    def root(self) -> str:
        return self.prefix or str(self.folder)


ReadList = Callable[[Said], list[Listed]]


@dataclass(frozen=True, slots=True)
class Checker:
    """recognises(folder): whether the folder is of this format. lists(asked): for each list a function that reads its rows and
    says what is wrong with others; it raises DatasetError where there is no reading on."""

    format: str
    recognises: Callable[[Path], bool]
    lists: Callable[[Asked], Iterator[ReadList]]


def _folder_lists(asked: Asked) -> Iterator[ReadList]:
    manifest = FolderManifest.read(asked.folder)
    root, num_classes = asked.prefix or str(asked.folder / manifest.videos), len(manifest.classes)
    if manifest.multi_label:
        yield partial(_nothing, read_class_names, asked.folder / CLASS_FILE, num_classes)
        for split, name in INTERVAL_LISTS.items():
            yield partial(_intervals, split, asked.folder / name, root, num_classes)
    else:
        yield partial(_nothing, read_names, asked.folder / CLASS_LIST, num_classes)
        for split, name in LISTS.items():
            yield partial(_kinetics_list, split, asked.folder / name, root, num_classes, asked.separator)


def _kinetics_lists(asked: Asked) -> Iterator[ReadList]:
    num_classes = asked.num_classes or _count_lines(asked.folder / CLASS_LIST) or ANY_CLASS
    if num_classes != ANY_CLASS:
        yield partial(_nothing, read_names, asked.folder / CLASS_LIST, num_classes)
    for split, name in LISTS.items():
        yield partial(_kinetics_list, split, asked.folder / name, asked.root, num_classes, asked.separator)


def _charades_lists(asked: Asked) -> Iterator[ReadList]:
    num_classes = asked.num_classes or _count_lines(asked.folder / CLASS_FILE) or ANY_CLASS
    if num_classes != ANY_CLASS:
        yield partial(_nothing, read_class_names, asked.folder / CLASS_FILE, num_classes)
    for split, path in _once({split: annotation_file(asked.folder, split) for split in ("train", "val", "test")}):
        yield partial(_charades_list, split, path, asked, num_classes)


def _frame_lists(asked: Asked) -> Iterator[ReadList]:
    for split, name in _once(FRAME_LISTS):
        yield partial(_charades_frames, split, asked.folder / name, asked)


def _ava_lists(asked: Asked) -> Iterator[ReadList]:
    for path in sorted((asked.folder / "frame_lists").glob("*.csv")):
        split = "train" if "train" in path.name else "val"
        yield partial(_frame_list, split, path, asked.prefix or str(asked.folder / "frames"), 0)


def _is_ssv2(folder: Path) -> bool:
    return any((folder / name).exists() for name in (ssv2_lists.LABEL_FILE, *ssv2_lists.ANNOTATION_FILES.values()))


def _ssv2_lists(asked: Asked) -> Iterator[ReadList]:
    yield partial(_ssv2_labels, asked.folder, asked.num_classes)
    for split in ("train", "val"):
        if has_frame_list_header(asked.folder / ssv2.FRAME_LISTS[split]):
            yield partial(_ssv2_frames, split, asked.folder, asked.root)
        yield partial(_ssv2_list, split, asked.folder, Path(asked.root))


File = TypeVar("File")


def _once(files: Mapping[str, File]) -> list[tuple[str, File]]:
    """(first split that reads it, file)"""
    return [(split, file) for file, split in {file: split for split, file in reversed(list(files.items()))}.items()][::-1]


def _ssv2_labels(folder: Path, num_classes: int, said: Said) -> list[Listed]:
    path = folder / ssv2_lists.LABEL_FILE
    labels = ssv2_lists.read_labels(path, on_fault=said.faults.append)
    if num_classes not in (0, len(labels)):
        raise DatasetError(path=str(path), found=f"{len(labels)} classes", expected=f"{num_classes}, as was asked for")
    return []


def _ssv2_frames(split: str, folder: Path, root: str, said: Said) -> list[Listed]:
    num_classes = len(_known_labels(folder))
    return _frame_list(split, folder / ssv2.FRAME_LISTS[split], root, num_classes, said)


def _ssv2_list(split: str, folder: Path, root: Path, said: Said) -> list[Listed]:
    """The annotation; it names files only where no list of frames does."""
    labels = _known_labels(folder)
    videos = ssv2_lists.read_videos(folder / ssv2_lists.ANNOTATION_FILES[split], labels, on_fault=said.faults.append)
    if has_frame_list_header(folder / ssv2.FRAME_LISTS[split]):
        ssv2.listed_frames(folder, split, videos, len(labels), on_fault=said.faults.append)
        return []
    records = ssv2.filed_records(root, folder, split, videos)
    return [Listed(where=record.source, split=split, files=(record.path,), classes=_known(record.label)) for record in records]


def _known_labels(folder: Path) -> dict[str, int]:
    """The classes; what is wrong with them is said once, by `_ssv2_labels`."""
    return ssv2_lists.read_labels(folder / ssv2_lists.LABEL_FILE, on_fault=lambda fault: None)


def _known(label: int | None) -> tuple[int, ...]:
    return () if label in (None, ssv2_lists.UNKNOWN) else (label,)


def _kinetics_list(split: str, path: Path, root: str, num_classes: int, separator: str, said: Said) -> list[Listed]:
    videos = read_list(path, separator=separator, num_classes=num_classes, prefix=root, on_fault=said.faults.append)
    if num_classes == ANY_CLASS:
        highest = max(video.label or 0 for video in videos)
        said.notes.append(f"{path}: classes go up to {highest}, so MODEL.NUM_CLASSES has to be {highest + 1} or more")
    elif split == "train" and (unseen := sorted(set(range(num_classes)) - {video.label for video in videos})):
        numbers = ", ".join(map(str, unseen[:10]))
        said.notes.append(f"{path}: {len(unseen)} of {num_classes} classes have no training video: {numbers}")
    return [Listed(where=video.source, split=split, files=(video.path,), classes=(video.label or 0,)) for video in videos]


def _intervals(split: str, path: Path, root: str, num_classes: int, said: Said) -> list[Listed]:
    listed = {row: values["path"] for row, values in read_rows(path, ("id", "path"), strict=False, on_fault=said.faults.append)}
    rows = read_annotation(path, num_classes, on_fault=said.faults.append)
    said.notes.extend(oddities(path, rows))
    return [
        Listed(where=f"{path}, row {row.row}", split=split, files=(str(Path(root) / listed[row.row]),), classes=_classes(row))
        for row in rows
    ]


def _charades_frames(split: str, path: Path, asked: Asked, said: Said) -> list[Listed]:
    choose_reader(asked.folder, split)
    return _frame_list(split, path, asked.root, asked.num_classes or ANY_CLASS, said)


def _charades_list(split: str, path: Path, asked: Asked, num_classes: int, said: Said) -> list[Listed]:
    choose_reader(asked.folder, split)
    rows = read_annotation(path, num_classes, on_fault=said.faults.append)
    said.notes.extend(oddities(path, rows))
    videos = find_video_folder(Path(asked.root), [row.video_id for row in rows])
    return [
        Listed(where=f"{path}, row {row.row}", split=split, files=(str(videos / f"{row.video_id}.mp4"),), classes=_classes(row))
        for row in rows
    ]


def _classes(row: CharadesRow) -> tuple[int, ...]:
    return tuple(sorted({action.label for action in row.actions}))


def _frame_list(split: str, path: Path, root: str, num_classes: int, said: Said) -> list[Listed]:
    videos = read_frame_list(path, num_classes, on_fault=said.faults.append)
    records = [VideoRecord(video_id=name, path=name, source=f"{path}, row {video.row}") for name, video in videos.items()]
    source = open_listed(records, videos, prefix=root, fps=1, remote=None)
    return [
        Listed(where=record.source, split=split, files=tuple(source.files(record.path)), are_pictures=True)
        for record in records
    ]


def _nothing(read: Callable[[Path, int], tuple[str, ...]], path: Path, num_classes: int, said: Said) -> list[Listed]:
    """Names of classes are read for their errors alone: they name no files."""
    read(path, num_classes)
    return []


def _count_lines(path: Path) -> int:
    """Lines that are not empty; 0 if there is no such file, and 1 at least: what is wrong with it is said by its reader."""
    try:
        return max(1, sum(1 for _, line in read_lines(path, what="names of classes") if line.strip()))
    except DatasetError:
        return int(path.exists())


CHECKERS: list[Checker] = [
    Checker("folder (prepared)", lambda folder: (folder / MANIFEST).exists(), _folder_lists),
    Checker(
        "charades (csv files and videos)",
        lambda folder: any((folder / name).exists() for name in ANNOTATION_FILES.values()),
        _charades_lists,
    ),
    Checker("ssv2 (json files)", _is_ssv2, _ssv2_lists),
    Checker(
        "frame lists (pictures)",
        lambda folder: any(has_frame_list_header(folder / name) for name in FRAME_LISTS.values()),
        _frame_lists,
    ),
    Checker(
        "ava (pictures; `ava` checks the boxes)",
        lambda folder: any(has_frame_list_header(path) for path in (folder / "frame_lists").glob("*.csv")),
        _ava_lists,
    ),
    Checker("kinetics (lists)", lambda folder: any((folder / name).exists() for name in LISTS.values()), _kinetics_lists),
]
"""The first one that recognises a folder checks it."""
