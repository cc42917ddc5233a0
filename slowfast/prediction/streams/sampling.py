"""From pictures that come one after the other to the windows that a network looks at.

T frames in a window, H height, W width.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from slowfast.engine.contract import Frames
from slowfast.prediction.inputs import Picture, view_of
from slowfast.prediction.windows import Window

Shown = tuple[float, Callable[[], Picture]]
"""Second from which on a picture is shown, from that of the first, and what makes the picture (H, W, 3), RGB."""

TICK = 6e-4
"""Seconds by which stamps may be off, as containers round them to milliseconds."""


class Moments:
    """The seconds at which a network looks at a video: those at which it would look at a file of the same pictures."""

    def __init__(self, frames: Frames) -> None:
        assert frames.seconds_apart is not None, "load_model refuses them"
        self._apart, self._grid = frames.seconds_apart, frames.grid_fps
        spacing = frames.seconds_apart * (frames.grid_fps or 0)
        self._spacing = round(spacing) if abs(spacing - round(spacing)) < 1e-6 else spacing

    def __call__(self, number: int) -> float:
        if self._grid is None:
            return number * self._apart
        return math.floor(number * self._spacing + 1e-9) / self._grid

    def is_within(self, number: int, end: float) -> bool:
        """Whether a video that ends there has this moment; on a grid, whether it has all of its picture."""
        if self._grid is None:
            return self(number) < end - TICK
        return number == 0 or self(number) + 1 / self._grid <= end + TICK


class StreamWindows:
    """Windows of `length` frames, each `hop` frames behind the one before, as soon as they are complete.

    They are those of `slowfast.prediction.windows`, without knowing how long the video is: a window speaks up to the middle
    between it and the next one, which is there or not. end: second at which the stream ended, once it has.
    """

    def __init__(self, shown: Iterable[Shown], frames: Frames, *, length: int, hop: int) -> None:
        self._shown, self._view, self._moments = shown, view_of(frames), Moments(frames)
        self._length, self._hop = length, hop
        self.end = 0.0

    def __iter__(self) -> Iterator[Window]:
        kept: deque[Picture] = deque(maxlen=self._length)
        number, begin, count, seen = 0, 0.0, 0, 0
        for count, picture in enumerate(self._sampled(), 1):
            kept.append(picture)
            if count == number * self._hop + self._length:
                border = self._moments(number * self._hop + (self._hop + self._length) // 2)
                yield Window(np.stack(kept), begin, border, number, False)
                number, begin, seen = number + 1, border, count
        if count > seen:
            pictures = list(kept)[-(count - seen) :] if self._hop == self._length else list(kept)
            pictures += pictures[-1:] * (self._length - len(pictures))
            yield Window(np.stack(pictures), begin, max(self.end, begin + TICK), number, True)

    def _sampled(self) -> Iterator[Picture]:
        """At each moment the picture that is shown last before it, or then."""
        numbers = itertools.count()
        number = next(numbers)
        out: Picture | None = None
        waiting: Callable[[], Picture] | None = None
        last, apart = 0.0, 1 / 25
        for second, draw in self._shown:
            picture = None
            while waiting is not None and self._moments(number) < second - TICK:
                out = picture = self._drawn(waiting, out) if picture is None else picture
                yield picture
                number = next(numbers)
            apart, last = (second - last if waiting is not None and second > last else apart), second
            waiting = draw
        self.end = 0.0 if waiting is None else last + apart
        picture = None
        while waiting is not None and self._moments.is_within(number, self.end):
            picture = self._drawn(waiting, out) if picture is None else picture
            yield picture
            number = next(numbers)

    def _drawn(self, draw: Callable[[], Picture], before: Picture | None) -> Picture:
        """As the network sees it, all of the size of the first."""
        image = draw()
        size = self._view.output_size(*image.shape[:2]) if before is None else before.shape[:2]
        picture = np.empty((*size, 3), np.uint8)
        self._view(image, picture)
        return picture
