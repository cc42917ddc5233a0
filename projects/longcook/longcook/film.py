"""A video as it is written: drawn, encoded, and put in its place once it is whole.

Frames are encoded so that nothing of one event leaks into the code of another. A predicted frame carries coding errors of the
frames before it, and rate control gives a frame the bits that earlier ones left over: either way a network could read from the
pouring what came before it. Every event therefore starts with a key frame (an IDR picture, which forbids any reference across
it), the quantiser is constant, and there is neither look-ahead nor a frame shown out of order.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.frame import PictureType

_OPTIONS = {
    "preset": "ultrafast",
    "tune": "zerolatency",
    "qp": "23",
    "forced-idr": "1",
    "x264-params": "keyint=infinite:scenecut=0:log-level=error",
}
_JPEG = (cv2.IMWRITE_JPEG_QUALITY, 75)


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """A video to be drawn; can be sent to another process.

    path: where the file goes in the folder of the data set. draw(): the frames, uint8 (height, width, 3), RGB. key_frames:
    numbers of the frames that become key pictures. stills: a path like "frames/ID/ID_{:06d}.jpg" when every frame is to be a
    picture too, numbered from 1.
    """

    path: str
    draw: Callable[[], Iterator[np.ndarray]]
    fps: int
    key_frames: frozenset[int]
    stills: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """All that a folder holds: videos, and the text of its other files by their path in the folder."""

    films: tuple[Film, ...]
    texts: dict[str, str]


def write_film(folder: Path, film: Film) -> None:
    """Draws one video into the folder; its file has its name only once it, and all stills, are whole."""
    target = folder / film.path
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_suffix(".tmp")
    frames = _copied_to_stills(folder, film) if film.stills else film.draw()
    _encode(temporary, frames, fps=film.fps, key_frames=film.key_frames)
    temporary.replace(target)


def _copied_to_stills(folder: Path, film: Film) -> Iterator[np.ndarray]:
    (folder / film.stills).parent.mkdir(parents=True, exist_ok=True)
    for number, picture in enumerate(film.draw(), start=1):
        path = folder / film.stills.format(number)
        _, code = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), _JPEG)
        path.write_bytes(code.tobytes())
        yield picture


def _encode(path: Path, frames: Iterable[np.ndarray], *, fps: int, key_frames: Collection[int]) -> None:
    """Writes frames as H.264 in MP4."""
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=fps, options=_OPTIONS)
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        for number, picture in enumerate(frames):
            if number == 0:
                stream.height, stream.width = picture.shape[:2]
            planes = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420), np.uint8)
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.pts = number
            frame.pict_type = PictureType.I if number in key_frames else PictureType.NONE
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
