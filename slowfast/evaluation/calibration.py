"""Whether scores are probabilities: how often what has a score of 0.8 is true, and which scores what is true has.

N scores, B bins of equal width from 0 to 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from slowfast.evaluation.errors import ScoreError

NUM_BINS = 10
NUM_SCORE_BINS = 20

ROUNDING = 1e-4
"""By so much scores may be below 0 or above 1: they are means of float32."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Calibration:
    """counts: int64 (B,), scores in each bin; those between two bins are in the upper one, 1 is in the last. sums: float64
    (B,), of these scores. hits: int64 (B,), how many of them are of something true."""

    counts: NDArray[np.int64]
    sums: NDArray[np.float64]
    hits: NDArray[np.int64]

    @classmethod
    def of(cls, scores: NDArray[np.floating], true: NDArray[np.bool_]) -> Self:
        """scores, true: (N,). Raises ScoreError for scores outside [0, 1]."""
        bins = _bins(scores, NUM_BINS)
        return cls(
            counts=np.bincount(bins, minlength=NUM_BINS),
            sums=np.bincount(bins, weights=scores, minlength=NUM_BINS).astype(np.float64),
            hits=np.bincount(bins[true], minlength=NUM_BINS),
        )

    def __add__(self, other: Self) -> Self:
        return type(self)(counts=self.counts + other.counts, sums=self.sums + other.sums, hits=self.hits + other.hits)

    @property
    def error(self) -> float:
        """Expected calibration error (Naeini et al., AAAI 2015; Guo et al., ICML 2017): the mean over all scores of the
        distance between the mean score of their bin and the share of it that is true. In [0, 1]; NaN without a score."""
        total = int(self.counts.sum())
        return float(np.abs(self.sums - self.hits).sum() / total) if total else float("nan")


def score_histogram(scores: NDArray[np.floating]) -> NDArray[np.int64]:
    """(NUM_SCORE_BINS,): how many of the scores, of any shape, are in each bin. Raises ScoreError for scores outside [0, 1]."""
    return np.bincount(_bins(scores.ravel(), NUM_SCORE_BINS), minlength=NUM_SCORE_BINS)


def _bins(scores: NDArray[np.floating], number: int) -> NDArray[np.int64]:
    if len(scores) and not (scores.min() >= -ROUNDING and scores.max() <= 1 + ROUNDING):
        raise ScoreError(f"scores are from {scores.min():g} to {scores.max():g}; right would be 0 to 1")
    # A product in the scores' own precision is exact enough: 0.3 in float32 belongs to the bin that begins at 0.3.
    return np.clip((scores * scores.dtype.type(number)).astype(np.int64), 0, number - 1)
