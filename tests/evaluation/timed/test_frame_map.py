import numpy as np
import pytest
from hypothesis import given, settings

from slowfast.annotations.events import Events
from slowfast.evaluation import ScoreError
from slowfast.evaluation.timed import FrameMap, TimedScores, frame_map
from tests.evaluation.timed.small_cases import SEEDS, draw_events, draw_videos, literal_label, literal_score


def one_video(scores: list[float], truths: list[tuple[float, float]], *, duration: float | None = None) -> FrameMap:
    """One class, a score for each second, frames at one a second."""
    count = len(scores)
    video = TimedScores(
        seconds=np.stack([np.arange(count), np.arange(count) + 1], axis=1).astype(float),
        scores=np.array(scores)[:, None],
        duration=float(count if duration is None else duration),
    )
    start, end = np.array(truths, dtype=float).reshape(-1, 2).T
    number = np.zeros(len(start), int)
    return frame_map([video], Events(video=number, label=number, start=start, end=end), rate=1)


@settings(max_examples=150)
@given(SEEDS)
def test_per_frame_precision_equals_its_definition(seed: int) -> None:
    rng = np.random.default_rng(seed)
    num_classes, rate = int(rng.integers(1, 4)), float(rng.choice([0.5, 1, 4, 3]))
    videos = draw_videos(rng, num_videos=int(rng.integers(1, 4)), num_classes=num_classes)
    truths = draw_events(rng, num_videos=len(videos), num_classes=num_classes, most=8, scored=False)
    result = frame_map(videos, truths, rate=rate)
    frames = [(number, i / rate) for number, video in enumerate(videos) for i in range(400) if i / rate < video.duration]
    assert result.num_frames == len(frames)
    for label in range(num_classes):
        scores = [literal_score(videos[number], moment, label) for number, moment in frames]
        labels = [literal_label(truths, number, label, moment) for number, moment in frames]
        assert result.num_positives[label] == sum(labels)
        ap, calibrated = by_definition(scores, labels)
        assert np.allclose([result.ap[label], result.calibrated_ap[label]], [ap, calibrated], equal_nan=True)
    is_seen = [
        any(number == truths.video[i] and truths.start[i] <= moment <= truths.end[i] for number, moment in frames)
        for i in range(len(truths))
    ]
    assert result.unseen_truths == len(truths) - sum(is_seen)


def by_definition(scores: list[float], labels: list[bool]) -> tuple[float, float]:
    """(AP, calibrated AP): the precision among all frames that score at least as much as each positive one."""
    num_positives = sum(labels)
    if not num_positives:
        return float("nan"), float("nan")
    weight = (len(labels) - num_positives) / num_positives
    plain, calibrated = 0.0, 0.0
    for threshold, label in zip(scores, labels, strict=True):
        if label:
            hits = sum(y for s, y in zip(scores, labels, strict=True) if s >= threshold)
            alarms = sum(not y for s, y in zip(scores, labels, strict=True) if s >= threshold)
            plain += hits / (hits + alarms)
            calibrated += weight * hits / (weight * hits + alarms) if weight else 1.0
    return plain / num_positives, calibrated / num_positives


def test_precision_of_a_ranking_worked_out_by_hand() -> None:
    # Ranked: on, off, on, off, off; a frame at each end of a truth belongs to it.
    result = one_video([0.9, 0.1, 0.8, 0.7, 0.2], [(0, 0), (3, 3)])
    assert result.ap.tolist() == [(1 + 2 / 3) / 2]
    weight = 3 / 2
    assert result.calibrated_ap.tolist() == [pytest.approx((1 + 2 * weight / (2 * weight + 1)) / 2)]
    assert (result.num_positives.tolist(), result.num_frames) == ([2], 5)


def test_calibration_takes_away_what_rare_classes_suffer_from() -> None:
    """Chance is half a calibrated AP however rare the class is: all scores are equal here."""
    for count in (4, 100):
        result = one_video([0.5] * count, [(0, 0)])
        assert result.ap[0] == 1 / count
        assert result.calibrated_ap[0] == pytest.approx(0.5)


def test_all_frames_on_is_perfect_by_both_figures() -> None:
    result = one_video([0.3, 0.1], [(0, 5)])
    assert (result.mean_ap, result.mean_calibrated_ap) == (1, 1)


def test_class_without_positive_is_left_out_and_counted() -> None:
    video = TimedScores(seconds=np.array([[0.0, 1.0]]), scores=np.array([[0.5, 0.9]]), duration=1)
    label = np.zeros(1, int)
    result = frame_map([video], Events(video=label, label=label, start=np.zeros(1), end=np.ones(1)), rate=1)
    assert (result.mean_ap, result.num_left_out) == (1, 1)
    assert np.isnan(result.ap[1])
    nothing = frame_map([video], Events.none(scored=False), rate=1)
    assert np.isnan(nothing.mean_ap)
    assert nothing.num_left_out == 2


def test_truths_that_no_frame_shows_and_videos_without_scores_are_counted() -> None:
    result = one_video([0.5, 0.5], [(0.2, 0.8), (1, 1.5), (7, 9)])
    assert result.unseen_truths == 2
    empty = TimedScores(seconds=np.zeros((0, 2)), scores=np.zeros((0, 1)), duration=2)
    scored = TimedScores(seconds=np.array([[0.0, 2.0]]), scores=np.array([[0.5]]), duration=2)
    both = Events(video=np.array([0, 1]), label=np.zeros(2, int), start=np.zeros(2), end=np.ones(2) * 0.5)
    result = frame_map([empty, scored], both, rate=1)
    assert result.unscored_videos == 1
    assert result.ap.tolist() == [(1 / 2 + 2 / 4) / 2], "frames without a score rank last"


def test_the_order_of_videos_does_not_matter() -> None:
    rng = np.random.default_rng(5)
    videos = draw_videos(rng, num_videos=4, num_classes=2)
    truths = draw_events(rng, num_videos=4, num_classes=2, most=12, scored=False)
    turned = Events(video=3 - truths.video, label=truths.label, start=truths.start, end=truths.end)
    first, second = frame_map(videos, truths, rate=4), frame_map(videos[::-1], turned, rate=4)
    assert np.array_equal(first.ap, second.ap, equal_nan=True)
    assert np.array_equal(first.calibrated_ap, second.calibrated_ap, equal_nan=True)


@pytest.mark.parametrize("rate", [0, -1, np.nan, np.inf])
def test_a_rate_that_is_none_is_refused(rate: float) -> None:
    with pytest.raises(ScoreError, match="frames a second; right would be a number above 0"):
        frame_map(draw_videos(np.random.default_rng(0), num_videos=1, num_classes=1), Events.none(scored=False), rate=rate)


def test_truths_of_videos_or_classes_that_are_not_there_are_refused() -> None:
    videos = draw_videos(np.random.default_rng(0), num_videos=2, num_classes=2)
    for number, label, text in (
        (2, 0, "a truth is of video 2; right would be 0 to 1"),
        (0, 2, "of class 2; right would be 0 to 1"),
    ):
        truths = Events(video=np.array([number]), label=np.array([label]), start=np.zeros(1), end=np.ones(1))
        with pytest.raises(ScoreError, match=text):
            frame_map(videos, truths, rate=1)
    with pytest.raises(ScoreError, match="there is no video to score"):
        frame_map([], Events.none(scored=False), rate=1)
    with pytest.raises(ScoreError, match="videos have 2, 3 classes"):
        other = draw_videos(np.random.default_rng(0), num_videos=1, num_classes=3)
        frame_map([*videos, *other], Events.none(scored=False), rate=1)
