"""When things happen in data in the format of AVA: which second a video begins with, and which seconds are annotated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from fvcore.common.config import CfgNode
from numpy.typing import NDArray

START_SECOND = 900
"""The second of AVA's first frames: its videos are cut out of films from there on."""

FIRST_SECOND, LAST_SECOND = 902, 1798
"""AVA's first and last annotated second."""

FPS = 30
"""Frames a second of AVA's pictures, whatever the rate of the videos they came from."""

NO_END = 10**9 - 1


@dataclass(frozen=True, slots=True)
class AvaTimes:
    """start: the second, as the lists of boxes count them, that the first frame of a video shows. first, last: the seconds that
    may have boxes. fps: frames a second of the pictures, or those that are taken of video files. Defaults are AVA's."""

    start: int = START_SECOND
    first: int = FIRST_SECOND
    last: int = LAST_SECOND
    fps: int = FPS

    @classmethod
    def from_cfg(cls, cfg: CfgNode) -> Self:
        """AVA.ANNOTATED_SECONDS, if it is empty, are AVA's own where videos begin as AVA's do, else all from their start on."""
        seconds, start = cfg.AVA.ANNOTATED_SECONDS, cfg.AVA.START_SECOND
        first, last = seconds or ((FIRST_SECOND, LAST_SECOND) if start == START_SECOND else (start, NO_END))
        return cls(start=start, first=first, last=last, fps=cfg.AVA.FPS)

    @property
    def range(self) -> str:
        """The annotated seconds, in words."""
        return f"seconds {self.first} to {self.last}" if self.last < NO_END else f"seconds from {self.first} on"

    def frame(self, second: int) -> int:
        """The frame that shows a second, counted from 0; it may lie behind the end of a video."""
        return (second - self.start) * self.fps

    def frames(self, seconds: NDArray[np.int64]) -> NDArray[np.int64]:
        """The same for many seconds (M,)."""
        return (seconds - self.start) * self.fps


AVA_TIMES = AvaTimes()
