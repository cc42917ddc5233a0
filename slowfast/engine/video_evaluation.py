"""Evaluation of whole videos: the scores of a video's clips become one row, and rows become figures."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from fvcore.common.config import CfgNode
from numpy.typing import NDArray

from slowfast.config import ConfigError
from slowfast.datasets import ClipDataset
from slowfast.engine.examined import ExaminedVideos
from slowfast.engine.examining import examine
from slowfast.engine.inference import Confusion, Metrics
from slowfast.engine.score_statistics import ScoreStatistics, statistics_of_videos
from slowfast.engine.scores_file import ScoredVideos, write_scores
from slowfast.evaluation import VideoScores, ViewEnsemble, confusion_matrix, multilabel_map, topk_correct
from slowfast.structures import ClipBatch, EvalOutput

logger = logging.getLogger(__name__)


class VideoEvaluation:
    """An `Evaluation` of videos with one label (accuracy) or several (mean average precision)."""

    _summed = 1
    """See EvalOutput."""

    def __init__(self, dataset: ClipDataset, *, method: str, multi_label: bool, scores_file: str = "") -> None:
        """method: "sum" or "max", joins the views of a video. scores_file: what `save` writes; empty: nothing."""
        self._dataset = dataset
        self._method = method
        self._multi_label = multi_label
        self._scores_file = scores_file
        self.reset()

    @classmethod
    def from_cfg(cls, cfg: CfgNode, *, dataset: ClipDataset, split: str) -> Self:
        """Raises ConfigError where DATA.MULTI_LABEL is not what the data set's labels are."""
        several = getattr(dataset, "multi_label", cfg.DATA.MULTI_LABEL)
        if several != cfg.DATA.MULTI_LABEL:
            section, labels = ("TEST" if split == "test" else "TRAIN"), "several classes" if several else "one class"
            why = f"a video of the data set {cfg[section].DATASET} has {labels}"
            raise ConfigError(key="DATA.MULTI_LABEL", value=cfg.DATA.MULTI_LABEL, why=why, right=str(several))
        return cls(
            dataset,
            method=cfg.DATA.ENSEMBLE_METHOD,
            multi_label=cfg.DATA.MULTI_LABEL,
            scores_file=cfg.TEST.SAVE_RESULTS_PATH,
        )

    def names(self) -> tuple[str, ...]:
        if not self._multi_label:
            return "top1_acc", "top5_acc"
        return "mAP", *(f"mAP_{group}" for group in self._dataset.class_groups)

    def reset(self) -> None:
        self._ensemble = ViewEnsemble(
            num_videos=len(self._dataset.records),
            num_views=self._dataset.num_views,
            num_classes=self._dataset.num_classes,
            method=self._method,
        )

    def add(self, batch: ClipBatch, output: EvalOutput) -> None:
        scores = output.scores.float().cpu().numpy()
        self._summed = output.summed
        self._ensemble.add(batch.videos.numpy(), batch.views.numpy(), scores, batch.labels.numpy())

    def collected(self) -> ViewEnsemble:
        return self._ensemble

    def merge(self, collected: ViewEnsemble) -> None:
        self._ensemble.merge(collected)

    def scores(self) -> VideoScores:
        return self._ensemble.result()

    def result(self) -> Metrics:
        dataset = self._dataset
        if self._multi_label:
            return measure_several_labels(self.scores(), class_names=dataset.class_names, class_groups=dataset.class_groups)
        return measure_single_labels(self.scores(), class_names=dataset.class_names)

    def save(self, folder: Path) -> None:
        """The scores, if the config wants them; see `scores_file`."""
        if not self._scores_file:
            return
        path = folder / self._scores_file
        write_scores(path, self._named(self.scores()))
        logger.info("wrote %s", path)

    def examined(self) -> ExaminedVideos | None:
        """By the score of the true class where there is one, else by the loss of all classes."""
        numbers, scores, labels = self._means()
        return examine(self._dataset, numbers=numbers, scores=scores, labels=labels)

    def statistics(self) -> ScoreStatistics | None:
        _, scores, labels = self._means()
        return statistics_of_videos(scores, labels, self._dataset.class_names)

    def _means(self) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[Any]]:
        """Of the videos with scores: their numbers (V,), scores (V, K) in [0, 1], and labels."""
        joined = self.scores()
        numbers = np.flatnonzero(joined.view_counts)
        return numbers, self._named(joined).scores[numbers] / np.float32(self._summed), joined.labels[numbers]

    def _named(self, joined: VideoScores) -> ScoredVideos:
        return ScoredVideos(
            video_ids=[record.video_id for record in self._dataset.records],
            class_names=self._dataset.class_names,
            joined=joined,
            method=self._method,
        )


def measure_single_labels(scores: VideoScores, *, class_names: Sequence[str]) -> Metrics:
    """Top-1 and top-5 accuracy of the videos that have scores, and which classes were taken for which."""
    scored = _scored(scores)
    top1, top5 = topk_correct(scores.scores[scored], scores.labels[scored], (1, 5))
    share = 100 / int(scored.sum())
    return Metrics(
        values={"top1_acc": share * top1, "top5_acc": share * top5},
        counts=_counts(scores),
        confusion=Confusion(tuple(class_names), confusion_matrix(scores.scores[scored], scores.labels[scored])),
    )


def measure_several_labels(
    scores: VideoScores, *, class_names: Sequence[str], class_groups: Mapping[str, tuple[int, ...]]
) -> Metrics:
    """Mean average precision of all classes, and of each group, over the videos that have scores."""
    scored = _scored(scores)
    mean_ap, per_class_ap = multilabel_map(scores.scores[scored], scores.labels[scored])
    groups = {f"mAP_{name}": mean_of_defined(per_class_ap[list(classes)]) for name, classes in class_groups.items()}
    return Metrics(
        values={name: 100 * value for name, value in {"mAP": mean_ap, **groups}.items()},
        counts=_counts(scores),
        per_class_ap=tuple(zip(class_names, per_class_ap.tolist(), strict=True)),
        support=tuple((scores.labels[scored] > 0).sum(axis=0).tolist()),
    )


def _scored(scores: VideoScores) -> NDArray[np.bool_]:
    scored = scores.view_counts > 0
    if not scored.all():
        logger.warning("%d of %d videos have no scores and do not count", (~scored).sum(), len(scored))
    return scored


def _counts(scores: VideoScores) -> dict[str, int]:
    return {"num_videos": int((scores.view_counts > 0).sum()), "num_views": int(scores.view_counts.sum())}


def mean_of_defined(per_class_ap: NDArray[np.float64]) -> float:
    """The mean over classes that have one; NaN when none has."""
    defined = per_class_ap[~np.isnan(per_class_ap)]
    return float(defined.mean()) if len(defined) else float("nan")
