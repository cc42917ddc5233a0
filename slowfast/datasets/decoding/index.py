"""The index of a video file: which frames it has, when each is shown, and where decoding can begin.

Counts, durations and frame rates in the headers of video files are wrong or missing often enough. One pass over the packets,
without decoding, tells the truth in a few milliseconds.

Terms: a frame's number counts frames in the order in which they are shown. Packets are counted in the order in which they
stand in the file, which is that of decoding. pts and dts (presentation and decoding time stamps) are whole numbers in units
of `time_base` seconds. A key packet is one that decoding can begin at.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from slowfast.datasets.decoding.opening import open_video
from slowfast.datasets.errors import DecodeError
from slowfast.datasets.time_limit import check_time

Ints = NDArray[np.int64]

GUESSED_FPS = 25
"""Frame rate of streams that carry no time stamps and state no rate, as FFmpeg guesses it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VideoIndex:
    """Frames of one video stream.

    pts: (n,), rising; when each frame is shown. end: pts at which the last frame ceases to be shown.
    packets: (n,), the packet that holds each frame.
    key_pts, key_dts, key_packets: (k,), by rising pts; key packets, among them some that hold no frame to be shown.
    has_stamps: whether frames can be told apart by pts. If not, pts are made up and decoding must begin at the start.
    stated_rate: frames a second as the file states them, if the pts bear it out.
    """

    time_base: Fraction
    pts: Ints
    end: int
    packets: Ints
    key_pts: Ints
    key_dts: Ints
    key_packets: Ints
    has_stamps: bool = True
    stated_rate: Fraction | None = None

    @property
    def num_frames(self) -> int:
        return len(self.pts)

    @property
    def duration_sec(self) -> float:
        return float((self.end - int(self.pts[0])) * self.time_base)

    @property
    def rate(self) -> Fraction:
        """Frames a second: as stated, or their mean."""
        return self.stated_rate or self.num_frames / ((self.end - int(self.pts[0])) * self.time_base)

    @property
    def fps(self) -> float:
        return float(self.rate)

    @property
    def is_steady(self) -> bool:
        """Whether every frame is shown where the rate would have it, give or take half a frame."""
        return self.stated_rate is not None or bool(np.abs(_deviations(self.pts, self.rate * self.time_base)).max() <= 0.5)

    def seconds(self, frames: Ints) -> NDArray[np.float64]:
        """When these frames are shown, counted from the first frame."""
        seconds: NDArray[np.float64] = (self.pts[frames] - self.pts[0]) * float(self.time_base)
        return seconds

    def grid_length(self, fps: int) -> int:
        """Frames that the video has on a grid of `fps` pictures a second: the whole part of duration times fps, at least 1.

        The end is the sum of two stamps that were rounded to the time base, so it may lie one unit too early.
        """
        ticks = self.end - int(self.pts[0]) + 1
        return max(ticks * self.time_base.numerator * fps // self.time_base.denominator, 1)

    def on_grid(self, positions: Ints, fps: int | Fraction) -> Ints:
        """The last frame shown no later than each grid position; position i stands for second i / fps.

        Stamps are rounded to the time base: half a unit too late is not late.
        """
        unit, base = (self.time_base * fps).as_integer_ratio()
        latest = (2 * positions * base + unit) // (2 * unit)
        return np.searchsorted(self.pts - self.pts[0], latest, side="right") - 1


def read_index(path: str) -> VideoIndex:
    """Indexes a file. Raises DecodeError when it is missing, is no video, or holds no frame."""
    with open_video(path) as (container, stream):
        time_base, rate = stream.time_base, stream.average_rate
        rows = []
        for packet in container.demux(stream):
            check_time(path)
            # The last packet is an empty one that tells decoders to finish; a corrupt one was cut off by the end of the file.
            if packet.size > 0 and not packet.is_corrupt:
                rows.append((packet.pts, packet.dts, packet.duration or 0, packet.is_keyframe, packet.is_discard))
    shown = [number for number, (_, _, _, _, discard) in enumerate(rows) if not discard]
    if not shown:
        raise DecodeError(path, "the file holds no frame")
    stamps = [rows[number][0] for number in shown]
    if time_base is None or None in stamps or len(set(stamps)) < len(stamps):
        return _index_by_count(len(shown), Fraction(rate or GUESSED_FPS))
    pts = np.array(stamps, np.int64)
    order = np.argsort(pts)
    keys = [
        (pts, pts if dts is None else dts, number)
        for number, (pts, dts, _, is_key, _) in enumerate(rows)
        if is_key and pts is not None
    ]
    key_pts, key_dts, key_packets = np.array(sorted(keys), np.int64).reshape(-1, 3).T
    pts = pts[order]
    bears_out = rate and np.abs(_deviations(pts, rate * time_base)).max() <= rate * time_base
    packets = np.array(shown, np.int64)[order]
    return VideoIndex(
        time_base=time_base,
        pts=pts,
        end=int(pts[-1]) + _last_duration(pts, rows[packets[-1]][2], time_base, rate),
        packets=packets,
        key_pts=key_pts,
        key_dts=key_dts,
        key_packets=key_packets,
        stated_rate=rate if bears_out else None,
    )


def _deviations(pts: Ints, unit: Fraction) -> NDArray[np.float64]:
    """How much later each frame is shown than at a constant rate, in frames; `unit` is that of the pts, in frames."""
    deviations: NDArray[np.float64] = (pts - pts[0]) * float(unit) - np.arange(len(pts))
    return deviations


def _last_duration(pts: Ints, stated: int, time_base: Fraction, rate: Fraction | None) -> int:
    """How long the last frame is shown, in units of the time base."""
    if stated > 0:
        return stated
    if len(pts) > 1:
        return int(np.median(np.diff(pts)))
    return max(round(1 / (Fraction(rate or GUESSED_FPS) * time_base)), 1)


def _index_by_count(num_frames: int, rate: Fraction) -> VideoIndex:
    """Index of a stream without usable time stamps: frames follow each other at `rate`."""
    none = np.zeros(0, np.int64)
    numbers = np.arange(num_frames, dtype=np.int64)
    return VideoIndex(
        time_base=1 / rate,
        pts=numbers,
        end=num_frames,
        packets=numbers,
        key_pts=none,
        key_dts=none,
        key_packets=none,
        has_stamps=False,
        stated_rate=rate,
    )
