"""Several predictions of one box become one: with progressive training the same second may be seen by many clips."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from slowfast.evaluation.errors import ScoreError


@dataclass(frozen=True, slots=True, kw_only=True)
class MergedPredictions:
    """keys: int64 (M, 3), different and sorted. scores: (M, K). boxes: (M, 4). counts: int64 (M,), predictions of each."""

    keys: NDArray[np.int64]
    scores: NDArray[np.floating]
    boxes: NDArray[np.floating]
    counts: NDArray[np.int64]


def merge_repeated(keys: NDArray[np.integer], scores: NDArray[np.floating], boxes: NDArray[np.floating]) -> MergedPredictions:
    """Means of the scores that share a key, which is (video, second, number of the box within the second).

    keys (N, 3), scores (N, K), boxes (N, 4). A mean is taken in float64 and rounded once to the type of the scores, so that
    it hardly depends on the order of the rows. Raises ScoreError when two boxes with one key differ.
    """
    _check_shapes(keys, scores, boxes)
    merged_keys, first, place, counts = np.unique(keys, axis=0, return_index=True, return_inverse=True, return_counts=True)
    place = place.reshape(-1)
    differs = np.flatnonzero((boxes != boxes[first[place]]).any(axis=1)) if len(keys) else first
    if len(differs):
        raise ScoreError(
            f"video {keys[differs[0], 0]}, second {keys[differs[0], 1]}: box {keys[differs[0], 2]} is "
            f"{boxes[first[place[differs[0]]]].tolist()} in one prediction and {boxes[differs[0]].tolist()} in another; "
            "right would be one box for each number"
        )
    by_key = np.argsort(place, kind="stable")
    starts = np.cumsum(counts) - counts
    sums = np.add.reduceat(scores[by_key].astype(np.float64), starts, axis=0) if len(keys) else scores.astype(np.float64)
    return MergedPredictions(
        keys=merged_keys.astype(np.int64),
        scores=(sums / counts[:, None]).astype(scores.dtype),
        boxes=boxes[first],
        counts=counts.astype(np.int64),
    )


def _check_shapes(keys: NDArray[np.generic], scores: NDArray[np.generic], boxes: NDArray[np.generic]) -> None:
    if keys.shape != (len(keys), 3) or scores.ndim != 2 or len(scores) != len(keys) or boxes.shape != (len(keys), 4):
        raise ScoreError(
            f"keys, scores and boxes have the shapes {keys.shape}, {scores.shape} and {boxes.shape}; "
            "right would be (N, 3), (N, K) and (N, 4)"
        )
    bad = np.argwhere(np.isnan(scores))
    if len(bad):
        raise ScoreError(f"the score of prediction {bad[0][0]}, class number {bad[0][1]} (the first is 0) is not a number")
