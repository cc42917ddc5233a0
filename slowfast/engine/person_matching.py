"""Which box of a data set is of which true person.

R boxes, P true persons of one moment.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from slowfast.evaluation.ava import Boxes

SAME_PERSON = 0.5
"""Overlap from which a box and a true one are taken for the same person."""

NOBODY = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchedPersons:
    """true_boxes: (P, 4). done: P tuples of actions, as `Boxes` number them. person_of: int64 (R,), the true person in each
    box; NOBODY: there is none. missed: true persons that no box is of."""

    true_boxes: NDArray[np.float64]
    done: tuple[tuple[int, ...], ...]
    person_of: NDArray[np.int64]
    missed: tuple[int, ...]


def match_boxes(boxes: NDArray[np.float64], true: Boxes) -> MatchedPersons:
    """boxes: (R, 4). A box is of the true person whom it overlaps most, if that is enough; several may be of one."""
    true_boxes, person_of_row = np.unique(true.box, axis=0, return_inverse=True)
    done = tuple(tuple(true.label[person_of_row.reshape(-1) == person].tolist()) for person in range(len(true_boxes)))
    if not len(true_boxes):
        return MatchedPersons(true_boxes=true_boxes, done=(), person_of=np.full(len(boxes), NOBODY), missed=())
    overlap = _overlaps(boxes, true_boxes)
    return MatchedPersons(
        true_boxes=true_boxes,
        done=done,
        person_of=np.where(overlap.max(axis=1) >= SAME_PERSON, overlap.argmax(axis=1), NOBODY),
        missed=tuple(np.flatnonzero(~(overlap >= SAME_PERSON).any(axis=0)).tolist()),
    )


def _overlaps(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intersection over union, (R, 4) and (S, 4) -> (R, S); 0 for two boxes without area."""
    size = np.minimum(first[:, None, 2:], second[None, :, 2:]) - np.maximum(first[:, None, :2], second[None, :, :2])
    intersection = size.clip(min=0).prod(axis=2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (first, second)]
    union = areas[0][:, None] + areas[1][None] - intersection
    return np.asarray(np.divide(intersection, union, out=np.zeros_like(intersection), where=union > 0))
