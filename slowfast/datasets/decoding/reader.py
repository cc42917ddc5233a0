"""From frame numbers to pixels.

Decoding begins at the key packet before the first wanted frame and ends with the last one; groups of pictures in between
that hold nothing wanted are not decoded, nor are pictures that no other refers to. Every frame goes through the transform as
soon as it comes, so that a clip needs the memory of its result, not of the stretch of video that it spans.
"""

from __future__ import annotations

import bisect
import itertools
import logging
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import av
import cv2
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from slowfast.datasets.decoding.index import Ints, VideoIndex
from slowfast.datasets.decoding.opening import describe, open_video
from slowfast.datasets.decoding.plan import Stretch, plan_stretches
from slowfast.datasets.decoding.seeking import packets_from
from slowfast.datasets.errors import DecodeError
from slowfast.datasets.time_limit import check_time

logger = logging.getLogger(__name__)

Picture = NDArray[np.uint8]

SKIPS_SAFELY = frozenset({"h264", "mpeg4"})
"""Codecs whose pictures marked as "no reference" are needed by no other picture. (In HEVC a higher temporal layer may.)"""


class FrameTransform(Protocol):
    """What becomes of each frame."""

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        """(height, width) of what `__call__` writes; asked once, for the first frame."""

    def __call__(self, image: Picture, out: Picture) -> None:
        """Writes what is made of `image` (H, W, 3; RGB) into `out`."""


class WholeFrame:
    """Keeps frames as they are; those that differ in size from the first are scaled to it."""

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        return height, width

    def __call__(self, image: Picture, out: Picture) -> None:
        if image.shape == out.shape:
            out[:] = image
        else:
            cv2.resize(image, (out.shape[1], out.shape[0]), dst=out, interpolation=cv2.INTER_LINEAR)


def decode_frames(
    path: str, index: VideoIndex, wanted: Sequence[int] | Ints, transform: FrameTransform | None = None
) -> Picture:
    """Frames `wanted` (any order, repeats allowed) of a file, as uint8 (T, H, W, 3), RGB, upright.

    A frame that the decoder silently leaves out is replaced by the one before it, with a warning. Raises DecodeError when
    the file cannot be read, or is damaged where wanted frames lie.
    """
    clip = _Clip(path, np.asarray(wanted, np.int64).tolist(), transform or WholeFrame())
    stretches = plan_stretches(index, np.array(sorted(clip.missing), np.int64)) if index.has_stamps else []
    if stretches:
        with open_video(path) as (container, stream):
            _decode_stretches(container, stream, index, stretches, clip)
    if clip.missing:
        # Some files do not keep what their index promises, some have no stamps or no key packet to begin at.
        with open_video(path) as (container, stream):
            damage = _decode_everything(container, stream, index, clip)
        if clip.missing and damage:
            raise DecodeError(path, f"frame {min(clip.missing)} of {index.num_frames} is damaged ({damage})")
    return clip.finish()


class _Clip:
    """The result in the making: takes wanted frames in any order and writes each to all its places."""

    def __init__(self, path: str, wanted: list[int], transform: FrameTransform) -> None:
        self.path = path
        self._places: dict[int, list[int]] = {}
        for place, number in enumerate(wanted):
            self._places.setdefault(number, []).append(place)
        self.missing = set(self._places)
        self._length = len(wanted)
        self._transform = transform
        self._to_rgb = VideoReformatter()
        self._out: Picture | None = None

    def take(self, number: int, frame: VideoFrame) -> None:
        # Without a kept reformatter and one thread, every frame would set up a scaler anew and start threads for it.
        image: NDArray[Any] = self._to_rgb.reformat(frame, format="rgb24", threads=1).to_ndarray()
        if frame.rotation:
            image = np.ascontiguousarray(np.rot90(image, round(frame.rotation / 90)))
        if self._out is None:
            self._out = np.empty((self._length, *self._transform.output_size(*image.shape[:2]), 3), np.uint8)
        first, *others = self._places[number]
        self._transform(image, self._out[first])
        self._out[others] = self._out[first]
        self.missing.discard(number)

    def finish(self) -> Picture:
        """The pictures; what is still missing shows the nearest earlier frame, or the first there is."""
        if self._out is None:
            raise DecodeError(self.path, "the decoder returned none of the wanted frames")
        if self.missing:
            logger.warning("%s: %d frames did not come out of the decoder; others stand in", self.path, len(self.missing))
        present = sorted(self._places.keys() - self.missing)
        for number in self.missing:
            stand_in = present[max(bisect.bisect(present, number) - 1, 0)]
            self._out[self._places[number]] = self._out[self._places[stand_in][0]]
        return self._out


def _decode_stretches(
    container: InputContainer, stream: VideoStream, index: VideoIndex, stretches: list[Stretch], clip: _Clip
) -> None:
    """Decodes the planned packets; gives up at the first damaged one."""
    decoder = stream.codec_context
    wanted_packets = {int(index.packets[number]) for number in clip.missing}
    may_skip = decoder.name in SKIPS_SAFELY
    keep = _keep_by_stamp(index, clip)
    todo = iter(stretches)
    stretch = next(todo)
    try:
        for number, packet in packets_from(container, stream, index, stretch.key):
            check_time(clip.path)
            if number < stretch.first:
                continue
            if may_skip:
                decoder.skip_frame = "DEFAULT" if number in wanted_packets else "NONREF"
            keep(packet.decode())
            if number < stretch.last:
                continue
            # Drained, the decoder gives out the pictures that it holds back to put them in order.
            keep(decoder.decode(None))
            following = next(todo, None)
            if following is None:
                return
            decoder.flush_buffers()
            stretch = following
    except av.FFmpegError as error:
        logger.debug("decoding from the start, since a stretch failed: %s", error)


def _decode_everything(container: InputContainer, stream: VideoStream, index: VideoIndex, clip: _Clip) -> str:
    """Decodes from the start until nothing is missing. Returns what the decoder said about damaged packets on the way."""
    keep = _keep_by_stamp(index, clip) if index.has_stamps else _keep_by_count(clip)
    damage = ""
    for packet in container.demux(stream):
        check_time(clip.path)
        try:
            keep(packet.decode())
        except av.FFmpegError as error:
            damage = damage or describe(error)
        if not clip.missing:
            break
    return damage


def _keep_by_stamp(index: VideoIndex, clip: _Clip) -> Callable[[Sequence[VideoFrame]], None]:
    number_of = {int(index.pts[number]): number for number in clip.missing}

    def keep(frames: Sequence[VideoFrame]) -> None:
        for frame in frames:
            number = None if frame.pts is None else number_of.get(frame.pts)
            if number in clip.missing:
                clip.take(number, frame)

    return keep


def _keep_by_count(clip: _Clip) -> Callable[[Sequence[VideoFrame]], None]:
    numbers = itertools.count()

    def keep(frames: Sequence[VideoFrame]) -> None:
        for frame in frames:
            number = next(numbers)
            if number in clip.missing:
                clip.take(number, frame)

    return keep
