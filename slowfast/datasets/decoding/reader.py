"""From frame numbers to pixels.

Decoding begins at the key packet before the first wanted frame and ends with the last one; groups of pictures in between
that hold nothing wanted are not decoded, nor are pictures that no other refers to. Every frame goes through the transform as
soon as it comes, so that a clip needs the memory of its result, not of the stretch of video that it spans.

Packets are handed to the decoder with their number for a time stamp, and frames come out with it. So it does not matter here
what stamps a file has, and a frame cannot be taken for another.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Protocol

import av
import cv2
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from slowfast.datasets.decoding.decoder import NumberedDecoder
from slowfast.datasets.decoding.index import Ints, VideoIndex
from slowfast.datasets.decoding.opening import describe, open_video
from slowfast.datasets.decoding.picture import Picture, ToPicture
from slowfast.datasets.decoding.plan import Plan, Stretch, from_start, plan_stretches
from slowfast.datasets.decoding.seeking import Packet, packets_from
from slowfast.datasets.errors import DecodeError
from slowfast.datasets.time_limit import check_time

logger = logging.getLogger(__name__)


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
    """Frames `wanted` (any order, repeats allowed) of a file, as uint8 (T, H, W, 3), RGB, upright, with square pixels.

    Raises DecodeError when the file cannot be read, or when a wanted frame does not come out of the decoder whole.
    """
    places = np.asarray(wanted, np.int64)
    clip, problem = _decode_clip(path, index, plan_stretches, places, transform or WholeFrame())
    if problem and index.stamps != "count":
        # Some files do not keep what their index promises, so everything is decoded that comes before.
        logger.debug("%s: decoding from the start, since %s", path, problem)
        clip, problem = _decode_clip(path, index, from_start, places, transform or WholeFrame())
    if problem:
        raise DecodeError(path, problem)
    return clip.pictures


def stream_frames(
    path: str, index: VideoIndex, wanted: Sequence[int] | Ints, transform: FrameTransform | None = None
) -> Iterator[Picture]:
    """Frames `wanted` (rising, repeats allowed) one after the other, each as uint8 (H, W, 3): the memory of one picture.

    The file stays open from the first to the last. Raises DecodeError for the first wanted frame that does not come out of the
    decoder whole; those before it are as `decode_frames` returns them, but for some of the same group of pictures, whose damage
    the decoder may have taken for something else.
    """
    numbers, repeats = np.unique(np.asarray(wanted, np.int64), return_counts=True)
    pictures = _Pictures(transform or WholeFrame())
    problem = ""
    for plan in (plan_stretches, from_start):
        done, rest = pictures.done, numbers[pictures.done :]
        with open_video(path) as (container, stream):
            run = _Run(path, index, plan(index, rest), rest)
            to_picture = ToPicture(stream)
            for number, frame in run.frames(container, stream):
                problem = run.problem_of(number, expected=int(numbers[pictures.done]))
                if problem:
                    break
                picture = pictures.make(to_picture(frame))
                for _ in range(repeats[pictures.done - 1]):
                    yield picture
        if pictures.done == len(numbers):
            return
        problem = problem or run.problem()
        if index.stamps == "count" or done:  # what is read anew from the start costs as much as all that was read so far
            break
        logger.debug("%s: decoding from the start, since %s", path, problem)
    raise DecodeError(path, problem)


def _decode_clip(path: str, index: VideoIndex, plan: Plan, places: Ints, transform: FrameTransform) -> tuple[_Clip, str]:
    """A clip decoded by a plan, and what is wrong with it."""
    clip, numbers = _Clip(places, transform), np.unique(places)
    with open_video(path) as (container, stream):
        run = _Run(path, index, plan(index, numbers), numbers)
        to_picture = ToPicture(stream)
        for number, frame in run.frames(container, stream):
            clip.take(number, to_picture(frame))
    return clip, run.problem()


def each_picture(path: str, index: VideoIndex) -> Iterator[tuple[int, Picture]]:
    """(number, picture) of every frame, in the order in which they are shown. Raises DecodeError, if need be after the last."""
    for number, frame, to_picture in _each_frame(path, index):
        yield number, to_picture(frame)


def check_frames(path: str, index: VideoIndex) -> None:
    """Decodes every frame. Raises DecodeError for the first that does not come out of the decoder whole."""
    for _ in _each_frame(path, index):
        pass


def _each_frame(path: str, index: VideoIndex) -> Iterator[tuple[int, VideoFrame, ToPicture]]:
    everything = np.arange(index.num_frames)
    with open_video(path) as (container, stream):
        run = _Run(path, index, from_start(index, everything), everything)
        to_picture = ToPicture(stream)
        for number, frame in run.frames(container, stream):
            yield number, frame, to_picture
    if problem := run.problem():
        raise DecodeError(path, problem)


class _Clip:
    """The result in the making: takes wanted frames in any order and writes each to all its places."""

    def __init__(self, wanted: Ints, transform: FrameTransform) -> None:
        self._places: dict[int, list[int]] = {}
        for place, number in enumerate(wanted.tolist()):
            self._places.setdefault(number, []).append(place)
        self._length = len(wanted)
        self._transform = transform
        self.pictures: Picture = np.empty((0, 0, 0, 3), np.uint8)

    def take(self, number: int, image: Picture) -> None:
        if not self.pictures.size:
            self.pictures = np.empty((self._length, *self._transform.output_size(*image.shape[:2]), 3), np.uint8)
        first, *others = self._places[number]
        self._transform(image, self.pictures[first])
        self.pictures[others] = self.pictures[first]


class _Pictures:
    """Pictures one by one, all of the size of the first. done: how many."""

    def __init__(self, transform: FrameTransform) -> None:
        self._transform = transform
        self._shape: tuple[int, ...] = ()
        self.done = 0

    def make(self, image: Picture) -> Picture:
        if not self._shape:
            self._shape = (*self._transform.output_size(*image.shape[:2]), 3)
        picture = np.empty(self._shape, np.uint8)
        self._transform(image, picture)
        self.done += 1
        return picture


class _Run:
    """Decodes the stretches of a plan, and keeps account of what became of the frames `wanted` (rising, without repeats)."""

    def __init__(self, path: str, index: VideoIndex, stretches: list[Stretch], wanted: Ints) -> None:
        self._path, self._index, self._stretches, self._wanted = path, index, stretches, wanted
        self._missing = dict(zip(index.packets[wanted].tolist(), wanted.tolist(), strict=True))
        self._damage: dict[int, str] = {}  # what the decoder said, by the number of the packet
        self._disorder = ""

    def frames(self, container: InputContainer, stream: VideoStream) -> Iterator[tuple[int, VideoFrame]]:
        """(number, frame) of the wanted frames, as they come."""
        depth, before = stream.codec_context.reorder_depth, -1
        for frame in self._decode(container, stream):
            packet = -1 if frame.pts is None else frame.pts
            if frame.is_corrupt:
                self._damage.setdefault(packet, "marked as corrupt by the decoder")
            number = self._missing.pop(packet, None)
            if number is not None:
                if number < before:
                    self._disorder = (
                        f"frame {number} comes out of the decoder behind frame {before}, so its time stamp is wrong"
                    )
                before = number
                yield number, frame
        if stream.codec_context.reorder_depth > depth:
            self._disorder = ""  # the decoder itself found out too late how far frames are out of order

    def _decode(self, container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
        """All frames that come out of the stretches; their pts are the numbers of their packets."""
        decoder = NumberedDecoder(stream)
        todo = iter(self._stretches)
        stretch = next(todo)
        # A second field may be marked differently from the first.
        may_skip = stretch.key is not None and decoder.skips_safely and self._index.one_frame_a_packet
        wanted = frozenset(self._missing) if may_skip else None
        number = 0
        try:
            for number, packet in packets_from(container, stream, self._index, stretch.key):
                check_time(self._path)
                if number < stretch.first:
                    continue
                if packet.is_corrupt and not decoder.marks_damage:
                    self._damage.setdefault(number, "its packet is damaged")
                yield from self._decoded(decoder, number, packet, wanted)
                if number < stretch.last:
                    continue
                yield from self._decoded(decoder, number)
                following = next(todo, None)
                if following is None:
                    return
                decoder.restart()
                stretch = following
            yield from self._decoded(decoder, number)  # the file has become shorter than its index
        except av.FFmpegError as error:
            self._damage.setdefault(number, describe(error))

    def _decoded(
        self, decoder: NumberedDecoder, number: int, packet: Packet | None = None, wanted: frozenset[int] | None = None
    ) -> Sequence[VideoFrame]:
        """What comes out of the decoder with a packet, or behind the last one; nothing where it complains, which is noted."""
        try:
            return decoder.drain() if packet is None else decoder.decode(number, packet, wanted)
        except av.FFmpegError as error:
            self._damage.setdefault(number, describe(error))
            return ()

    def problem_of(self, number: int, *, expected: int) -> str:
        """What is wrong with a frame that has just come, where `expected` is the one that should; empty if nothing is."""
        if number != expected:
            return f"frame {expected} of {self._index.num_frames} does not come out of the decoder"
        harm = self._harm(np.array([number])).get(number, "")
        return f"frame {number} of {self._index.num_frames} {harm}" if harm else ""

    def problem(self) -> str:
        """What is wrong with the first wanted frame that is not whole; empty if all are.

        Damage spreads from a frame to all that are decoded after it, up to the next key packet and, of the frames behind
        that one, to those that are shown before it.
        """
        problems = dict.fromkeys(self._missing.values(), "does not come out of the decoder") | self._harm(self._wanted)
        if not problems:
            return self._disorder
        first = min(problems)
        return f"frame {first} of {self._index.num_frames} {problems[first]}"

    def _harm(self, wanted: Ints) -> dict[int, str]:
        """What damage did to frames, by number."""
        harm: dict[int, str] = {}
        index = self._index
        for packet, said in self._damage.items():
            (frames,) = np.nonzero(index.packets == packet)
            key = index.keys_of(frames)[0] if len(frames) else np.count_nonzero(index.key_packets <= packet) - 1
            harmed = wanted[(index.keys_of(wanted) <= key) & (index.last_packets(wanted) >= packet)]
            harm |= dict.fromkeys(harmed.tolist(), f"is damaged ({said})")
        return harm
