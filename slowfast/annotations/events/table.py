"""Events by number, as measures want them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slowfast.errors import UserError


class EventError(UserError, ValueError):
    """Events that cannot be: shapes that do not belong together, times or scores that are not numbers, ends before starts."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Events:
    """N stretches of videos, in the order in which they were given.

    video, label: integers (N,) from 0, the video and the class, by any numbering that detections and truths share. start, end:
    float64 (N,), seconds from the start of the video, start <= end; a moment has both at once, and times before the start of a
    video or behind its end are taken as they are. score: float64 (N,) of detections, infinities included; None of truths.
    Raises EventError.
    """

    video: NDArray[np.integer]
    label: NDArray[np.integer]
    start: NDArray[np.float64]
    end: NDArray[np.float64]
    score: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        for name in ("video", "label"):
            self._check(name, np.integer)
            self._refuse(getattr(self, name) < 0, f"{name} of", "a number from 0")
        for name in ("start", "end"):
            self._check(name, np.floating)
            self._refuse(~np.isfinite(getattr(self, name)), f"{name} of", "a finite number of seconds")
        self._refuse(self.end < self.start, "the end is before the start in", "start <= end")
        if self.score is not None:
            self._check("score", np.floating)
            self._refuse(np.isnan(self.score), "score of", "a number")

    def __len__(self) -> int:
        return len(self.video)

    def __getitem__(self, rows: NDArray[np.generic] | slice) -> Events:
        """The events that an index array, a mask or a slice picks."""
        return Events(
            video=self.video[rows],
            label=self.label[rows],
            start=self.start[rows],
            end=self.end[rows],
            score=None if self.score is None else self.score[rows],
        )

    @classmethod
    def none(cls, *, scored: bool) -> Events:
        numbers, seconds = np.zeros(0, np.int64), np.zeros(0)
        return cls(video=numbers, label=numbers, start=seconds, end=seconds, score=seconds if scored else None)

    @classmethod
    def join(cls, parts: list[Events]) -> Events:
        """All events of the parts, of which there is at least one, in their order; all have scores or none has."""
        scores = [part.score for part in parts if part.score is not None]
        if len(scores) not in (0, len(parts)):
            raise EventError(f"{len(scores)} of {len(parts)} parts have scores; right would be all or none")
        return cls(
            video=np.concatenate([part.video for part in parts]),
            label=np.concatenate([part.label for part in parts]),
            start=np.concatenate([part.start for part in parts]),
            end=np.concatenate([part.end for part in parts]),
            score=np.concatenate(scores) if scores else None,
        )

    def _check(self, name: str, kind: Any) -> None:
        values = getattr(self, name)
        if values.shape != (len(self.video),) or not np.issubdtype(values.dtype, kind):
            right = "floats" if kind is np.floating else "integers"
            raise EventError(f"events: {name} is {values.dtype} {values.shape}; right would be {right} {(len(self.video),)}")

    def _refuse(self, wrong: NDArray[np.bool_], what: str, right: str) -> None:
        if wrong.any():
            raise EventError(
                f"events: {what} {wrong.sum()} of {len(self)} is wrong, the first of them is number {wrong.argmax()} (counted "
                f"from 0); right would be {right}"
            )
