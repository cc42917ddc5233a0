"""Per-frame mAP of online action detection, plain and calibrated (De Geest et al., arXiv:1604.06506, sec. 4.2).

F frames of all videos, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from slowfast.annotations.events import Events
from slowfast.evaluation.errors import ScoreError
from slowfast.evaluation.timed.scores import TimedScores, by_video, check_videos, labels_at


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FrameMap:
    """ap, calibrated_ap: float64 (K,), NaN for classes without a positive frame. num_positives: int64 (K,), frames where the
    class is on. num_frames: F. unseen_truths: truths that no frame shows, as they lie between two or behind the end of the
    video. unscored_videos: videos without any score, whose frames rank last."""

    ap: NDArray[np.float64]
    calibrated_ap: NDArray[np.float64]
    num_positives: NDArray[np.int64]
    num_frames: int
    unseen_truths: int
    unscored_videos: int

    @property
    def mean_ap(self) -> float:
        """Over the classes with a positive frame; NaN if there is none."""
        return _mean(self.ap[self.num_positives > 0])

    @property
    def mean_calibrated_ap(self) -> float:
        return _mean(self.calibrated_ap[self.num_positives > 0])

    @property
    def num_left_out(self) -> int:
        """Classes that have no positive frame, and no part in the means."""
        return int((self.num_positives == 0).sum())


def frame_map(videos: Sequence[TimedScores], truths: Events, *, rate: float) -> FrameMap:
    """Judges the scores at `rate` frames a second: those of all videos are ranked together, class by class.

    truths: their videos are places in `videos`; a class is on at a frame at second t if start <= t <= end. Frames of a video
    lie at i / rate, i = 0, 1, ..., before its end. Equal scores form one threshold, so that order does not matter. AP is the
    mean of the precision at positives; calibrated AP that of w TP / (w TP + FP), w = negatives / positives. Raises ScoreError.
    """
    num_classes = check_videos(videos, truths)
    if not (np.isfinite(rate) and rate > 0):
        raise ScoreError(f"the rate is {rate} frames a second; right would be a number above 0")
    moments = [frame_moments(video.duration, rate) for video in videos]
    of_video = by_video(truths, len(videos))
    scores = np.concatenate([video.at(times) for video, times in zip(videos, moments, strict=True)])
    labels = np.concatenate([labels_at(events, times, num_classes) for events, times in zip(of_video, moments, strict=True)])
    ap, calibrated = np.full((2, num_classes), np.nan)
    for label in range(num_classes):
        column, is_positive = np.ascontiguousarray(scores[:, label]), np.ascontiguousarray(labels[:, label])
        if is_positive.any():
            ap[label], calibrated[label] = average_precisions(column[is_positive], column[~is_positive])
    return FrameMap(
        ap=ap,
        calibrated_ap=calibrated,
        num_positives=labels.sum(axis=0, dtype=np.int64),
        num_frames=len(labels),
        unseen_truths=sum(_count_unseen(events, times) for events, times in zip(of_video, moments, strict=True)),
        unscored_videos=sum(not len(video.scores) for video in videos),
    )


def frame_moments(duration: float, rate: float) -> NDArray[np.float64]:
    """Seconds i / rate below the duration."""
    moments = np.arange(int(np.ceil(duration * rate)) + 1) / rate
    return moments[moments < duration]


def average_precisions(positive: NDArray[np.floating], negative: NDArray[np.floating]) -> tuple[float, float]:
    """(AP, calibrated AP) of a class with the scores of its positive frames (P,), P > 0, and of its negative ones (N,)."""
    positive, negative = np.sort(positive), np.sort(negative)
    hits = len(positive) - np.searchsorted(positive, positive, side="left")
    false_alarms = len(negative) - np.searchsorted(negative, positive, side="left")
    # Without negatives there is no false alarm either, and the weight, which would be 0, has nothing to weigh.
    weighted = hits * (len(negative) / len(positive) if len(negative) else 1.0)
    return float(np.mean(hits / (hits + false_alarms))), float(np.mean(weighted / (weighted + false_alarms)))


def _count_unseen(truths: Events, moments: NDArray[np.float64]) -> int:
    first, stop = np.searchsorted(moments, truths.start, side="left"), np.searchsorted(moments, truths.end, side="right")
    return int((first >= stop).sum())


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if values.size else float("nan")
