"""What a network looks at, one window after the other, along a video.

T frames in a window, H height, W width.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from slowfast.prediction.inputs import Picture, Reading


@dataclass(frozen=True, slots=True)
class Window:
    """frames: uint8 (T, H, W, 3). start, end: the stretch of the video, in seconds, that its scores are for: windows share the
    video out without a gap. number: from 0. last: whether it is the last one of its video."""

    frames: NDArray[np.uint8]
    start: float
    end: float
    number: int
    last: bool


def windows(reading: Reading, *, length: int, hop: int) -> Iterator[Window]:
    """Windows of `length` frames, each `hop` frames behind the one before; length = hop: pieces that follow one another.

    The last one of overlapping windows ends with the video, however few frames it adds; a video that ends within its first
    window, or within a piece, repeats its last frame. reading: from the first frame of a window on.
    """
    total = len(reading.times)
    starts = window_starts(total, length=length, hop=hop)
    first = next(number for number, start in enumerate(starts) if start >= reading.begin)
    kept: list[Picture] = []
    position = reading.begin  # of the frame that comes next
    for number, start in enumerate(starts[first:], first):
        kept = kept[len(kept) - (position - start) :] if position > start else []
        while position < min(start + length, total):
            kept.append(next(reading.pictures))
            position += 1
        frames = np.stack(kept + kept[-1:] * (length - len(kept)))
        begin, end = stretch(starts, number, total=total, length=length)
        yield Window(
            frames,
            float(reading.times[begin]),
            float(reading.times[end]) if end < total else _end(reading, total),
            number,
            number == len(starts) - 1,
        )


def window_starts(total: int, *, length: int, hop: int) -> list[int]:
    """The first frames of the windows of a video of `total` frames."""
    if hop == length:
        return list(range(0, max(total, 1), hop))
    starts = list(range(0, max(total - length, 0) + 1, hop))
    if starts[-1] + length < total:
        starts.append(total - length)
    return starts


def stretch(starts: list[int], number: int, *, total: int, length: int) -> tuple[int, int]:
    """[begin, end) of the frames that a window speaks for: those nearer to its middle than to any other's."""

    def border(left: int) -> int:
        """Between windows `left` and `left + 1`."""
        return min((starts[left] + starts[left + 1] + length) // 2, total)

    begin = border(number - 1) if number else 0
    return begin, border(number) if number + 1 < len(starts) else total


def _end(reading: Reading, total: int) -> float:
    """Of the last frame; a video is as long as it says, unless its last frame is shown behind that."""
    last = float(reading.times[total - 1])
    return min(last + reading.frame_sec, reading.duration) if last < reading.duration else last + reading.frame_sec
