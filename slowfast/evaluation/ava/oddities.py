"""What is allowed in a file of detections but rarely meant."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from slowfast.annotations.ava import AVA_TIMES, AvaTimes
from slowfast.evaluation.ava.boxes import Boxes

ROWS_AT_ONCE = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Oddities:
    """Numbers of detections that are scored as they stand and can only be false alarms, for the most part.

    repeated: rows that say what an earlier row said, whatever its score. outside_annotated_time: seconds that are not
    annotated. in_unknown_videos: videos without any truth. without_area: they have swapped corners or no area, and never count.
    """

    repeated: int
    outside_annotated_time: int
    in_unknown_videos: int
    without_area: int


def count_oddities(detections: Boxes, truths: Boxes, times: AvaTimes = AVA_TIMES) -> Oddities:
    """How much of the detections is probably not meant so. times: the seconds that are annotated."""
    outside = (detections.second < times.first) | (detections.second > times.last)
    box = detections.box
    return Oddities(
        repeated=_count_repeated(detections),
        outside_annotated_time=int(outside.sum()),
        in_unknown_videos=int((~np.isin(detections.video, truths.video)).sum()),
        without_area=int(((box[:, 0] >= box[:, 2]) | (box[:, 1] >= box[:, 3])).sum()),
    )


def _count_repeated(boxes: Boxes) -> int:
    """By a hash of 64 bits a row, which takes a fraction of the memory and time that comparing all columns would."""
    parts = [_hash(boxes[start : start + ROWS_AT_ONCE]) for start in range(0, len(boxes), ROWS_AT_ONCE)]
    hashes = np.concatenate([np.zeros(0, dtype=np.uint64), *parts])
    hashes.sort()
    return int((hashes[1:] == hashes[:-1]).sum())


def _hash(boxes: Boxes) -> NDArray[np.uint64]:
    row = np.zeros(len(boxes), dtype=np.uint64)
    for column in (boxes.video, boxes.second, boxes.label, *boxes.box.T):
        # An odd factor loses nothing; the library's mixing spreads each column over all bits.
        row = row * np.uint64(0x9E3779B97F4A7C15) + pd.util.hash_array(np.ascontiguousarray(column))
    return row
