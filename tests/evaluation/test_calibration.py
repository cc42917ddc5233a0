"""Scores that are probabilities have no calibration error; others have the one of the definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slowfast.evaluation import ScoreError
from slowfast.evaluation.calibration import NUM_BINS, NUM_SCORE_BINS, Calibration, score_histogram

PAIRS = st.lists(st.tuples(st.floats(0, 1, width=32), st.booleans()), max_size=40)


def calibration(pairs: list[tuple[float, bool]]) -> Calibration:
    return Calibration.of(np.array([score for score, _ in pairs], np.float32), np.array([true for _, true in pairs], bool))


def test_scores_as_high_as_their_share_of_truths_have_no_error() -> None:
    found = calibration([(0.25, True), *[(0.25, False)] * 3, (1.0, True), (0.0, False)])
    assert found.error == 0
    assert (found.counts[[0, 2, 9]].tolist(), found.hits[[0, 2, 9]].tolist()) == ([1, 4, 1], [0, 1, 1])


def test_error_is_the_mean_distance_by_hand() -> None:
    # Two scores of 0.92 and 0.98, one of them true: 0.95 against 0.5. One of 0.1 that is true: 0.1 against 1.
    assert calibration([(0.92, True), (0.98, False), (0.1, True)]).error == pytest.approx((2 * 0.45 + 0.9) / 3)


@given(PAIRS, PAIRS)
def test_parts_add_up_to_the_whole(some: list[tuple[float, bool]], others: list[tuple[float, bool]]) -> None:
    whole, parts = calibration(some + others), calibration(some) + calibration(others)
    assert whole.counts.tolist() == parts.counts.tolist()
    assert whole.hits.tolist() == parts.hits.tolist()
    assert np.allclose(whole.sums, parts.sums)
    assert whole.counts.sum() == len(some) + len(others)
    assert np.isnan(whole.error) == (not some and not others)
    assert np.isnan(whole.error) or 0 <= whole.error <= 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_borders_belong_to_the_bin_above_and_one_to_the_last(dtype: type) -> None:
    scores = np.array([number / NUM_SCORE_BINS for number in range(NUM_SCORE_BINS)] + [1.0, 1 + 1e-6, -1e-6], dtype)
    assert score_histogram(scores).tolist() == [2, *[1] * (NUM_SCORE_BINS - 2), 3]
    tenths = np.array([number / NUM_BINS for number in range(NUM_BINS)], dtype)
    assert Calibration.of(tenths, tenths > 2).counts.tolist() == [1] * NUM_BINS


@pytest.mark.parametrize("score", [-0.1, 1.1, 7.0, float("nan"), float("-inf")])
def test_what_is_no_probability_is_refused(score: float) -> None:
    with pytest.raises(ScoreError, match="right would be 0 to 1"):
        score_histogram(np.array([0.5, score]))
