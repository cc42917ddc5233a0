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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from slowfast.datasets.charades_csv import CLASS_FILE
from slowfast.datasets.errors import DatasetError
from slowfast.datasets.preparation.probing import Probe
from slowfast.datasets.preparation.videos import LabelledVideo

CLASS_LIST = "classes.txt"
LISTS = {split: f"{split}.csv" for split in ("train", "val", "test")}
INTERVAL_LISTS = {split: f"Charades_v1_{split}.csv" for split in ("train", "val", "test")}
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
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("id", "path", "actions", "length"))
        for entry in listed:
            path = _one_line(entry.video)
            actions = ";".join(_actions(entry, numbers))
            writer.writerow((path.removesuffix(".mp4"), path, actions, f"{_length(entry):.3f}"))
        texts[INTERVAL_LISTS[split]] = text.getvalue()
    return texts


def _actions(entry: ListedVideo, numbers: Mapping[str, int]) -> list[str]:
    """Entries like "c001 0.5 2.25"; a class without times is on all the time."""
    return [
        f"c{numbers[span.name]:03d} {span.start_sec or 0.0:.3f} {_length(entry) if span.end_sec is None else span.end_sec:.3f}"
        for span in entry.video.spans
    ]


def _length(entry: ListedVideo) -> float:
    """Seconds, rounded up to what is written of them."""
    return math.ceil(entry.probe.duration_sec * 1000) / 1000


def _one_line(video: LabelledVideo) -> str:
    if video.path.splitlines() != [video.path] or video.path != video.path.strip():
        raise DatasetError(
            path=video.source, found=f"the path {video.path!r}", expected="a path on one line, without outer blanks"
        )
    return video.path
