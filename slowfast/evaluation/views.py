"""From clips to videos: the scores of a video's views become one row.

V videos, K classes, B clips.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slowfast.evaluation.errors import ScoreError

METHODS = {"sum": np.add, "max": np.maximum}
_START = {"sum": 0.0, "max": -np.inf}


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoScores:
    """One row a video.

    scores: float32 (V, K); NaN in the rows of videos of which no view came. labels: as they were added, (V,) or (V, K);
    zero for videos of which no view came. view_counts: int64 (V,), different views that came.
    """

    scores: NDArray[np.float32]
    labels: NDArray[Any]
    view_counts: NDArray[np.int64]


class ViewEnsemble:
    """Collects the scores of clips, in any order, and joins those of one video by their sum or their maximum.

    A view that comes a second time is ignored, so a sampler that repeats clips changes nothing. Sums are kept in float64:
    the order in which views come does not show in the float32 result. Objects can be pickled and sent to another process.
    """

    def __init__(self, *, num_videos: int, num_views: int, num_classes: int, method: str) -> None:
        """`method` is "sum" or "max"; `num_views` counts temporal views times crops."""
        if method not in METHODS:
            raise ValueError(f"views cannot be joined by {method!r}; right would be one of {', '.join(METHODS)}")
        self.method = method
        self._scores = np.full((num_videos, num_classes), _START[method])
        self._seen = np.zeros((num_videos, num_views), dtype=bool)
        self._labels: NDArray[np.generic] | None = None

    def add(
        self, videos: NDArray[np.integer], views: NDArray[np.integer], scores: NDArray[np.floating], labels: NDArray[np.generic]
    ) -> None:
        """Takes B clips: videos (B,), views (B,), scores (B, K), labels (B,) or (B, K).

        Raises ScoreError when a score is not a number, a number lies outside the data set, or two clips of one video bring
        different labels.
        """
        self._check_clips(videos, views, scores, labels)
        if self._labels is None:
            self._labels = np.zeros((len(self._seen), *labels.shape[1:]), dtype=labels.dtype)
        for video, view, row, label in zip(videos, views, scores, labels, strict=True):
            if self._seen[video].any():
                self._check_same_label(int(video), label)
            if not self._seen[video, view]:
                self._labels[video] = label
                self._scores[video] = METHODS[self.method](self._scores[video], row)
                self._seen[video, view] = True

    def merge(self, other: ViewEnsemble) -> None:
        """Takes over what another process collected.

        The two may share no view when the method is "sum": what is in a sum already cannot be told apart. Raises ScoreError.
        """
        if (other.method, other._scores.shape, other._seen.shape) != (self.method, self._scores.shape, self._seen.shape):
            raise ScoreError("the two ensembles differ in method, videos, views or classes and cannot be merged")
        shared = np.argwhere(self._seen & other._seen)
        if self.method == "sum" and len(shared):
            video, view = shared[0]
            raise ScoreError(
                f"{len(shared)} views would be summed twice, the first is view {view} of video {video}; "
                "right would be processes that share no view"
            )
        if other._labels is None:
            return
        if self._labels is None:
            self._labels = np.zeros_like(other._labels)
        for video in np.flatnonzero(self._seen.any(axis=1) & other._seen.any(axis=1)):
            self._check_same_label(int(video), other._labels[video])
        came = other._seen.any(axis=1)
        self._labels[came] = other._labels[came]
        self._scores = METHODS[self.method](self._scores, other._scores)
        self._seen |= other._seen

    def result(self) -> VideoScores:
        """The joined scores; see there for videos of which no view came. Raises ScoreError when nothing came at all."""
        if self._labels is None:
            raise ScoreError("no clip came, so there are no scores to join")
        view_counts = self._seen.sum(axis=1)
        scores = np.where(view_counts[:, None] > 0, self._scores, np.nan).astype(np.float32)
        return VideoScores(scores=scores, labels=self._labels.copy(), view_counts=view_counts)

    def _check_clips(
        self, videos: NDArray[np.integer], views: NDArray[np.integer], scores: NDArray[np.floating], labels: NDArray[np.generic]
    ) -> None:
        num_classes = self._scores.shape[1]
        if scores.shape != (len(videos), num_classes):
            raise ScoreError(f"scores have the shape {scores.shape}; right would be {(len(videos), num_classes)}")
        for numbers, limit, kind in ((videos, self._seen.shape[0], "video"), (views, self._seen.shape[1], "view")):
            outside = numbers[(numbers < 0) | (numbers >= limit)]
            if outside.size:
                raise ScoreError(f"there is no {kind} {outside[0]}; right would be 0 to {limit - 1}")
        bad = np.argwhere(np.isnan(scores))
        if len(bad):
            row, class_id = bad[0]
            raise ScoreError(f"the score of video {videos[row]}, view {views[row]}, class {class_id} is not a number")
        if self._labels is not None and labels.shape[1:] != self._labels.shape[1:]:
            raise ScoreError(f"a label has the shape {labels.shape[1:]}; those before had {self._labels.shape[1:]}")

    def _check_same_label(self, video: int, label: Any) -> None:
        assert self._labels is not None
        if not np.array_equal(self._labels[video], label):
            raise ScoreError(f"two views of video {video} bring different labels: {self._labels[video]} and {label}")
