"""Detections as a csv file in AVA's format."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from slowfast.evaluation.ava import Boxes
from slowfast.runtime.atomic_files import atomic_write


def write_detections(path: Path, detections: Boxes, *, videos: Sequence[str]) -> None:
    """Rows `video,second,x1,y1,x2,y2,label,score`. videos: their names, by number.

    Nothing is lost: boxes are written as they were read, scores with all digits of a float32. The usual three and four decimals
    would make equal what was not, and so change the order that average precision goes by.
    """
    with atomic_write(path) as beside, beside.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(_rows(detections, videos))


def _rows(detections: Boxes, videos: Sequence[str]) -> Iterator[tuple[str | int | float, ...]]:
    assert detections.score is not None
    columns = (detections.video, detections.second, detections.box, detections.label, detections.score)
    for video, second, box, label, score in zip(*(column.tolist() for column in columns), strict=True):
        yield (videos[video], f"{second:04d}", *box, label, f"{score:.9g}")
