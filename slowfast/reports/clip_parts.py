"""In which parts a clip is read."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

Parts = tuple[tuple[int, int], ...]


@runtime_checkable
class ReadsInParts(Protocol):
    """What a train or evaluation step is, besides, if it reads a clip part by part rather than at once."""

    def segments(self, num_frames: int) -> Parts:
        """The parts of a clip of so many frames, as ranges [start, stop), in the order in which they are read."""


def parts_of(step: object, num_frames: int) -> Parts:
    """The parts that a step reads a clip in; all of it at once where the step says nothing."""
    return step.segments(num_frames) if isinstance(step, ReadsInParts) else ((0, num_frames),)
