import hashlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slowfast.evaluation import ScoreError, charades_official, multilabel_map

CASES = [
    "small",
    "small_with_ties",
    "videos_without_labels",
    "constant_scores",
    "one_video",
    "no_positives_at_all",
    "charades_size",
]


def arrays(case: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    if "recipe" in case:
        return charades_sized(case)
    return np.array(case["preds"], dtype=np.float32), np.array(case["labels"], dtype=np.float32)


def charades_sized(case: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    rs, (n, c) = np.random.RandomState(case["seed"]), case["shape"]
    share = 1 / (5 + np.arange(c))
    p = share[rs.permutation(c)] * 6.8 / share.sum()
    labels = np.float32(rs.random_sample((n, c)) < np.minimum(p, 0.9))
    labels[:, rs.permutation(c)[:4]] = 0
    labels[rs.permutation(n)[:5]] = 0
    noise = rs.standard_normal((n, c))
    scores = np.float32(1 / (1 + np.exp(-(noise + 1.5 * labels - 3))))
    assert hashlib.sha256(scores.tobytes()).hexdigest() == case["preds_sha256"]
    assert hashlib.sha256(labels.tobytes()).hexdigest() == case["labels_sha256"]
    return scores, labels


def number(value: float | None) -> float:
    return float("nan") if value is None else value


def agree(found: Any, expected: Any) -> bool:
    return np.allclose(found, expected, atol=1e-8, rtol=0, equal_nan=True)


@pytest.mark.parametrize("name", CASES)
def test_map_agrees_with_the_published_numbers(metrics: dict[str, Any], name: str) -> None:
    case = metrics["multi_label_map"][name]
    mean, per_class = multilabel_map(*arrays(case))
    assert agree(mean, number(case["slowfast_mAP"]))
    assert agree(per_class, [number(value) for value in case["per_class_AP"]])
    assert np.flatnonzero(np.isnan(per_class)).tolist() == case["classes_without_positives"]


@pytest.mark.parametrize("name", CASES)
def test_official_charades_score_agrees_with_the_published_numbers(metrics: dict[str, Any], name: str) -> None:
    case = metrics["multi_label_map"][name]
    score, expected = charades_official(*arrays(case)), case["charades_official"]
    assert agree(score.mean_ap, number(expected["mAP_over_all_classes"]))
    assert agree(score.mean_ap_with_positives, number(expected["mAP_over_classes_with_positives"]))
    assert agree(score.weighted_ap, number(expected["weighted_AP"]))
    assert agree(score.per_class, [number(value) for value in expected["per_class"]])


def test_score_that_is_not_a_number_is_named_by_video_and_class(metrics: dict[str, Any]) -> None:
    case = metrics["multi_label_map"]["not_a_number"]
    scores, labels = arrays(case)
    ((video, class_id),) = np.argwhere(np.isnan(scores))
    for measure in (multilabel_map, charades_official):
        with pytest.raises(ScoreError, match=f"1 of 112 .* video {video}, class {class_id}"):
            measure(scores, labels)


def test_labels_of_another_shape_or_value_are_refused() -> None:
    scores = np.zeros((3, 2))
    with pytest.raises(ScoreError, match=r"\(3,\); right would be that of the scores, \(3, 2\)"):
        multilabel_map(scores, np.zeros(3))
    with pytest.raises(ScoreError, match=r"label of video 2, class 1 is 7\.0"):
        multilabel_map(scores, np.array([[0, 1], [1, 0], [0, 7.0]]))


def test_both_definitions_agree_on_distinct_scores_and_full_labels() -> None:
    rng = np.random.default_rng(3)
    scores, labels = rng.permutation(60).reshape(20, 3).astype(float), rng.random((20, 3)) < 0.4
    labels[np.arange(20), np.arange(20) % 3] = True
    mean, per_class = multilabel_map(scores, labels)
    official = charades_official(scores, labels)
    assert agree(official.mean_ap, mean)
    assert agree(official.per_class, per_class)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 12), st.integers(1, 4), st.integers(0, 10_000))
def test_map_equals_its_definition_whatever_the_order_of_videos(num_videos: int, num_classes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores, labels = rng.integers(0, 5, (num_videos, num_classes)) / 4, rng.random((num_videos, num_classes)) < 0.4
    shuffle = rng.permutation(num_videos)
    _, per_class = multilabel_map(scores[shuffle], labels[shuffle])
    assert agree(per_class, [by_definition(s, y) for s, y in zip(scores.T, labels.T, strict=True)])


def by_definition(scores: np.ndarray, labels: np.ndarray) -> float:
    if not labels.any():
        return float("nan")
    total, recall_before = 0.0, 0.0
    for threshold in sorted(set(scores), reverse=True):
        chosen = scores >= threshold
        recall = (labels & chosen).sum() / labels.sum()
        total += (recall - recall_before) * (labels & chosen).sum() / chosen.sum()
        recall_before = recall
    return total
