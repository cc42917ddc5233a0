"""Mean average precision of multi-label classification, by the common definition and by that of the Charades data set.

N videos, K classes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from slowfast.evaluation.errors import ScoreError, check_scores

Floats = NDArray[np.floating]


def multilabel_map(scores: Floats, labels: NDArray[np.generic]) -> tuple[float, NDArray[np.float64]]:
    """Mean over the classes of the average precision: (mAP, AP of each class (K,)).

    scores (N, K); labels (N, K) of zeros and ones. AP is the sum over distinct thresholds of (recall gained) x (precision
    there), without interpolation; equal scores form one threshold, so the order of the videos does not matter. A class
    without a positive has no recall: its AP is NaN and it is left out of the mean, which is NaN when no class is left.
    Raises ScoreError.
    """
    positive = _check(scores, labels)
    order = np.argsort(-scores, axis=0, kind="stable")
    ranked_scores = np.take_along_axis(scores, order, axis=0)
    ranked_positive = np.take_along_axis(positive, order, axis=0)
    # Each rank is judged at the end of its run of equal scores.
    is_end = np.ones(scores.shape, dtype=bool)
    is_end[:-1] = ranked_scores[1:] != ranked_scores[:-1]
    ranks = np.where(is_end, np.arange(len(scores))[:, None], len(scores))
    end = np.minimum.accumulate(ranks[::-1], axis=0)[::-1]
    per_class = _mean_precision_at_positives(ranked_positive, np.take_along_axis(_precision(ranked_positive), end, axis=0))
    return _mean(per_class[~np.isnan(per_class)]), per_class


@dataclass(frozen=True, slots=True, kw_only=True)
class CharadesScore:
    """The figures of the scripts of Charades.

    mean_ap: plain mean over all classes, undefined (NaN) when one of them has no positive. mean_ap_with_positives: over the
    others. weighted_ap: mean weighted by the number of positives. per_class: (K,), NaN for classes without a positive.
    """

    mean_ap: float
    mean_ap_with_positives: float
    weighted_ap: float
    per_class: NDArray[np.float64]


def charades_official(scores: Floats, labels: NDArray[np.generic]) -> CharadesScore:
    """What the classification script that comes with Charades (Sigurdsson et al., arXiv:1604.01753) makes of the scores.

    It differs from `multilabel_map` in two ways: equal scores rank by row, earlier first, and videos without any label rank
    behind all others. With distinct scores and a label in every video both agree. A video without a prediction has the score
    minus infinity for every class. Shapes and errors as in `multilabel_map`.
    """
    positive = _check(scores, labels)
    return rank_by_row(np.where(positive.any(axis=1, keepdims=True), scores, -np.inf), positive)


def rank_by_row(scores: Floats, positive: NDArray[np.bool_]) -> CharadesScore:
    """AP as both scripts of Charades, of classification and of localisation, take it: equal scores rank by row, earlier first.

    scores, positive: (N, K), the scores without NaN.
    """
    order = np.argsort(-scores, axis=0, kind="stable")
    ranked_positive = np.take_along_axis(positive, order, axis=0)
    per_class = _mean_precision_at_positives(ranked_positive, _precision(ranked_positive))
    counts = positive.sum(axis=0)
    has_positive = counts > 0
    return CharadesScore(
        mean_ap=_mean(per_class),
        mean_ap_with_positives=_mean(per_class[has_positive]),
        weighted_ap=float(np.average(per_class[has_positive], weights=counts[has_positive])) if has_positive.any() else np.nan,
        per_class=per_class,
    )


def _check(scores: Floats, labels: NDArray[np.generic]) -> NDArray[np.bool_]:
    check_scores(scores)
    if labels.shape != scores.shape:
        raise ScoreError(f"labels have the shape {labels.shape}; right would be that of the scores, {scores.shape}")
    not_binary = np.argwhere((labels != 0) & (labels != 1))
    if len(not_binary):
        video, class_id = not_binary[0]
        raise ScoreError(f"the label of video {video}, class {class_id} is {labels[video, class_id]}; right would be 0 or 1")
    return labels.astype(bool)


def _precision(ranked_positive: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Share of positives among the first ranks, up to and including each."""
    return np.cumsum(ranked_positive, axis=0) / np.arange(1, len(ranked_positive) + 1)[:, None]


def _mean_precision_at_positives(ranked_positive: NDArray[np.bool_], precision: NDArray[np.float64]) -> NDArray[np.float64]:
    counts = ranked_positive.sum(axis=0)
    total = (precision * ranked_positive).sum(axis=0)
    means: NDArray[np.float64] = np.divide(total, counts, out=np.full(counts.shape, np.nan), where=counts > 0)
    return means


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if values.size else float("nan")
