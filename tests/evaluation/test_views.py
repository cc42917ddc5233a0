import pickle
from typing import Any

import numpy as np
import pytest

from slowfast.evaluation import ScoreError, ViewEnsemble, multilabel_map, topk_correct

VIDEOS, VIEWS, CLASSES = 9, 6, 10


def ensemble(method: str, golden: dict[str, Any], name: str, parts: int = 1) -> ViewEnsemble:
    """The rows of a golden block in their order of arrival, shared out over `parts` processes and merged."""
    defaults = golden["multi_label_max" if name == "multi_label_sum" else "single_label_sum"]
    case = {**defaults, **golden[name]}
    scores, labels = np.array(case["preds"], dtype=np.float32), np.array(case["labels"])
    order = np.array(case.get("order") or golden["single_label_sum"]["order"])
    ensembles = []
    for part in range(parts):
        one = ViewEnsemble(num_videos=VIDEOS, num_views=VIEWS, num_classes=CLASSES, method=method)
        for rows in np.array_split(order[part::parts], 4):
            one.add(rows // VIEWS, rows % VIEWS, scores[rows], labels[rows // VIEWS])
        ensembles.append(pickle.loads(pickle.dumps(one)))
    for other in ensembles[1:]:
        ensembles[0].merge(other)
    return ensembles[0]


@pytest.mark.parametrize("parts", [1, 3])
@pytest.mark.parametrize(
    ("name", "method", "key"),
    [
        ("single_label_sum", "sum", "video_scores"),
        ("single_label_max", "max", "video_scores"),
        ("single_label_max_of_negative_logits", "max", "sensible_video_scores"),
        ("multi_label_max", "max", "video_scores"),
        ("multi_label_sum", "sum", "sensible_video_scores"),
    ],
)
def test_video_scores_agree_with_the_published_ones(
    metrics: dict[str, Any], name: str, method: str, key: str, parts: int
) -> None:
    golden = metrics["ensembling"]
    result = ensemble(method, golden, name, parts).result()
    assert result.scores.dtype == np.float32
    np.testing.assert_allclose(result.scores, golden[name][key], atol=1e-6, rtol=0)
    assert (result.view_counts == VIEWS).all()


@pytest.mark.parametrize(
    ("name", "method", "key"),
    [("single_label_sum", "sum", "topk"), ("single_label_max_of_negative_logits", "max", "sensible_topk")],
)
def test_accuracy_of_joined_scores_agrees_with_the_published_one(
    metrics: dict[str, Any], name: str, method: str, key: str
) -> None:
    golden = metrics["ensembling"]
    result = ensemble(method, golden, name).result()
    expected = [golden[name][key][k]["correct_lowest_class_index_first"] for k in ("top1", "top5")]
    assert topk_correct(result.scores, result.labels, ks=(1, 5)) == expected


@pytest.mark.parametrize(
    ("name", "method", "key"), [("multi_label_max", "max", "mAP"), ("multi_label_sum", "sum", "sensible_mAP")]
)
def test_map_of_joined_scores_agrees_with_the_published_one(metrics: dict[str, Any], name: str, method: str, key: str) -> None:
    golden = metrics["ensembling"]
    result = ensemble(method, golden, name).result()
    assert multilabel_map(result.scores, result.labels)[0] == pytest.approx(golden[name][key], abs=1e-8)


def test_repeated_view_counts_once_and_missing_view_not_at_all(metrics: dict[str, Any]) -> None:
    golden = metrics["ensembling"]
    case = golden["single_label_sum_incomplete"]
    result = ensemble("sum", golden, "single_label_sum_incomplete").result()
    np.testing.assert_allclose(result.scores, case["sensible_video_scores"], atol=1e-6, rtol=0)
    arrived = np.array(sorted(set(case["order"])))
    assert result.view_counts.tolist() == np.bincount(arrived // VIEWS, minlength=VIDEOS).tolist()


def test_video_without_a_view_has_no_score_to_be_mistaken_for_one() -> None:
    one = small("max")
    one.add(np.array([1]), np.array([0]), np.array([[0.5, 0.1]]), np.array([1]))
    result = one.result()
    assert np.isnan(result.scores[0]).all()
    assert result.view_counts.tolist() == [0, 1, 0]
    with pytest.raises(ScoreError, match="video 0, class 0"):
        topk_correct(result.scores, result.labels, ks=(1,))


def test_sums_of_processes_that_share_a_view_are_refused_but_maxima_are_not() -> None:
    for method in ("sum", "max"):
        one, other = small(method), small(method)
        for part in (one, other):
            part.add(np.array([2]), np.array([1]), np.array([[0.5, 0.1]]), np.array([1]))
        if method == "sum":
            with pytest.raises(ScoreError, match="view 1 of video 2"):
                one.merge(other)
        else:
            one.merge(other)
            assert one.result().scores[2].tolist() == [np.float32(0.5), np.float32(0.1)]


def test_process_that_got_no_clip_merges_either_way() -> None:
    full = small("sum")
    full.add(np.array([0]), np.array([1]), np.array([[0.25, 0.5]]), np.array([1]))
    full.merge(small("sum"))
    empty = small("sum")
    empty.merge(full)
    for result in (full.result(), empty.result()):
        assert result.scores[0].tolist() == [0.25, 0.5]
        assert result.labels.tolist() == [1, 0, 0]


@pytest.mark.parametrize(
    ("videos", "views", "scores", "message"),
    [
        ([3], [0], [[0.0, 1.0]], "no video 3; right would be 0 to 2"),
        ([0], [2], [[0.0, 1.0]], "no view 2; right would be 0 to 1"),
        ([2], [1], [[0.0, np.nan]], "video 2, view 1, class 1"),
        ([0], [0], [[0.0, 1.0, 2.0]], r"\(1, 3\); right would be \(1, 2\)"),
    ],
)
def test_clip_that_does_not_belong_is_refused(videos: list, views: list, scores: list, message: str) -> None:
    with pytest.raises(ScoreError, match=message):
        small("sum").add(np.array(videos), np.array(views), np.array(scores), np.array([0]))


def test_views_of_one_video_with_different_labels_are_refused() -> None:
    one, other = small("sum"), small("sum")
    one.add(np.array([1]), np.array([0]), np.array([[0.0, 1.0]]), np.array([0]))
    other.add(np.array([1]), np.array([1]), np.array([[0.0, 1.0]]), np.array([1]))
    with pytest.raises(ScoreError, match="video 1 bring different labels: 0 and 1"):
        one.add(np.array([1]), np.array([1]), np.array([[0.0, 1.0]]), np.array([1]))
    with pytest.raises(ScoreError, match="video 1 bring different labels: 0 and 1"):
        one.merge(other)


def test_empty_ensemble_and_unknown_method_are_refused() -> None:
    with pytest.raises(ScoreError, match="no clip came"):
        small("sum").result()
    with pytest.raises(ValueError, match="one of sum, max"):
        small("mean")


def small(method: str) -> ViewEnsemble:
    return ViewEnsemble(num_videos=3, num_views=2, num_classes=2, method=method)
