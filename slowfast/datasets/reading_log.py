"""What reading the samples of a pass was like: how many, how many could not be read, and which took longest."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

SLOWEST = 5
"""Files that are remembered for being slow."""


@dataclass(slots=True)
class ReadingLog:
    """Counts of one pass, in this process. clips: samples that were read. replaced: unreadable videos whose place others took
    (training). left_out: samples that are missing, as their video is unreadable (evaluation, where it is allowed).
    """

    clips: int = 0
    replaced: int = 0
    left_out: int = 0
    _seconds: dict[str, float] = field(default_factory=dict)

    def clear(self) -> None:
        self.clips = self.replaced = self.left_out = 0
        self._seconds.clear()

    def add(self, name: str, seconds: float, *, replaced: int = 0) -> None:
        """One sample of video `name`, read in `seconds`."""
        self.clips += 1
        self.replaced += replaced
        if seconds > self._seconds.get(name, 0.0):
            self._seconds[name] = seconds
            if len(self._seconds) > SLOWEST:
                del self._seconds[min(self._seconds, key=self._seconds.__getitem__)]

    @property
    def slowest(self) -> list[tuple[str, float]]:
        """(name, seconds) of the videos that took longest, the slowest first."""
        return heapq.nlargest(SLOWEST, self._seconds.items(), key=lambda item: item[1])

    def __str__(self) -> str:
        slowest = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in self.slowest)
        return f"{self.clips} clips read, {self.replaced} unreadable videos replaced; slowest: {slowest or 'none'}"
