from typing import Any

import numpy as np
import pytest

from slowfast.evaluation import ScoreError, confusion_matrix, topk_correct


def arrays(golden: dict[str, Any], name: str) -> tuple[np.ndarray, np.ndarray]:
    plain = golden["no_ties"]
    scores = {
        "all_equal": np.zeros_like(plain["scores"]),
        "five_classes": np.array(plain["scores"])[:, :5],
    }.get(name, np.array(golden[name].get("scores", ())))
    return scores, np.array(golden[name].get("labels", plain["labels"]))


@pytest.mark.parametrize("name", ["no_ties", "ties", "all_equal", "five_classes"])
def test_counts_agree_with_the_published_ones_ties_by_lowest_class(metrics: dict[str, Any], name: str) -> None:
    golden = metrics["topk"]
    expected = [golden[name][k]["correct_lowest_class_index_first"] for k in ("top1", "top5")]
    assert topk_correct(*arrays(golden, name), ks=(1, 5)) == expected


def test_k_above_the_number_of_classes_counts_everything(metrics: dict[str, Any]) -> None:
    assert metrics["topk"]["fewer_classes_than_k"]["reference_raises"]
    scores = np.array([[0.1, 0.2, 0.7], [0.3, 0.3, 0.4]])
    assert topk_correct(scores, np.array([0, 1]), ks=(1, 2, 5)) == [0, 0, 2]


@pytest.mark.parametrize(
    ("scores", "labels", "message"),
    [
        ([[0.0, np.nan]], [0], "video 0, class 1"),
        ([[0.0, 1.0], [1.0, 0.0]], [0, 2], "label of video 1 is 2; right would be 0 to 1"),
        ([[0.0, 1.0]], [-1], "label of video 0 is -1"),
        ([[0.0, 1.0]], [0.0], "one whole number for each of 1 videos"),
        ([[0.0, 1.0]], [0, 1], "one whole number for each of 1 videos"),
        ([0.0, 1.0], [0, 1], r"shape \(2,\)"),
    ],
)
def test_wrong_input_is_refused_with_its_place(scores: list, labels: list, message: str) -> None:
    with pytest.raises(ScoreError, match=message):
        topk_correct(np.array(scores), np.array(labels), ks=(1,))


def test_confusion_counts_each_video_once_by_its_class_and_its_best_score() -> None:
    scores = np.array([[0.9, 0.1, 0.0], [0.2, 0.5, 0.3], [0.4, 0.4, 0.2], [0.0, 0.1, 0.9]])
    matrix = confusion_matrix(scores, np.array([0, 0, 1, 2]))
    assert matrix.tolist() == [[1, 1, 0], [1, 0, 0], [0, 0, 1]]
    (correct,) = topk_correct(scores, np.array([0, 0, 1, 2]), (1,))
    assert matrix.trace() == correct


def test_confusion_refuses_what_accuracy_refuses() -> None:
    with pytest.raises(ScoreError, match="the label of video 0 is 3"):
        confusion_matrix(np.eye(3), np.array([3, 0, 1]))
