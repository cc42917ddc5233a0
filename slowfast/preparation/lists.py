"""The lists that data sets read, as text.

One label a video: the lists of Kinetics (`train.csv`, `val.csv`, `test.csv`: path, blank, class number) and `classes.txt`, a
name a line. Several labels: the csv files of Charades (`Charades_v1_train.csv`, `_val`, `_test`) and
`Charades_v1_classes.txt`. Their ids are paths without ".mp4", so that readers of Charades find the videos; a column `path`
says it in full.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from slowfast.annotations.csv_reading import read_rows
from slowfast.config.prepared_folder import FolderManifest
from slowfast.datasets.charades_csv import CLASS_FILE
from slowfast.datasets.errors import DatasetError
from slowfast.datasets.folder import INTERVAL_LISTS
from slowfast.datasets.kinetics_lists import read_list
from slowfast.preparation.probing import Probe
from slowfast.preparation.videos import LabelledVideo

CLASS_LIST = "classes.txt"
LISTS = {split: f"{split}.csv" for split in ("train", "val", "test")}
MOST_CLASSES = 1000
"""With several labels: classes are written as c000 .. c999."""


@dataclass(frozen=True, slots=True)
class ListedVideo:
    """A video that goes into a list, and what was found in its file."""

    video: LabelledVideo
    probe: Probe


def class_numbers(videos: Sequence[LabelledVideo]) -> dict[str, int]:
    """Number of each class: its place in the sorted names. Raises DatasetError for names that a list cannot hold."""
    names = sorted({name for video in videos for name in video.class_names})
    for name in names:
        if name.splitlines() != [name] or name != name.strip():
            raise DatasetError(path="classes", found=f"the class {name!r}", expected="a name on one line, without outer blanks")
    return {name: number for number, name in enumerate(names)}


def single_label_texts(splits: Mapping[str, Sequence[ListedVideo]], numbers: Mapping[str, int]) -> dict[str, str]:
    """Text of each file, by its name."""
    texts = {CLASS_LIST: "".join(f"{name}\n" for name in numbers)}
    for split, listed in splits.items():
        rows = ((_one_line(entry.video), numbers[entry.video.spans[0].name]) for entry in listed)
        texts[LISTS[split]] = "".join(f"{path} {number}\n" for path, number in rows)
    return texts


def multi_label_texts(splits: Mapping[str, Sequence[ListedVideo]], numbers: Mapping[str, int]) -> dict[str, str]:
    """Text of each file, by its name."""
    if len(numbers) > MOST_CLASSES:
        raise DatasetError(
            path="classes", found=f"{len(numbers)} classes", expected=f"at most {MOST_CLASSES} with several labels"
        )
    texts = {CLASS_FILE: "".join(f"c{number:03d} {name}\n" for name, number in numbers.items())}
    for split, listed in splits.items():
        rows = ((entry, _one_line(entry.video)) for entry in listed)
        texts[INTERVAL_LISTS[split]] = _csv_text(
            (path, (";".join(_actions(entry, numbers)), f"{_length(entry):.3f}")) for entry, path in rows
        )
    return texts


def listed_paths(folder: Path, manifest: FolderManifest) -> list[str]:
    """Every video of a prepared folder once, as its lists name it. Raises DatasetError for lists that are missing or wrong."""
    lists = INTERVAL_LISTS if manifest.multi_label else LISTS
    return list(dict.fromkeys(path for name in lists.values() for path, _ in _rows(folder / name, manifest)))


def renamed_texts(folder: Path, manifest: FolderManifest, new_paths: Mapping[str, str]) -> dict[str, str]:
    """The files of a prepared folder with other paths, by name; videos without a new path are left out."""
    class_list, lists = (CLASS_FILE, INTERVAL_LISTS) if manifest.multi_label else (CLASS_LIST, LISTS)
    texts = {class_list: (folder / class_list).read_text(encoding="utf-8")}
    for name in lists.values():
        rows = [(new_paths[path], rest) for path, rest in _rows(folder / name, manifest) if path in new_paths]
        texts[name] = _csv_text(rows) if manifest.multi_label else "".join(f"{path} {label}\n" for path, (label,) in rows)
    return texts


def _rows(path: Path, manifest: FolderManifest) -> list[tuple[str, tuple[str, ...]]]:
    """(path, class number) or (path, actions and length) of each row."""
    if manifest.multi_label:
        columns = ("path", "actions", "length")
        return [(values["path"], (values["actions"], values["length"])) for _, values in read_rows(path, columns)]
    videos = read_list(path, separator=" ", num_classes=len(manifest.classes), prefix="")
    return [(video.video_id, (str(video.label),)) for video in videos]


def _csv_text(rows: Iterable[tuple[str, tuple[str, ...]]]) -> str:
    """rows: (path, actions and length). Two videos that differ in the ending alone need different ids."""
    rows = list(rows)
    paths = {path for path, _ in rows}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("id", "path", "actions", "length"))
    for path, rest in rows:
        short = path.removesuffix(".mp4")
        writer.writerow((path if short in paths else short, path, *rest))
    return text.getvalue()


def _actions(entry: ListedVideo, numbers: Mapping[str, int]) -> list[str]:
    """Entries like "c001 0.5 2.25"; a class without times is on all the time, and none for longer than the video."""
    length = _length(entry)
    return [
        f"c{numbers[span.name]:03d} {_written(span.start_sec or 0.0, math.floor)} "
        f"{_written(length if span.end_sec is None else min(span.end_sec, length), math.ceil)}"
        for span in entry.video.spans
    ]


def _written(seconds: float, rounded: Callable[[float], int]) -> str:
    """With as many decimals as it takes, from three to six; rounded so that the time does not shrink, or a frame might get
    lost."""
    microseconds = rounded(round(seconds * 1e6, 3))
    text = f"{microseconds / 1e6:.6f}"
    return text.rstrip("0") if len(text.rstrip("0").partition(".")[2]) > 3 else text[:-3]


def _length(entry: ListedVideo) -> float:
    """Seconds, rounded up to what is written of them."""
    return math.ceil(entry.probe.duration_sec * 1000) / 1000


def _one_line(video: LabelledVideo) -> str:
    """The path. Raises DatasetError for one that a list cannot hold."""
    if video.path.splitlines() != [video.path] or video.path != video.path.strip() or not _is_text(video.path):
        raise DatasetError(
            path=video.source, found=f"the path {video.path!r}", expected="a path on one line, in UTF-8, without outer blanks"
        )
    return video.path


def _is_text(path: str) -> bool:
    """Whether it can be written: a file system may hold names that are no text."""
    return path.encode(errors="ignore").decode() == path
