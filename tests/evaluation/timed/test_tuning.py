import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slowfast.annotations.events import Events
from slowfast.evaluation import ScoreError
from slowfast.evaluation.timed import Candidates, JoinRule, TimedScores, event_map, join_events, tune_join_rule
from tests.evaluation.timed.small_cases import SEEDS, draw_events, draw_videos
from tests.evaluation.timed.test_joining import second_by_second

THRESHOLDS, GAPS, LENGTHS = (0.75, 0.5, 0.25), (0.0, 0.5), (0.0, 0.5, 1.0)


def figure_of(events: Events, truths: Events, num_classes: int, figure: str) -> tuple[np.ndarray, float]:
    result = event_map(events, truths, num_classes=num_classes, iou_thresholds=(0.5,))
    if figure == "ap":
        return result.ap[0], result.mean_ap()[0]
    hits, total = result.num_hits[0], result.num_detections + result.num_truths
    return np.where(result.num_truths > 0, 2 * hits / np.maximum(total, 1), np.nan), 2 * hits.sum() / total.sum()


@settings(max_examples=60)
@given(SEEDS, st.sampled_from(["f1", "ap"]))
def test_the_best_of_all_candidates_is_found_for_each_class(seed: int, figure: str) -> None:
    rng = np.random.default_rng(seed)
    num_classes = int(rng.integers(1, 4))
    videos = draw_videos(rng, num_videos=3, num_classes=num_classes)
    truths = draw_events(rng, num_videos=3, num_classes=num_classes, most=8, scored=False)
    if not len(truths) or not any(len(video.scores) for video in videos):
        return
    tuned = tune_join_rule(
        videos,
        truths,
        figure=figure,
        candidates=Candidates(thresholds=np.array(THRESHOLDS[::-1]), max_gaps=GAPS[::-1], min_lengths=LENGTHS[::-1]),
    )
    tried = []
    for threshold, gap, length in itertools.product(THRESHOLDS, GAPS, LENGTHS):
        events = join_events(videos, JoinRule.of(num_classes, threshold=threshold, max_gap=gap, min_length=length))
        tried.append(((threshold, gap, length), *figure_of(events, truths, num_classes, figure)))
    over_all = max(tried, key=lambda one: one[2])[0]  # of equal ones the first
    for label in range(num_classes):
        has_truths = label in truths.label
        expected = max(tried, key=lambda one: one[1][label])[0] if has_truths else over_all
        assert (tuned.rule.threshold[label], tuned.rule.max_gap[label], tuned.rule.min_length[label]) == expected
        assert np.isnan(tuned.figure[label]) != has_truths
    assert tuned.num_untuned == num_classes - len(set(truths.label.tolist()))
    events = join_events(videos, tuned.rule)
    assert np.allclose(tuned.figure, figure_of(events, truths, num_classes, figure)[0], equal_nan=True)


def test_what_is_tried_by_itself_finds_events_that_stand_out_from_noise() -> None:
    rng = np.random.default_rng(0)
    scores = rng.random(300) * 0.4
    scores[100:130] += 0.5
    scores[200:210] += 0.5
    scores[[50, 250]] = 0.95  # short peaks: only a shortest length keeps them out
    truths = Events(
        video=np.zeros(2, int), label=np.zeros(2, int), start=np.array([100.0, 200.0]), end=np.array([130.0, 210.0])
    )
    tuned = tune_join_rule([second_by_second(scores.tolist())], truths)
    assert tuned.figure.tolist() == [1]
    events = join_events([second_by_second(scores.tolist())], tuned.rule)
    assert list(zip(events.start.tolist(), events.end.tolist(), strict=True)) == [(100, 130), (200, 210)]


def test_truths_that_are_moments_or_fill_everything_can_be_tuned_on() -> None:
    video = second_by_second([0.1, 0.9, 0.9, 0.2])
    number = np.zeros(1, int)
    moment = tune_join_rule([video], Events(video=number, label=number, start=np.ones(1), end=np.ones(1)))
    assert moment.figure.tolist() == [0], "a moment can be matched by nothing"
    whole = tune_join_rule(
        [video], Events(video=number, label=number, start=np.zeros(1), end=np.full(1, 90.0)), iou_threshold=0.01
    )
    assert whole.figure.tolist() == [1]


def test_thresholds_can_be_tried_class_by_class() -> None:
    video = TimedScores(seconds=np.array([[0.0, 2], [2, 4]]), scores=np.array([[0.1, 50.0], [0.2, 60.0]]), duration=4)
    truths = Events(video=np.zeros(2, int), label=np.array([0, 1]), start=np.full(2, 2.0), end=np.full(2, 4.0))
    tuned = tune_join_rule([video], truths, candidates=Candidates(thresholds=np.array([[0.05, 45.0], [0.15, 55.0]])))
    assert tuned.rule.threshold.tolist() == [0.15, 55]
    assert tuned.figure.tolist() == [1, 1]


def test_what_cannot_be_tuned_is_refused() -> None:
    video = second_by_second([0.5])
    number = np.zeros(1, int)
    truths = Events(video=number, label=number, start=np.zeros(1), end=np.ones(1))
    with pytest.raises(ScoreError, match="there is no figure 'map' to tune for; right would be one of f1, ap"):
        tune_join_rule([video], truths, figure="map")
    with pytest.raises(ScoreError, match="no scores or no truths to tune on"):
        tune_join_rule([video], Events.none(scored=False))
    with pytest.raises(ScoreError, match="no scores or no truths to tune on"):
        tune_join_rule([TimedScores(seconds=np.zeros((0, 2)), scores=np.zeros((0, 1)), duration=5)], truths)
    with pytest.raises(ScoreError, match="there is no candidate to try"):
        tune_join_rule([video], truths, candidates=Candidates(min_lengths=()))
    with pytest.raises(ScoreError, match="overlap thresholds"):
        tune_join_rule([video], truths, iou_threshold=0)
