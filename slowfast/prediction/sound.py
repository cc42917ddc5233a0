"""The sound of a video, taken over into another file beside new pictures."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
from av.container import OutputContainer

from slowfast.datasets.decoding.opening import open_container

logger = logging.getLogger(__name__)

COPIED = {"aac", "ac3", "alac", "eac3", "flac", "mp2", "mp3", "opus"}
"""Codecs that mp4 files hold as they are; others are encoded anew as AAC."""


class Sound:
    """The first sound track of a file, in the order of its time; nothing where there is none or it cannot be read."""

    def __init__(self, path: Path, out: OutputContainer, *, start: Fraction) -> None:
        """start: second of the file at which the new one begins."""
        self._stack = contextlib.ExitStack()
        self._out, self._start, self._path = out, start, path
        self._source: Any = self._stack.enter_context(open_container(str(path)))
        tracks = [stream for stream in self._source.streams.audio if stream.codec_context is not None]
        self._packets: Iterator[Any] = iter(())
        self._next: Any = None
        if not tracks:
            return
        track = tracks[0]
        if track.codec_context.name in COPIED:
            self._stream: Any = out.add_stream_from_template(track)
            self._packets = self._copied(track)
        else:
            self._stream = out.add_stream("aac", rate=track.codec_context.sample_rate or 48000)
            self._packets = self._encoded(track)
        self._next = next(self._packets, None)

    def write_until(self, second: float | None) -> None:
        """Everything that begins before this second of the new file; None: all that is left."""
        while self._next is not None and (second is None or self._second_of(self._next) < second):
            self._out.mux(self._next)
            self._next = next(self._packets, None)

    def _second_of(self, packet: Any) -> float:
        return float((packet.dts if packet.dts is not None else packet.pts or 0) * packet.time_base)

    def _copied(self, track: Any) -> Iterator[Any]:
        shift = round(self._start / track.time_base)
        with self._breaking_off():
            for packet in self._source.demux(track):
                if packet.dts is None or packet.pts is None or packet.pts < shift:
                    continue
                packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
                packet.stream = self._stream
                yield packet

    def _encoded(self, track: Any) -> Iterator[Any]:
        resampler = av.AudioResampler(format="fltp", layout="stereo", rate=self._stream.codec_context.sample_rate)
        with self._breaking_off():
            for frame in self._source.decode(track):
                if frame.time is not None and frame.time < self._start:
                    continue
                frame.pts = None
                for part in resampler.resample(frame):
                    yield from self._stream.encode(part)
        yield from self._stream.encode(None)

    @contextlib.contextmanager
    def _breaking_off(self) -> Iterator[None]:
        """Sound that cannot be read any further ends there, and the log says so; the pictures go on."""
        try:
            yield
        except av.FFmpegError as error:
            logger.warning("%s: its sound cannot be read any further (%s), so that the rest is silent", self._path, error)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stack.close()
