"""Boxes of actions, one row an action of a person at a second of a video."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slowfast.evaluation.errors import ScoreError


@dataclass(frozen=True, slots=True, kw_only=True)
class Boxes:
    """N rows, in the order in which they stand in a file.

    video: integers (N,), any numbering that detections and truths share. second: integers (N,). box: float64 (N, 4), x1 y1 x2
    y2 as fractions of the image, not clipped to it. label: integers (N,), the action, 1 to 80; 0 says that somebody looked
    at this second and found no action (its box means nothing). score: floats (N,) of detections, None of truths.
    Raises ScoreError when shapes or types are others, or a number is NaN.
    """

    video: NDArray[np.integer]
    second: NDArray[np.integer]
    box: NDArray[np.float64]
    label: NDArray[np.integer]
    score: NDArray[np.floating] | None = None

    def __post_init__(self) -> None:
        for name in ("video", "second", "label"):
            _check(name, getattr(self, name), (len(self),), np.integer)
        _check("box", self.box, (len(self), 4), np.floating)
        if self.score is not None:
            _check("score", self.score, (len(self),), np.floating)

    def __len__(self) -> int:
        return len(self.video)

    def __getitem__(self, rows: NDArray[np.generic] | slice) -> Boxes:
        """The rows that an index array, a mask or a slice picks."""
        return Boxes(
            video=self.video[rows],
            second=self.second[rows],
            box=self.box[rows],
            label=self.label[rows],
            score=None if self.score is None else self.score[rows],
        )


def _check(name: str, values: NDArray[np.generic], shape: tuple[int, ...], kind: Any) -> None:
    if values.shape != shape or not np.issubdtype(values.dtype, kind):
        right = "floats" if kind is np.floating else "integers"
        raise ScoreError(f"boxes: {name} is {values.dtype} {values.shape}; right would be {right} {shape}")
    # The smallest is NaN if any is; that takes one pass and no mask.
    if kind is np.floating and values.size and np.isnan(values.min()):
        row = int(np.argwhere(np.isnan(values))[0][0])
        raise ScoreError(f"boxes: {name} of row {row} (the first is 0) is not a number")
