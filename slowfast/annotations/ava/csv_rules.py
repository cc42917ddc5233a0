"""What the rows of AVA's csv files have to look like.

A rule looks at many rows at once: columns by name, float64 (R,), NaN where a field is empty or missing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slowfast.errors import UserError, in_one_line

NUM_ACTIONS = 80

Columns = Mapping[str, NDArray[Any]]
Mask = NDArray[np.bool_]

CORNERS = ("x1", "y1", "x2", "y2")
LARGEST_FRACTION = 2.0
"""Boxes leave the image by a little; pixels are far beyond."""


class AvaFileError(UserError, ValueError):
    """A file is not what it should be. The text names the file, the row, what was found and what would be right."""

    def __init__(self, *, path: Path, found: str, right: str, row: int | None = None) -> None:
        self.path, self.row, self.found, self.right = path, row, found, right
        where = str(path) if row is None else f"{path}, row {row}"
        super().__init__(f"{where}: {in_one_line(found)}; right would be {right}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """`shown` names the columns that the message quotes."""

    is_wrong: Callable[[Columns], Mask]
    shown: tuple[str, ...]
    right: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RowKind:
    """Columns besides the video, in order, and the rules of their values; the first rule that a row breaks is reported. judged:
    whether a list is also judged as a whole (see `judge`), as those are that networks get their boxes from."""

    numbers: tuple[str, ...]
    rules: tuple[Rule, ...]
    judged: bool = False

    @property
    def layout(self) -> str:
        return ",".join(("video", *self.numbers))


def _corner(is_wrong: Callable[[NDArray[np.generic]], Mask]) -> Callable[[Columns], Mask]:
    """A rule that any of the four corners breaks."""
    return lambda rows: np.asarray(np.any([is_wrong(rows[name]) for name in CORNERS], axis=0))


def _is_outside(values: NDArray[np.generic]) -> Mask:
    return np.asarray(~(np.abs(values) <= LARGEST_FRACTION))


def _is_not_action(values: NDArray[Any]) -> Mask:
    return np.asarray(~((values >= 1) & (values <= NUM_ACTIONS) & _is_whole(values)))


def _is_whole(values: NDArray[Any]) -> Mask:
    return np.asarray(values == np.floor(values))


def says_nothing_happens(rows: Columns) -> Mask:
    """Rows of video and second only: somebody looked, and there is no action."""
    return np.asarray(np.all([np.isnan(rows[name]) for name in (*CORNERS, "label", "person")], axis=0))


def _if_action(is_wrong: Callable[[Columns], Mask]) -> Callable[[Columns], Mask]:
    return lambda rows: is_wrong(rows) & ~says_nothing_happens(rows)


_SECOND = Rule(
    is_wrong=lambda rows: ~_is_whole(rows["second"]) | (np.abs(rows["second"]) >= 1e9),
    shown=("second",),
    right="a whole number of seconds behind the video and a comma, and no header",
)
_CORNERS_ARE_NUMBERS = Rule(is_wrong=_corner(np.isnan), shown=CORNERS, right="four numbers")
_CORNERS_ARE_FRACTIONS = Rule(
    is_wrong=_corner(_is_outside),
    shown=CORNERS,
    right=f"fractions of the image's width and height, not pixels: between {-LARGEST_FRACTION:g} and {LARGEST_FRACTION:g}",
)
_ACTION = Rule(
    is_wrong=lambda rows: _is_not_action(rows["label"]),
    shown=("label",),
    right=f"an action, a whole number from 1 to {NUM_ACTIONS}",
)
_SCORE = Rule(is_wrong=lambda rows: np.isnan(rows["score"]), shown=("score",), right="a number")
_ACTION_OR_NONE = Rule(
    is_wrong=lambda rows: ~(np.isnan(rows["label"]) | (rows["label"] == -1)) & _is_not_action(rows["label"]),
    shown=("label",),
    right=f"an action, a whole number from 1 to {NUM_ACTIONS}, or -1 or nothing if no action is known",
)
_CONFIDENCE = Rule(
    is_wrong=lambda rows: ~((rows["score"] >= 0) & (rows["score"] <= 1)),
    shown=("score",),
    right="the score of a detector, from 0 to 1, as this is read as a file of detected boxes; "
    "annotated boxes belong into AVA.TRAIN_GT_BOX_LISTS",
)
_CONFIDENCE_OR_NONE = Rule(
    is_wrong=lambda rows: ~(np.isnan(rows["score"]) | ((rows["score"] >= 0) & (rows["score"] <= 1))),
    shown=("score",),
    right="the score of a detector, from 0 to 1, or nothing where every box is wanted",
)
_NOT_SWAPPED = Rule(
    is_wrong=lambda rows: (rows["x1"] > rows["x2"]) | (rows["y1"] > rows["y2"]), shown=CORNERS, right="x1 <= x2 and y1 <= y2"
)
_PERSON = Rule(
    is_wrong=lambda rows: ~(np.isnan(rows["person"]) | _is_whole(rows["person"])),
    shown=("person",),
    right="the whole number of a person, as this is read as a file of truths, not of detections",
)

DETECTIONS = RowKind(
    numbers=("second", *CORNERS, "label", "score"),
    rules=(_SECOND, _CORNERS_ARE_NUMBERS, _CORNERS_ARE_FRACTIONS, _ACTION, _SCORE),
)
_TRUTH_RULES = (
    _SECOND,
    *(
        Rule(is_wrong=_if_action(rule.is_wrong), shown=rule.shown, right=rule.right)
        for rule in (_CORNERS_ARE_NUMBERS, _CORNERS_ARE_FRACTIONS, _ACTION)
    ),
)
TRUTHS = RowKind(numbers=("second", *CORNERS, "label", "person"), rules=(*_TRUTH_RULES, _NOT_SWAPPED, _PERSON))
# In training a box with swapped corners is no error: it is left out and counted.
TRAINED_TRUTHS = RowKind(numbers=TRUTHS.numbers, rules=(*_TRUTH_RULES, _PERSON), judged=True)
PROPOSALS = RowKind(
    numbers=DETECTIONS.numbers,
    rules=(_SECOND, _CORNERS_ARE_NUMBERS, _CORNERS_ARE_FRACTIONS, _ACTION_OR_NONE, _CONFIDENCE),
    judged=True,
)
# Boxes of any origin, for weights at work.
GIVEN_BOXES = RowKind(numbers=PROPOSALS.numbers, rules=(*PROPOSALS.rules[:-1], _CONFIDENCE_OR_NONE), judged=True)
EXCLUDED = RowKind(numbers=("second",), rules=(_SECOND,))
