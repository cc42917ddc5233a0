"""AVA's csv files as the evaluation wants them: detections, truths and excluded seconds.

Rows are parsed and checked many at a time, so that seven million detections take seconds and a few hundred megabytes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from slowfast.annotations.ava import (
    CORNERS,
    DETECTIONS,
    EXCLUDED,
    TRUTHS,
    AvaFileError,
    RowKind,
    VideoNumbers,
    most_rows,
    read_rows,
)
from slowfast.annotations.ava.csv_rules import Columns, says_nothing_happens
from slowfast.evaluation.ava.boxes import Boxes


def read_detections(path: Path, videos: VideoNumbers) -> Boxes:
    """Rows `video,second,x1,y1,x2,y2,label,score`. Videos are numbered as in `videos`, to which new ones are added.

    Raises AvaFileError, also when the last column seems to hold the persons of a file of truths.
    """
    detections = _read_boxes(path, DETECTIONS, videos)
    score = detections.score
    if score is not None and len(score) and score.max() > 1 and np.array_equal(score, np.floor(score)):
        raise AvaFileError(
            path=path,
            found=f"all scores are whole numbers, up to {score.max():g}, as the persons of a file of truths are",
            right="detections with their scores",
        )
    return detections


def read_truths(path: Path, videos: VideoNumbers) -> Boxes:
    """Rows `video,second,x1,y1,x2,y2,label[,person]`; a row `video,second` says that there is no action and gets the label 0.

    Videos are numbered as in `videos`, to which new ones are added. Raises AvaFileError.
    """
    return _read_boxes(path, TRUTHS, videos)


def read_excluded(path: Path, videos: VideoNumbers) -> NDArray[np.int64]:
    """Rows `video,second` -> (E, 2). Videos are numbered as in `videos`, to which new ones are added. Raises AvaFileError."""
    parts = [np.stack([rows.video, rows.columns["second"]], axis=1) for rows in read_rows(path, EXCLUDED, videos)]
    return np.concatenate([np.zeros((0, 2)), *parts]).astype(np.int64)


def _read_boxes(path: Path, kind: RowKind, videos: VideoNumbers) -> Boxes:
    room = most_rows(path, kind)
    video, second = np.empty(room, dtype=np.int32), np.empty(room, dtype=np.int32)
    box = np.empty((4, room)).T  # corner by corner in memory, as they come and as they are compared
    label, score = np.empty(room, dtype=np.int16), np.empty(room)
    filled = 0
    for rows in read_rows(path, kind, videos):
        columns, here = rows.columns, slice(filled, filled + len(rows.video))
        if kind is TRUTHS:
            columns = _without_gaps(columns)
        video[here], second[here], label[here] = rows.video, columns["second"], columns["label"]
        for place, name in enumerate(CORNERS):
            box[here, place] = columns[name]
        if kind is DETECTIONS:
            score[here] = columns["score"]
        filled = here.stop
    return Boxes(
        video=video[:filled],
        second=second[:filled],
        box=box[:filled],
        label=label[:filled],
        score=score[:filled] if kind is DETECTIONS else None,
    )


def _without_gaps(columns: Columns) -> Columns:
    """Rows that say there is no action get the label 0 and an empty box."""
    is_empty = says_nothing_happens(columns)
    return {name: values if name == "second" else np.where(is_empty, 0, values) for name, values in columns.items()}
