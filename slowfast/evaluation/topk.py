"""Measures of single-label classification: top-k accuracy, and which classes are taken for which."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from slowfast.evaluation.errors import ScoreError, check_scores


def topk_correct(scores: NDArray[np.floating], labels: NDArray[np.integer], ks: Sequence[int]) -> list[int]:
    """How many videos have their label among the k best scores, for each k.

    scores (N, K), labels (N,) in [0, K). Equal scores rank by class index, lowest first, so that the count does not depend
    on a sorting routine. A k above K counts as K. Raises ScoreError.
    """
    _check(scores, labels)
    of_label = np.take_along_axis(scores, labels[:, None], axis=1)
    ties_before = (scores == of_label) & (np.arange(scores.shape[1]) < labels[:, None])
    rank = ((scores > of_label) | ties_before).sum(axis=1)
    return [int((rank < k).sum()) for k in ks]


def confusion_matrix(scores: NDArray[np.floating], labels: NDArray[np.integer]) -> NDArray[np.int64]:
    """How many videos of each class (row) have each class (column) as their best: int64 (K, K).

    scores (N, K), labels (N,) in [0, K). Among equal scores the lowest class is the best. Raises ScoreError.
    """
    _check(scores, labels)
    matrix = np.zeros((scores.shape[1], scores.shape[1]), np.int64)
    np.add.at(matrix, (labels, scores.argmax(axis=1)), 1)
    return matrix


def _check(scores: NDArray[np.floating], labels: NDArray[np.integer]) -> None:
    check_scores(scores)
    num_videos, num_classes = scores.shape
    if labels.shape != (num_videos,) or not np.issubdtype(labels.dtype, np.integer):
        raise ScoreError(
            f"labels are {labels.dtype} {labels.shape}; right would be one whole number for each of {num_videos} videos"
        )
    outside = np.flatnonzero((labels < 0) | (labels >= num_classes))
    if outside.size:
        raise ScoreError(
            f"the label of video {outside[0]} is {labels[outside[0]]}; right would be 0 to {num_classes - 1}, as there are "
            f"{num_classes} scores"
        )
