import numpy as np
import pytest
from hypothesis import given

from slowfast.evaluation import ScoreError
from slowfast.evaluation.timed import TimedScores
from tests.evaluation.timed.small_cases import SEEDS, draw_videos, literal_score


@given(SEEDS)
def test_the_score_at_a_moment_is_that_of_its_stretch_or_the_nearest(seed: int) -> None:
    rng = np.random.default_rng(seed)
    (video,) = draw_videos(rng, num_videos=1, num_classes=2)
    moments = rng.integers(0, 90, 20) / 8
    expected = [[literal_score(video, moment, label) for label in range(2)] for moment in moments.tolist()]
    assert video.at(moments).tolist() == expected


def test_scores_of_moments_are_for_all_that_is_nearest_to_them() -> None:
    video = TimedScores.at_seconds(np.array([1.0, 2.0, 4.0]), np.array([[0.1], [0.2], [0.3]]), duration=6)
    assert video.seconds.tolist() == [[0, 1.5], [1.5, 3], [3, 6]]
    assert video.at(np.array([0, 1.4, 1.5, 2.9, 3, 6])).ravel().tolist() == [0.1, 0.1, 0.2, 0.2, 0.3, 0.3]
    nothing = TimedScores.at_seconds(np.zeros(0), np.zeros((0, 2)), duration=3)
    assert nothing.at(np.array([1.0])).tolist() == [[-np.inf, -np.inf]]


@pytest.mark.parametrize(
    ("seconds", "scores", "duration", "text"),
    [
        ([[0, 1], [1, 2]], [[0.5]], 2, "right would be .S, K. and .S, 2."),
        ([[0, 1]], [0.5], 2, "right would be"),
        ([[0, 1]], [[np.nan]], 2, "row 0, class 0 .* is not a number"),
        ([[0, 1], [0.5, 2]], [[0.5], [0.5]], 2, "row 1 .* seconds 0.5 to 2, the one before for 0 to 1; .* do not overlap"),
        ([[1, 1]], [[0.5]], 2, "row 0 .* seconds 1 to 1"),
        ([[2, 3], [0, 1]], [[0.5], [0.5]], 3, "row 1 .* in order"),
        ([[0, np.nan]], [[0.5]], 2, "seconds 0 to nan"),
        ([[0, 1]], [[0.5]], np.inf, "the duration of a video is inf"),
        ([[0, 1]], [[0.5]], -1, "the duration of a video is -1"),
    ],
)
def test_scores_that_cannot_be_are_refused(seconds: list, scores: list, duration: float, text: str) -> None:
    with pytest.raises(ScoreError, match=text):
        TimedScores(seconds=np.array(seconds, dtype=float), scores=np.array(scores), duration=duration)


def test_whole_numbers_are_no_scores() -> None:
    with pytest.raises(ScoreError, match="int64; right would be floats"):
        TimedScores(seconds=np.array([[0.0, 1.0]]), scores=np.array([[1]]), duration=1)


@pytest.mark.parametrize("seconds", [[1.0, 1.0], [2.0, 1.0], [-1.0, 1.0], [1.0, 9.0], [np.nan, 1.0]])
def test_seconds_out_of_order_or_outside_of_the_video_are_refused(seconds: list[float]) -> None:
    with pytest.raises(ScoreError, match="not in growing order within 0 to 8"):
        TimedScores.at_seconds(np.array(seconds), np.zeros((2, 1)), duration=8)
    with pytest.raises(ScoreError, match="right would be one for each"):
        TimedScores.at_seconds(np.array(seconds), np.zeros((3, 1)), duration=8)


def test_stretches_that_went_through_float32_touch() -> None:
    times = np.arange(1000, 1020, dtype=np.float32) / np.float32(3)
    TimedScores(
        seconds=np.stack([times, times + np.float32(1 / 3)], axis=1).astype(float), scores=np.zeros((20, 1)), duration=400
    )
