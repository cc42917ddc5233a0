"""Top-k accuracy of single-label classification."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from slowfast.evaluation.errors import ScoreError, check_scores


def topk_correct(scores: NDArray[np.floating], labels: NDArray[np.integer], ks: Sequence[int]) -> list[int]:
    """How many videos have their label among the k best scores, for each k.

    scores (N, K), labels (N,) in [0, K). Equal scores rank by class index, lowest first, so that the count does not depend
    on a sorting routine. A k above K counts as K. Raises ScoreError.
    """
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
    of_label = np.take_along_axis(scores, labels[:, None], axis=1)
    ties_before = (scores == of_label) & (np.arange(num_classes) < labels[:, None])
    rank = ((scores > of_label) | ties_before).sum(axis=1)
    return [int((rank < k).sum()) for k in ks]
