"""What a person detector might have found in LongCook: boxes that are a little off, some missing, some around nobody.

Everything is drawn from the true boxes alone; which class a person has plays no part.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from longcook.people import Box

_MISSED = 0.02  # share of persons
_SHIFT_STD = 0.012  # of each edge, in widths and heights of the person
_LOWEST_TRUE_SCORE = 0.88
_FALSE_ALARMS = 0.15  # share of keyframes
_FALSE_SCORES = (0.3, 0.95)
_FALSE_SIDES = (0.15, 0.35)  # of the picture
_LABELLED_FROM = 0.75  # overlap with a person from which on a box counts as his in training


@dataclass(frozen=True, slots=True)
class Detection:
    """person: number of the person whom the box overlaps well; None: nobody."""

    box: Box
    score: float
    person: int | None


def detect(persons: Sequence[Box], rng: np.random.Generator) -> Iterator[Detection]:
    """Detections on one keyframe. Boxes are fractions of the picture, of three decimals."""
    for person in persons:
        if rng.random() >= _MISSED:
            left, top, right, bottom = person
            sides = np.array([right - left, bottom - top] * 2)
            edges = np.array(person) + rng.normal(0, _SHIFT_STD, 4) * sides
            score = 1 - (1 - _LOWEST_TRUE_SCORE) * rng.random() ** 2  # most are close to 1
            yield _detection(edges, score, persons)
    if rng.random() < _FALSE_ALARMS:
        corner, sides = rng.uniform(0, 1 - _FALSE_SIDES[1], 2), rng.uniform(*_FALSE_SIDES, 2)
        yield _detection(np.concatenate([corner, corner + sides]), rng.uniform(*_FALSE_SCORES), persons)


def overlap(first: Box, second: Box) -> float:
    """Intersection over union."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    shared = max(width, 0.0) * max(height, 0.0)
    areas = ((right - left) * (bottom - top) for left, top, right, bottom in (first, second))
    return shared / (sum(areas) - shared)


def _detection(edges: np.ndarray, score: float, persons: Sequence[Box]) -> Detection:
    left, top, right, bottom = np.round(np.clip(edges, 0, 1), 3).tolist()
    box = left, top, right, bottom
    overlaps = [overlap(box, person) for person in persons]
    best = int(np.argmax(overlaps))
    return Detection(box, score, best if overlaps[best] >= _LABELLED_FROM else None)
