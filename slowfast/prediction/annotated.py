"""A video with what was found in it: a timeline that runs below the pictures, as long as the video, with its sound."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import av
import cv2
import numpy as np

from slowfast.datasets.decoding import each_picture
from slowfast.prediction.inputs import FolderOfPictures, Input, Picture, VideoFile
from slowfast.prediction.panel import Panel
from slowfast.prediction.results import Prediction
from slowfast.prediction.sound import Sound

TIME_BASE = Fraction(1, 90000)
SMALLEST = 320
"""Width below which pictures are enlarged, so that names can be read."""

QUALITY = {"crf": "23", "preset": "veryfast"}


class Drawing(Protocol):
    """What becomes of the pictures of a video. height: rows that are added below them, even."""

    height: int

    def draw(self, picture: Picture, second: float) -> Picture:
        """picture: uint8 (H, W, 3) -> (H + height, W, 3)."""


def write_annotated(
    path: Path, given: Input, prediction: Prediction, *, chosen: tuple[int, ...], proceed: Callable[[], None] = lambda: None
) -> None:
    """Writes the mp4 file `path`. chosen: numbers of the classes that may be shown. Otherwise as `write_drawn`."""
    write_drawn(path, given, lambda width: Panel(prediction, width=width, chosen=chosen), proceed=proceed)


def write_drawn(
    path: Path,
    given: Input,
    drawing: Callable[[int], Drawing],
    *,
    proceed: Callable[[], None] = lambda: None,
    smallest: int = SMALLEST,
) -> None:
    """Writes the mp4 file `path`. drawing: makes what draws on pictures of a width. smallest: width below which pictures are
    enlarged. proceed: called before every picture; what
    it raises ends the writing. Raises DecodeError where the input cannot be read any further."""
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as out:
        pictures = _pictures(given)
        first = next(pictures)
        size = _size(first[1], smallest)
        drawn = drawing(size[0])
        stream = out.add_stream("libx264", rate=30, options=QUALITY)
        stream.width, stream.height, stream.pix_fmt = size[0], size[1] + drawn.height, "yuv420p"
        stream.codec_context.time_base = stream.time_base = TIME_BASE
        with _sound(given, out) as sound:
            for second, picture in itertools.chain([first], pictures):
                proceed()
                shown = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
                frame = av.VideoFrame.from_ndarray(drawn.draw(shown, second), format="rgb24")
                frame.pts, frame.time_base = round(second / TIME_BASE), TIME_BASE
                out.mux(stream.encode(frame))
                sound.write_until(second)
            out.mux(stream.encode(None))
            sound.write_until(None)


def _pictures(given: Input) -> Iterator[tuple[float, Picture]]:
    """(second, picture) of every frame."""
    if isinstance(given, VideoFile):
        index = given.files.index(str(given.path))
        seconds = index.seconds(np.arange(index.num_frames))
        for number, picture in each_picture(str(given.path), index):
            yield float(seconds[number]), picture
        return
    assert isinstance(given, FolderOfPictures)
    yield from given.pictures()


def _size(picture: Picture, smallest: int) -> tuple[int, int]:
    """(width, height), both even, as encoders want them."""
    height, width = picture.shape[:2]
    scale = max(1.0, smallest / width)
    return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)


def _sound(given: Input, out: av.container.OutputContainer) -> Sound | _Silence:
    if not isinstance(given, VideoFile):
        return _Silence()
    index = given.files.index(str(given.path))
    return Sound(given.path, out, start=int(index.pts[0]) * index.time_base)


class _Silence:
    """Of pictures without sound."""

    def __enter__(self) -> _Silence:
        return self

    def __exit__(self, *error: object) -> None: ...

    def write_until(self, second: float | None) -> None: ...
