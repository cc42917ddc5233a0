"""As much as a large data set has: 1,000 videos of 200 seconds with 200 classes."""

import numpy as np
import pytest

from slowfast.annotations.events import Events
from slowfast.evaluation.timed import (
    ACTIVITYNET_IOU,
    JoinRule,
    TimedScores,
    event_map,
    frame_map,
    join_events,
    localization_map,
    tune_join_rule,
)
from slowfast.evaluation.timed.scores import by_video, labels_at

NUM_VIDEOS, NUM_CLASSES, NUM_SECONDS, NUM_TRUTHS = 1000, 200, 200, 30_000


@pytest.mark.slow
def test_a_thousand_videos_of_two_hundred_classes_are_scored() -> None:
    rng = np.random.default_rng(0)
    start = rng.uniform(0, NUM_SECONDS - 1, NUM_TRUTHS)
    truths = Events(
        video=rng.integers(0, NUM_VIDEOS, NUM_TRUTHS),
        label=rng.integers(0, NUM_CLASSES, NUM_TRUTHS),
        start=start,
        end=np.minimum(start + rng.exponential(8, NUM_TRUTHS), NUM_SECONDS),
    )
    seconds = np.arange(NUM_SECONDS) + 0.5
    videos = []
    for events in by_video(truths, NUM_VIDEOS):
        noise = rng.standard_normal((NUM_SECONDS, NUM_CLASSES), dtype=np.float32)
        scores = noise + np.float32(3) * labels_at(events, seconds, NUM_CLASSES)
        videos.append(TimedScores.at_seconds(seconds, scores, duration=NUM_SECONDS))
    frames = frame_map(videos, truths, rate=1)
    assert frames.num_frames == NUM_VIDEOS * NUM_SECONDS
    assert 0.01 < frames.mean_ap < frames.mean_calibrated_ap < 1
    assert 0.01 < localization_map(videos, truths).mean_ap < 1
    tuned = tune_join_rule(videos, truths)
    detections = join_events(videos, tuned.rule)
    by_guess = join_events(videos, JoinRule.of(NUM_CLASSES, threshold=2.5))
    found, guessed = (
        event_map(events, truths, num_classes=NUM_CLASSES, iou_thresholds=ACTIVITYNET_IOU) for events in (detections, by_guess)
    )
    assert found.mean_ap()[0] > guessed.mean_ap()[0] > 0
