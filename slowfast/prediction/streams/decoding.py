"""Pictures out of a container that is read once, from its beginning."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from slowfast.datasets import DecodeError
from slowfast.datasets.decoding.opening import main_stream
from slowfast.datasets.decoding.picture import ToPicture
from slowfast.prediction.streams.pump import Note, Put
from slowfast.prediction.streams.sampling import Shown

LARGEST_STEP_BACK = 1.0
"""Seconds by which a picture may come too early: clocks shake a little."""


@dataclass(slots=True)
class Damage:
    """count: damaged pieces that were left out behind the first picture. Who joins a stream that has begun cannot decode what
    is before it, which is no damage."""

    count: int = 0
    _told: int = 0

    def tell(self, put: Put, of: str) -> None:
        """Puts a note of what is new since the last time. of: the stream, as people know it."""
        new, self._told = self.count - self._told, self.count
        if new:
            put(Note(f"{new} damaged pieces of {of} were left out, {self.count} so far"))


def pictures_of(container: InputContainer, name: str, damage: Damage) -> Iterator[Shown]:
    """The pictures of its main video; damaged ones are left out and counted. Raises DecodeError where there is no picture at
    all, and what PyAV raises."""
    stream = main_stream(name, container)
    to_picture = ToPicture(stream)
    first: float | None = None
    rate = float(stream.guessed_rate or 25)
    number = 0
    for packet in _packets(container, stream):
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            damage.count += first is not None
            continue
        for frame in frames:
            if frame.is_corrupt:
                damage.count += first is not None
                continue
            second = number / rate if frame.time is None else float(frame.time)
            first = second if first is None else first
            number += 1
            yield second - first, functools.partial(to_picture, frame)
    if first is None:
        raise DecodeError(name, "no picture could be decoded")


def _packets(container: InputContainer, stream: VideoStream) -> Iterator[Packet[VideoStream]]:
    """Those of the stream, also where others (sound, data) begin in the middle: PyAV knows only those that it found first, and
    fails at a packet of another one, which is lost then, and not wanted. The last one is empty, for what the decoder still
    holds, which gives it once."""
    while True:
        try:
            for packet in container.demux(stream):
                yield packet
                if not packet.size and packet.pts is None and packet.dts is None:
                    return
        except IndexError:
            continue
        return


def steady(shown: Iterator[Shown], name: str, longest: float) -> Iterator[Shown]:
    """The same. Raises DecodeError where the clock jumps: forward by more than `longest` seconds, or back."""
    before: float | None = None
    for second, draw in shown:
        if before is not None and not before - LARGEST_STEP_BACK <= second <= before + longest:
            raise DecodeError(name, f"its clock jumped by {second - before:.1f} s")
        before = second
        yield second, draw
