"""What is piped into the command: a video as a file of its own form, or bare pictures."""

from __future__ import annotations

import contextlib
import functools
import itertools
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from io import RawIOBase
from typing import Self

import av
import numpy as np

from slowfast.datasets import DecodeError
from slowfast.datasets.decoding.opening import CONTAINER_FORMATS, MAX_PIXELS, describe
from slowfast.engine.contract import Frames
from slowfast.prediction.errors import PredictionError
from slowfast.prediction.inputs import Picture
from slowfast.prediction.streams.decoding import Damage, pictures_of, steady
from slowfast.prediction.streams.pump import Put
from slowfast.prediction.streams.sampling import Shown, StreamWindows

NAME = "stdin"

LONGEST_GAP = 600.0
"""Seconds from one picture to the next that are still believed: a recorded screen may stand still for long."""


@dataclass(frozen=True, slots=True)
class RawFormat:
    """Bare pictures, rgb24: three bytes a pixel, row by row, nothing between pictures. fps: of them a second."""

    width: int
    height: int
    fps: float

    @classmethod
    def of(cls, text: str) -> Self:
        """From WIDTHxHEIGHT@FPS. Raises PredictionError."""
        match = re.fullmatch(r"(\d+)x(\d+)@(\d+(?:\.\d+)?)(?:/(\d+))?", text.strip(), re.ASCII)
        numbers = [float(part) for part in match.groups("1")] if match else [0.0]
        if not all(numbers) or numbers[0] * numbers[1] > MAX_PIXELS:
            raise PredictionError(f"raw {text!r}: right would be WIDTHxHEIGHT@FPS, such as 640x360@25 or 1280x720@30000/1001")
        return cls(int(numbers[0]), int(numbers[1]), numbers[2] / numbers[3])

    def pictures(self, source: RawIOBase) -> Iterator[Shown]:
        """A picture that is cut off at the end is none. Raises DecodeError where there is none at all."""
        shape = (self.height, self.width, 3)
        for number in itertools.count():
            content = _read_whole(source, self.height * self.width * 3)
            if len(content) < self.height * self.width * 3:
                break
            yield number / self.fps, functools.partial(_picture, content, shape)
        if not number:
            raise DecodeError(NAME, f"there is not one whole picture of {self.width} x {self.height}, three bytes a pixel")


class Pipe:
    """source: what is read; it may give less than it is asked for. raw: bare pictures; None: a container. end: second at which
    it ended, once it has."""

    name = NAME

    def __init__(self, source: RawIOBase, raw: RawFormat | None = None) -> None:
        self._source, self._raw = source, raw
        self.end = 0.0
        self._damage = Damage()

    @classmethod
    def stdin(cls, raw: RawFormat | None = None) -> Self:
        """Raises PredictionError where nothing is piped."""
        if sys.stdin is None or sys.stdin.isatty():
            raise PredictionError(
                "-: nothing is piped into this command; right would be as in: ffmpeg ... -f matroska - | ... -"
            )
        # Without Python's buffer: a thread that waits in it for more would keep the process from ending.
        return cls(sys.stdin.buffer.raw, raw)  # type: ignore[union-attr]

    def read(self, frames: Frames, *, length: int, hop: int, put: Put) -> None:
        """Puts the windows, each when there is room for it. Raises DecodeError, and what `put` raises."""
        with self._pictures() as shown:
            windows = StreamWindows(shown, frames, length=length, hop=hop)
            for window in windows:
                self._damage.tell(put, "what is piped")
                put(window)
            self._damage.tell(put, "what is piped")
            self.end = windows.end

    @contextlib.contextmanager
    def _pictures(self) -> Iterator[Iterator[Shown]]:
        if self._raw is not None:
            yield self._raw.pictures(self._source)
            return
        try:
            with av.open(_Unseekable(self._source), "r", options=_OPTIONS, metadata_errors="ignore") as container:
                yield steady(pictures_of(container, NAME, self._damage), NAME, LONGEST_GAP)
        except (av.FFmpegError, OSError) as error:
            why = describe(error).replace("the file", "what is piped")
            raise DecodeError(
                NAME, f"{why}; right would be what can be read from its beginning, as ffmpeg's -f matroska"
            ) from None


_OPTIONS = {"format_whitelist": CONTAINER_FORMATS}


class _Unseekable:
    """Has nothing but `read`, which is how PyAV knows that it cannot jump about in it."""

    def __init__(self, source: RawIOBase) -> None:
        self.read = source.read


def _read_whole(source: RawIOBase, size: int) -> bytes:
    """So many bytes; fewer at the end."""
    content = bytearray()
    while len(content) < size and (more := source.read(size - len(content))):
        content += more
    return bytes(content)


def _picture(content: bytes, shape: tuple[int, int, int]) -> Picture:
    return np.frombuffer(content, np.uint8).reshape(shape)
