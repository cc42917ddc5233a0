"""What no row of a list of boxes shows by itself, but the whole list does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from slowfast.annotations.ava.csv_rules import CORNERS, AvaFileError, Columns

SIZES = ((0.2, 0.95, 1), (0.01, 0.99, 20))
"""When a list is taken for one of x, y, width and height: (share of rows whose second corner comes before the first, share of
rows that lie inside of the picture as x, y, width, height, boxes of the list), at least. Lists of corners have hardly a row of
the first kind, and as sizes most of their boxes leave the picture: all those whose centre is right of its middle, or below. The
fewer rows are swapped, the more of the others have to fit, and the more must there be."""


@dataclass(slots=True)
class Sums:
    """What `judge` needs to know of a list: rows with a box; those with swapped corners, and the first of them; those that lie
    inside of the picture if the box is x, y, width, height; those with a score of 0, of 1, and with another one."""

    boxes: int = 0
    swapped: int = 0
    first_swapped: int | None = None
    fit_as_sizes: int = 0
    zeros: int = 0
    ones: int = 0
    other_scores: int = 0

    def add(self, rows: Columns, lines: NDArray[np.int64]) -> None:
        """lines: where the rows stand in the file."""
        x1, y1, x2, y2 = (rows[name] for name in CORNERS)
        swapped = (x1 > x2) | (y1 > y2)
        if self.first_swapped is None and swapped.any():
            self.first_swapped = int(lines[swapped.argmax()])
        self.boxes += int((~np.isnan(x1)).sum())
        self.swapped += int(swapped.sum())
        self.fit_as_sizes += int(((x1 + x2 <= 1.02) & (y1 + y2 <= 1.02) & (x2 > 0) & (y2 > 0)).sum())
        score = rows.get("score", np.zeros(0))
        self.zeros += int((score == 0).sum())
        self.ones += int((score == 1).sum())
        self.other_scores += int(((score != 0) & (score != 1)).sum())

    @property
    def are_sizes(self) -> bool:
        return any(
            self.boxes >= fewest and self.swapped >= max(1, swapped * self.boxes) and self.fit_as_sizes >= fit * self.boxes
            for swapped, fit, fewest in SIZES
        )

    @property
    def swapped_rows(self) -> str:
        """What is odd with them, in words."""
        return f"x1 is beyond x2, or y1 beyond y2, here and in {self.swapped} of {self.boxes} rows"


def judge(path: Path, sums: Sums) -> AvaFileError | None:
    """What is wrong with a list of which every row is right by itself."""
    if sums.are_sizes:
        return AvaFileError(
            path=path, row=sums.first_swapped,
            found=f"{sums.swapped_rows}, as in boxes of x, y, width and height",
            right="x1,y1,x2,y2: two corners, x2 = x + width and y2 = y + height; if boxes are corners, these rows are wrong",
        )  # fmt: skip
    if sums.zeros and not sums.other_scores:
        return AvaFileError(
            path=path,
            found=f"all scores are whole numbers, 0 in {sums.zeros} rows and 1 in {sums.ones}, as the persons of a list of "
            "annotated boxes are",
            right="detected boxes with the scores of a detector (annotated ones belong in AVA.TRAIN_GT_BOX_LISTS; to test on "
            "them, give each the score 1)",
        )  # fmt: skip
    return None
