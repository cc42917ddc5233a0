"""Who is to be classified, where and when: all boxes of a data set in a few arrays, which worker processes share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Persons:
    """M annotated seconds with N boxes together. Seconds are sorted by video, then by time; each has at least one box.

    videos, seconds: int64 (M,), number of the video and the second, as the annotation counts it. starts: int64 (M + 1,); the
    boxes of second m are rows starts[m] up to starts[m + 1]. boxes: float64 (N, 4), x1 y1 x2 y2 in fractions of the picture, as
    annotated. labels: bool (N, K).
    """

    videos: Ints
    seconds: Ints
    starts: Ints
    boxes: NDArray[np.float64]
    labels: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.videos)

    def between(self, number: int, first: int, last: int) -> Ints:
        """Numbers of the video's seconds from `first` to `last`, both included, and always `number` itself, of that video."""
        begin, end = np.searchsorted(self.videos, (self.videos[number], self.videos[number] + 1))
        inside = begin + np.searchsorted(self.seconds[begin:end], (first, last + 1))
        return np.union1d(np.arange(*inside), number)

    def of_video(self, video: int) -> Ints:
        """Numbers of all seconds of a video."""
        return np.arange(*np.searchsorted(self.videos, (video, video + 1)))

    def rows(self, numbers: Ints) -> Ints:
        """Rows of the boxes of these seconds, one second after the other."""
        rows = [np.arange(self.starts[number], self.starts[number + 1]) for number in numbers]
        return np.concatenate([np.zeros(0, np.int64), *rows])
