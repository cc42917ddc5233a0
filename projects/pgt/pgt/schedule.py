"""Which frames each step of a clip reads: pure integers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, TypeVar

V = TypeVar("V")

Semantics = Literal["corrected", "released"]


class ScheduleError(ValueError):
    """Step lengths and overlaps that do not describe a cut of a clip."""


@dataclass(frozen=True, slots=True, init=False)
class StepSchedule:
    """A clip cut into steps. Pathways are ordered from slow to fast; the last one reads every frame of the clip.

    step_len: frames that a step sees, memory included, for each pathway. overlap: how many of these come from the memory.
    steps: number of steps. A single pathway may be given as plain numbers. With two pathways the slow one takes every
    alpha-th frame, alpha being the ratio of their step lengths, and both must describe the same cut. semantics: "released" has
    the slow frames where the original code took them, and allows overlaps that do not cover the same time, as its files have.
    """

    step_len: tuple[int, ...]
    overlap: tuple[int, ...]
    steps: int
    semantics: Semantics

    def __init__(
        self, step_len: int | Sequence[int], overlap: int | Sequence[int], steps: int, *, semantics: Semantics = "corrected"
    ) -> None:
        object.__setattr__(self, "step_len", as_tuple(step_len))
        object.__setattr__(self, "overlap", as_tuple(overlap))
        object.__setattr__(self, "steps", steps)
        object.__setattr__(self, "semantics", semantics)
        self._check()

    def _check(self) -> None:
        if len(self.step_len) != len(self.overlap):
            raise ScheduleError(
                f"{len(self.step_len)} step lengths but {len(self.overlap)} overlaps; both have one number a pathway"
            )
        if self.steps < 1:
            raise ScheduleError(f"{self.steps} steps; a clip has at least 1")
        for length, overlap in zip(self.step_len, self.overlap, strict=True):
            if not 0 <= overlap < length:
                raise ScheduleError(f"an overlap of {overlap} frames in steps of {length}; it must be from 0 to {length - 1}")
        for pathway, length in enumerate(self.step_len):
            if self.step_len[-1] % length:
                raise ScheduleError(f"the fast step of {self.step_len[-1]} frames is no multiple of the slow step of {length}")
            if self.semantics == "corrected" and not self._covers_the_same_time(pathway):
                raise ScheduleError(
                    f"overlaps {list(self.overlap)} do not cover the same time in pathways with steps of {list(self.step_len)} "
                    f"frames; {[self.overlap[0], self.overlap[0] * self.frame_ratio(0)]} do"
                )

    def _covers_the_same_time(self, pathway: int) -> bool:
        return self.overlap[pathway] * self.frame_ratio(pathway) == self.overlap[-1]

    @property
    def overlaps_agree(self) -> bool:
        """Whether the overlaps of all pathways cover the same time; always, but for "released" semantics."""
        return all(map(self._covers_the_same_time, range(self.num_pathways)))

    @property
    def num_pathways(self) -> int:
        return len(self.step_len)

    @property
    def num_frames(self) -> int:
        """Frames of the whole clip."""
        return self.ranges(self.num_pathways - 1)[-1][1]

    def frame_ratio(self, pathway: int) -> int:
        """Frames of the clip for each frame of the pathway (alpha for the slow one, 1 for the fast one)."""
        return self.step_len[-1] // self.step_len[pathway]

    def new_frames(self, pathway: int) -> int:
        """Frames that every step but the first reads."""
        return self.step_len[pathway] - self.overlap[pathway]

    def ranges(self, pathway: int = 0) -> list[tuple[int, int]]:
        """[start, stop) of the pathway's own frames that each step reads; together they cover the clip, none twice."""
        length, new = self.step_len[pathway], self.new_frames(pathway)
        return [(0, length)] + [(length + k * new, length + (k + 1) * new) for k in range(self.steps - 1)]

    def groups(self, at_most: int) -> list[range]:
        """All steps, in order, in groups of at most so many: the first step alone, as it may be longer and has no past, the
        others in as few groups as possible, of as equal sizes as possible."""
        later = self.steps - 1
        count = -(-later // at_most)
        borders = [1 + number * later // count for number in range(count + 1)] if count else []
        return [range(1), *(range(start, stop) for start, stop in pairwise(borders))]

    def clip_ranges(self) -> list[tuple[int, int]]:
        """[start, stop) of the clip's frames that belong to each step."""
        return self.ranges(self.num_pathways - 1)

    def centres(self) -> list[int]:
        """The clip's frame in the middle of what each step sees, memory included."""
        length, new = self.step_len[-1], self.new_frames(self.num_pathways - 1)
        return [length // 2 + step * new for step in range(self.steps)]

    def frames(self, pathway: int, step: int, *, semantics: Semantics | None = None) -> list[int]:
        """Frames of the clip that the pathway reads in this step. semantics: others than the schedule's own.

        "corrected": frame i of a pathway is frame alpha * i of the clip, in every step. "released": the slow frames as the
        original code chose them, evenly spread over the step from its first (later steps: its slow step length-th) to its
        last frame.
        """
        start, stop = self.ranges(pathway)[step]
        if (semantics or self.semantics) == "corrected" or pathway == self.num_pathways - 1:
            ratio = self.frame_ratio(pathway)
            return list(range(start * ratio, stop * ratio, ratio))
        first, end = self.clip_ranges()[step]
        if step > 0:
            first += self.step_len[pathway]
        return _evenly_spread(first, end - 1, stop - start)


def _evenly_spread(first: int, last: int, count: int) -> list[int]:
    """`count` whole numbers from `first` to `last`, both included, evenly spread and rounded down."""
    if count == 1:
        return [first]
    return [first + i * (last - first) // (count - 1) for i in range(count)]


def as_tuple(value: V | Sequence[V]) -> tuple[V, ...]:
    """One value, or one for each pathway."""
    return tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else (value,)


def of_pathway(values: Sequence[V], pathway: int) -> V:
    """The entry of a pathway; a single one serves all."""
    return values[pathway] if pathway < len(values) else values[-1]
