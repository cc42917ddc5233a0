"""Every clip counts once, whoever scored it, and figures are those of the scores."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from slowfast.config import ConfigError, load_config
from slowfast.engine.inference import evaluate
from slowfast.engine.video_evaluation import VideoEvaluation, measure_several_labels, measure_single_labels
from slowfast.evaluation import VideoScores
from slowfast.structures import ClipBatch, EvalOutput, VideoRecord
from tests.engine.engine_toys import VIDEOS, ToyLoader, ToyNet, eval_step, toy_batch


def scores_of(loader: ToyLoader, model: ToyNet) -> VideoScores:
    evaluation = VideoEvaluation(loader.dataset, method="sum", multi_label=False)
    evaluate(model=model, step=eval_step(), loader=loader, device=torch.device("cpu"), evaluation=evaluation)
    return evaluation.scores()


@pytest.mark.parametrize("batch_size", [1, 5, 7, 100])
def test_scores_of_a_video_are_the_sum_over_its_views_in_any_batches(batch_size: int) -> None:
    model = ToyNet()
    scores = scores_of(ToyLoader(batch_size=batch_size, shuffle=False, num_views=3), model)
    assert scores.view_counts.tolist() == [3] * VIDEOS
    with torch.no_grad():
        expected = eval_step()(model.eval(), toy_batch([(5, view) for view in range(3)])).scores.sum(0)
    assert np.allclose(scores.scores[5], expected.numpy(), atol=1e-5)
    assert scores.labels.tolist() == [video % 3 for video in range(VIDEOS)]


def test_examined_scores_are_means_where_steps_and_views_are_summed() -> None:
    loader = ToyLoader(batch_size=4, shuffle=False, num_views=2)
    loader.dataset.records = [VideoRecord(video_id=f"v{number}", path="v.mp4", source="list") for number in range(VIDEOS)]
    loader.dataset.class_names = ("a", "b", "c")
    evaluation = VideoEvaluation(loader.dataset, method="sum", multi_label=False)

    def three_steps(model: nn.Module, batch: ClipBatch) -> EvalOutput:
        output = eval_step()(model, batch)
        return dataclasses.replace(output, scores=3 * output.scores, summed=3)

    evaluate(model=ToyNet(), step=three_steps, loader=loader, device=torch.device("cpu"), evaluation=evaluation)
    examined = evaluation.examined()
    assert examined is not None
    assert all(sum(video.scores.values()) == pytest.approx(1, abs=1e-3) for video in examined.videos)
    assert all(video.measured == video.scores[video.true[0]] for video in examined.videos)


def test_evaluation_changes_no_weight_and_no_statistic() -> None:
    model = ToyNet()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    scores_of(ToyLoader(batch_size=4, shuffle=False), model)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_single_labels_are_measured_by_accuracy() -> None:
    scores = np.eye(6, dtype=np.float32)[[0, 1, 2, 3]]
    labels = np.array([0, 1, 5, 0])
    result = measure_single_labels(VideoScores(scores=scores, labels=labels, view_counts=np.ones(4, int)), class_names="abcdef")
    assert result.values == {"top1_acc": 50.0, "top5_acc": 75.0}
    assert result.per_class_ap is None
    assert result.confusion is not None
    assert result.confusion.class_names == tuple("abcdef")
    assert np.argwhere(result.confusion.videos).tolist() == [[0, 0], [0, 3], [1, 1], [5, 2]]
    assert result.confusion.accuracies() == pytest.approx([0.5, 1.0, np.nan, np.nan, np.nan, 0.0], nan_ok=True)


def test_several_labels_are_measured_by_mean_average_precision() -> None:
    scores = np.array([[0.9, 0.1, 0.3], [0.8, 0.7, 0.2]], dtype=np.float32)
    labels = np.array([[0, 0, 0], [1, 1, 0]])
    result = measure_several_labels(
        VideoScores(scores=scores, labels=labels, view_counts=np.ones(2, int)),
        class_names=["a", "b", "c"],
        class_groups={"first": (0,), "last": (2,)},
    )
    assert result.values == pytest.approx({"mAP": 75.0, "mAP_first": 50.0, "mAP_last": np.nan}, nan_ok=True)
    assert result.per_class_ap[:2] == (("a", 0.5), ("b", 1.0))
    assert np.isnan(result.per_class_ap[2][1])
    assert result.support == (1, 1, 0)
    assert result.counts == {"num_videos": 2, "num_views": 2}


def test_videos_without_scores_do_not_count_and_this_is_said(caplog: pytest.LogCaptureFixture) -> None:
    scores = np.array([[0.9, 0.1], [np.nan, np.nan]], dtype=np.float32)
    result = measure_single_labels(
        VideoScores(scores=scores, labels=np.array([0, 0]), view_counts=np.array([1, 0])), class_names="ab"
    )
    assert result.values["top1_acc"] == 100.0
    assert "1 of 2 videos have no scores" in caplog.text


@pytest.mark.parametrize("several", [True, False])
def test_labels_of_another_kind_than_the_config_says_are_refused_before_anything_is_scored(several: bool) -> None:
    cfg = load_config(overrides=["DATA.MULTI_LABEL", several, "MODEL.LOSS_FUNC", "bce_logit", "TEST.DATASET", "charades"])
    dataset = SimpleNamespace(records=range(2), num_views=1, num_classes=2, class_names=("a", "b"), multi_label=not several)
    with pytest.raises(ConfigError, match=rf"DATA\.MULTI_LABEL = {several}.*; right would be: {not several}"):
        VideoEvaluation.from_cfg(cfg, dataset=dataset, split="test")
