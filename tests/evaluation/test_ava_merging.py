"""Merging of predictions that several clips made of one box."""

from typing import Any

import numpy as np
import pytest

from slowfast.evaluation import ScoreError
from slowfast.evaluation.ava import MergedPredictions, merge_repeated


def merged(case: dict[str, Any], order: Any = slice(None)) -> MergedPredictions:
    return merge_repeated(
        np.array(case["keys"])[order], np.float32(case["preds"])[order], np.float32(case["boxes_x1y1x2y2"])[order]
    )


def test_merging_gives_the_published_numbers(metrics: dict[str, Any]) -> None:
    case = metrics["pgt_ava_merge"]
    found = merged(case)
    assert found.keys.tolist() == case["merged_keys"]
    np.testing.assert_allclose(found.scores, case["merged_preds"], atol=1e-7)
    assert np.array_equal(found.boxes, np.float32(case["merged_boxes_x1y1x2y2"]))
    assert found.counts.tolist() == [case["keys"].count(key) for key in case["merged_keys"]]


def test_the_order_of_predictions_does_not_matter(metrics: dict[str, Any]) -> None:
    case = metrics["pgt_ava_merge"]
    found, other = merged(case), merged(case, slice(None, None, -1))
    assert np.array_equal(found.scores, other.scores)
    assert np.array_equal(found.keys, other.keys)


def test_different_keys_are_sorted_and_kept_as_they_are() -> None:
    scores, boxes = np.array([[0.25], [0.5]]), np.array([[0.0, 0, 1, 1], [0, 0, 0.5, 1]])
    found = merge_repeated(np.array([[1, 902, 0], [0, 903, 4]]), scores, boxes)
    assert found.keys.tolist() == [[0, 903, 4], [1, 902, 0]]
    assert np.array_equal(found.scores, scores[::-1])
    assert np.array_equal(found.boxes, boxes[::-1])


def test_nothing_merges_to_nothing() -> None:
    found = merge_repeated(np.zeros((0, 3), dtype=int), np.zeros((0, 80)), np.zeros((0, 4)))
    assert (found.keys.shape, found.scores.shape, found.boxes.shape) == ((0, 3), (0, 80), (0, 4))


KEYS, SCORES, BOXES = np.array([[0, 902, 1], [0, 902, 1]]), np.full((2, 1), 0.5), np.array([[0.1, 0.1, 0.5, 0.9]] * 2)


@pytest.mark.parametrize(
    ("keys", "scores", "boxes", "text"),
    [
        (KEYS, SCORES, BOXES * [[1.0], [1.1]], "video 0, second 902: box 1 is"),
        (KEYS, SCORES * np.nan, BOXES, "score of prediction 0"),
        (KEYS[:, :2], SCORES, BOXES, "right would be"),
        (KEYS, SCORES[:1], BOXES, "right would be"),
        (KEYS, SCORES, BOXES[:, :3], "right would be"),
    ],
)
def test_what_does_not_fit_is_refused(keys: np.ndarray, scores: np.ndarray, boxes: np.ndarray, text: str) -> None:
    with pytest.raises(ScoreError, match=text):
        merge_repeated(keys, scores, boxes)
