"""Pictures out of a container that is read once, from its beginning."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import av
from av.container import InputContainer

from slowfast.datasets import DecodeError
from slowfast.datasets.decoding.opening import main_stream
from slowfast.datasets.decoding.picture import ToPicture
from slowfast.prediction.streams.sampling import Shown


def pictures_of(container: InputContainer, name: str) -> Iterator[Shown]:
    """The pictures of its main video. Those that are damaged are passed over: who joins a stream that has begun cannot
    decode its first ones. Raises DecodeError where there is no picture at all, and what PyAV raises."""
    stream = main_stream(name, container)
    to_picture = ToPicture(stream)
    first: float | None = None
    rate = float(stream.guessed_rate or 25)
    number = 0
    for packet in container.demux(stream):
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            continue
        for frame in frames:
            second = number / rate if frame.time is None else float(frame.time)
            first = second if first is None else first
            number += 1
            yield second - first, functools.partial(to_picture, frame)
    if first is None:
        raise DecodeError(name, "no picture could be decoded")
