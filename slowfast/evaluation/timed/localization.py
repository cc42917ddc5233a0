"""The localisation protocol of Charades (Sigurdsson et al., arXiv:1604.01753): 25 moments of each video, classes at each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from slowfast.annotations.events import Events
from slowfast.evaluation.multilabel_map import CharadesScore, rank_by_row
from slowfast.evaluation.timed.scores import TimedScores, by_video, check_videos, labels_at

POINTS = 25


def localization_map(videos: Sequence[TimedScores], truths: Events) -> CharadesScore:
    """What the localisation script that comes with Charades makes of the scores at `localization_points` of each video.

    truths: their videos are places in `videos`; a class is on at second t if start <= t <= end. All points of all videos are
    ranked together, class by class; equal scores rank by video, then point, earlier first. The script's own mean is undefined
    where a class has no positive; `mean_ap_with_positives` leaves such classes out. Raises ScoreError.
    """
    num_classes = check_videos(videos, truths)
    points = [localization_points(video.duration) for video in videos]
    scores = np.concatenate([video.at(times) for video, times in zip(videos, points, strict=True)])
    of_video = by_video(truths, len(videos))
    labels = np.concatenate([labels_at(events, times, num_classes) for events, times in zip(of_video, points, strict=True)])
    return rank_by_row(scores, labels)


def localization_points(duration: float) -> NDArray[np.float64]:
    """float64 (25,): seconds i / 25 x duration, i = 0 to 24."""
    return np.arange(POINTS) / POINTS * duration
