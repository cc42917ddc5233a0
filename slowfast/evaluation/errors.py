"""The error of all measures, and the check that they share."""

import numpy as np
from numpy.typing import NDArray

from slowfast.errors import UserError


class ScoreError(UserError, ValueError):
    """Scores or labels that cannot be measured: not a number, or shapes that do not belong together."""


def check_scores(scores: NDArray[np.floating]) -> None:
    """Raises ScoreError unless `scores` is (videos, classes) without NaN; infinities are scores like any other."""
    if scores.ndim != 2:
        raise ScoreError(f"scores have the shape {scores.shape}; right would be (videos, classes)")
    bad = np.argwhere(np.isnan(scores))
    if len(bad):
        video, class_id = bad[0]
        raise ScoreError(
            f"{len(bad)} of {scores.size} scores are not numbers; the first is that of video {video}, class {class_id}"
        )
