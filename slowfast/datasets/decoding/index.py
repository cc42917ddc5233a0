"""The index of a video file: which frames it has, when each is shown, and where decoding can begin.

Counts, durations and frame rates in the headers of video files are wrong or missing often enough. One pass over the packets,
without decoding, tells the truth in a few milliseconds. Where the packets do not tell which frame is shown when, since the
container keeps no such stamps (AVI) or keeps wrong ones, the file is decoded once to find out.

Terms: a frame's number counts frames in the order in which they are shown. Packets are counted in the order in which they
stand in the file, which is that of decoding. pts and dts (presentation and decoding time stamps) are whole numbers in units
of `time_base` seconds. A key packet is one that decoding can begin at.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

Stamps = Literal["pts", "dts", "count"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VideoIndex:
    """Frames of one video stream.

    stamps: what tells when frames are shown: their own pts; the dts of all frames, put in order, where pts are missing or
    wrong; or their count alone, and then decoding must begin at the start.
    pts: (n,), rising; when each frame is shown. end: pts at which the last frame ceases to be shown.
    packets: (n,), the packet that holds each frame, or the first that does. num_packets: of the whole file.
    key_pts, key_dts, key_packets: (k,), by rising pts; key packets, among them some that hold no frame to be shown.
    stated_rate: frames a second as the file states them, if the pts bear it out.
    """

    stamps: Stamps = "pts"
    time_base: Fraction
    pts: Ints
    end: int
    packets: Ints
    num_packets: int
    key_pts: Ints
    key_dts: Ints
    key_packets: Ints
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
        return self.stated_rate is not None or bool(np.abs(lateness(self.pts, self.rate * self.time_base)).max() <= 0.5)

    @property
    def one_frame_a_packet(self) -> bool:
        """Whether every packet, but for some at the beginning that an edit list hides, holds a frame of its own."""
        return int(self.packets.min()) + len(self.packets) == self.num_packets

    def keys_of(self, frames: Ints) -> Ints:
        """The last key packet shown no later than each frame, as a number among the key packets; -1: there is none."""
        return np.searchsorted(self.key_pts, self.pts[frames], side="right") - 1

    def last_packets(self, frames: Ints) -> Ints:
        """The last packet of each frame: that before the next one that begins a frame."""
        if self.one_frame_a_packet:
            return self.packets[frames]
        begins = np.append(np.sort(self.packets), self.num_packets)
        return begins[np.searchsorted(begins, self.packets[frames], side="right")] - 1

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


def lateness(pts: Ints, unit: Fraction) -> NDArray[np.float64]:
    """How much later each frame is shown than at a constant rate, in frames; `unit` is that of the pts, in frames."""
    deviations: NDArray[np.float64] = (pts - pts[0]) * float(unit) - np.arange(len(pts))
    return deviations
