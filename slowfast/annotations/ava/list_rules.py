"""What no row of a list of boxes shows by itself, but the whole list does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from slowfast.annotations.ava.csv_rules import CORNERS, AvaFileError, Columns

SWAPPED_SHARE = 0.2
"""Lists of corners have hardly a box whose second corner comes before its first. Read as corners, boxes given as x, y, width
and height have many: all those that lie further right, or lower, than they are wide, or high."""


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
        self.fit_as_sizes += int(((x1 + x2 <= 1.02) & (y1 + y2 <= 1.02)).sum())
        score = rows.get("score", np.zeros(0))
        self.zeros += int((score == 0).sum())
        self.ones += int((score == 1).sum())
        self.other_scores += int(((score != 0) & (score != 1)).sum())


def judge(path: Path, sums: Sums) -> AvaFileError | None:
    """What is wrong with a list of which every row is right by itself."""
    if sums.swapped >= SWAPPED_SHARE * sums.boxes > 0 and sums.fit_as_sizes >= 0.95 * sums.boxes:
        return AvaFileError(
            path=path, row=sums.first_swapped,
            found=f"x1 is beyond x2, or y1 beyond y2, here and in {sums.swapped} of {sums.boxes} rows, as in boxes of x, y, "
            "width and height",
            right="x1,y1,x2,y2: two corners, x2 = x + width and y2 = y + height",
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
