"""One copy of a video that loads fast: small pictures, short groups of pictures, no pictures out of order, no sound."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from slowfast.datasets.decoding import VideoIndex, check_frames, each_picture, read_index
from slowfast.datasets.decoding.opening import PROTOCOL
from slowfast.datasets.errors import DecodeError
from slowfast.datasets.transforms import scale_short_side
from slowfast.errors import UserError
from slowfast.runtime.atomic_files import atomic_write

GOP = 8
"""Pictures from one key picture to the next: at most seven are decoded only to reach a frame."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """short_side: pixels, of videos that are larger; others keep their size. crf: quality of x264, 0 (no loss) to 51."""

    short_side: int
    crf: int


def encode_copy(source: str, target: Path, encoding: Encoding) -> None:
    """Writes an H.264 copy in MP4: upright, with square pixels, with the frames and time stamps of the source, the first at 0.

    The copy has its name only once it is whole, and has been decoded to count its frames. Raises DecodeError when the source
    cannot be read to its end, WriteError when the copy cannot be written.
    """
    index = read_index(source)
    with atomic_write(target) as beside:
        written = _write(each_picture(source, index), _times_of(index), beside, encoding)
        if written != index.num_frames:
            raise DecodeError(source, f"{written} of {index.num_frames} frames could be decoded")
        _verify(beside, index)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Times:
    """When frames are shown: int64 (F,) and for how long, in units of `unit` seconds. rate: frames a second."""

    stamps: NDArray[np.int64]
    lasts: NDArray[np.int64]
    unit: Fraction
    rate: Fraction


def encode_pictures(
    pictures: Iterable[NDArray[np.uint8]], num_pictures: int, fps: float, target: Path, encoding: Encoding
) -> None:
    """Writes such a video of pictures (H, W, 3), RGB, in order, `fps` of them a second. Raises WriteError, and what reading the
    pictures raises."""
    unit = Fraction(1, 90000)
    stamps = np.round(np.arange(num_pictures + 1) / fps / float(unit)).astype(np.int64)
    rate = Fraction(fps).limit_denominator(1001)
    times = _Times(stamps=stamps[:-1], lasts=np.diff(stamps), unit=unit, rate=rate)
    with atomic_write(target) as beside:
        _write(enumerate(pictures), times, beside, encoding)


def _times_of(index: VideoIndex) -> _Times:
    stamps = (index.pts - index.pts[0]) * index.time_base.numerator
    lasts = np.diff(np.append(stamps, (index.end - index.pts[0]) * index.time_base.numerator))
    unit = Fraction(1, index.time_base.denominator)
    return _Times(stamps=stamps, lasts=lasts, unit=unit, rate=Fraction(index.fps).limit_denominator(1001))


def _write(pictures: Iterable[tuple[int, NDArray[np.uint8]]], times: _Times, target: Path, encoding: Encoding) -> int:
    """Number of frames written."""
    duration_of = dict(zip(times.stamps.tolist(), times.lasts.tolist(), strict=True))
    options = {"video_track_timescale": str(times.unit.denominator)}
    with _blaming(), av.open(f"{PROTOCOL}:{target}", "w", format="mp4", options=options) as copy:
        out: VideoStream | None = None
        to_yuv = VideoReformatter()
        count = 0
        for number, picture in pictures:
            picture = _scale(picture, encoding.short_side)
            out = out or _add_stream(copy, picture, times.rate, times.unit, encoding)
            if picture.shape[:2] != (out.height, out.width):  # some streams change size midway; their first one stays
                picture = cv2.resize(picture, (out.width, out.height), interpolation=cv2.INTER_AREA).astype(np.uint8)
            frame = to_yuv.reformat(VideoFrame.from_ndarray(picture, format="rgb24"), format="yuv420p", threads=1)
            frame.pts, frame.time_base = int(times.stamps[number]), times.unit
            _mux(copy, out, frame, duration_of)
            count += 1
        if out is not None:
            _mux(copy, out, None, duration_of)
    return count


def _scale(picture: NDArray[np.uint8], short_side: int) -> NDArray[np.uint8]:
    """Sides are even, as the pixel format wants them."""
    height, width = picture.shape[:2]
    if min(height, width) > short_side:
        height, width = scale_short_side(height, width, short_side)
    height, width = (max(2, side + side % 2) for side in (height, width))
    if picture.shape[:2] == (height, width):
        return np.ascontiguousarray(picture)
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _add_stream(
    copy: av.container.OutputContainer, picture: NDArray[np.uint8], rate: Fraction, unit: Fraction, encoding: Encoding
) -> VideoStream:
    parameters = f"keyint={GOP}:min-keyint={GOP}:scenecut=0:bframes=0:log-level=error"
    options = {"preset": "fast", "crf": str(encoding.crf), "x264-params": parameters}
    stream = copy.add_stream("libx264", rate=rate, options=options)
    stream.height, stream.width = picture.shape[:2]
    stream.pix_fmt = "yuv420p"
    stream.codec_context.thread_count = 1
    stream.codec_context.time_base = unit
    return stream


def _mux(
    copy: av.container.OutputContainer, stream: VideoStream, frame: VideoFrame | None, duration_of: dict[int, int]
) -> None:
    with _blaming():
        for packet in stream.encode(frame):
            assert packet.pts is not None
            packet.duration = duration_of[packet.pts]
            copy.mux(packet)


@contextmanager
def _blaming() -> Iterator[None]:
    """What goes wrong inside is the copy's fault, not the source's: nothing else can be written there either."""
    try:
        yield
    except UserError:
        raise
    except (av.FFmpegError, OSError) as error:
        raise OSError(error.errno, error.strerror or str(error)) from error


def _verify(path: Path, source: VideoIndex) -> None:
    """Raises DecodeError unless the copy decodes to as many frames as the source has, with its time stamps."""
    copy = read_index(str(path))
    if copy.num_frames != source.num_frames:
        raise DecodeError(str(path), f"the copy has {copy.num_frames} frames, the source {source.num_frames}")
    check_frames(str(path), copy)
    everything = np.arange(source.num_frames)
    if not np.allclose(copy.seconds(everything), source.seconds(everything), atol=1e-6):
        raise DecodeError(str(path), "the copy shows its frames at other times than the source")
