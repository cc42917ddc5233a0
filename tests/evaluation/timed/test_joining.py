import numpy as np
import pytest
from hypothesis import given, settings

from slowfast.annotations.events import Events
from slowfast.evaluation import ScoreError
from slowfast.evaluation.timed import JoinRule, TimedScores, join_events
from tests.evaluation.timed.small_cases import SEEDS, draw_videos

Row = tuple[int, int, float, float, float]


def rows(events: Events) -> list[Row]:
    assert events.score is not None
    columns = (events.video, events.label, events.start, events.end, events.score)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def literal_join(number: int, video: TimedScores, label: int, rule: JoinRule) -> list[Row]:
    found: list[list[tuple[float, float, float]]] = []
    for (start, end), scores in zip(video.seconds.tolist(), video.scores.tolist(), strict=True):
        if scores[label] < rule.threshold[label]:
            continue
        if found and start - found[-1][-1][1] <= rule.max_gap[label]:
            found[-1].append((start, end, scores[label]))
        else:
            found.append([(start, end, scores[label])])
    events = []
    for stretches in found:
        start, end = stretches[0][0], stretches[-1][1]
        if end - start >= rule.min_length[label]:
            seconds = sum(stop - begin for begin, stop, _ in stretches)
            events.append(
                (number, label, start, end, sum((stop - begin) * score for begin, stop, score in stretches) / seconds)
            )
    return events


@settings(max_examples=150)
@given(SEEDS)
def test_joining_equals_going_along_the_video(seed: int) -> None:
    rng = np.random.default_rng(seed)
    num_classes = int(rng.integers(1, 4))
    videos = draw_videos(rng, num_videos=int(rng.integers(1, 4)), num_classes=num_classes)
    rule = JoinRule(
        threshold=rng.integers(0, 5, num_classes) / 4,
        max_gap=rng.integers(0, 4, num_classes) / 4,
        min_length=rng.integers(0, 8, num_classes) / 4,
    )
    expected = [
        row
        for number, video in enumerate(videos)
        for label in range(num_classes)
        for row in literal_join(number, video, label, rule)
    ]
    found = rows(join_events(videos, rule))
    assert [row[:4] for row in found] == [row[:4] for row in expected]
    assert [row[4] for row in found] == pytest.approx([row[4] for row in expected])


def second_by_second(scores: list[float], dtype: type = np.float64) -> TimedScores:
    edges = np.arange(len(scores) + 1, dtype=float)
    return TimedScores(
        seconds=np.stack([edges[:-1], edges[1:]], axis=1), scores=np.array(scores, dtype)[:, None], duration=float(len(scores))
    )


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"threshold": 0.5}, [(1, 3), (4, 5), (7, 8)]),
        ({"threshold": 0.5, "max_gap": 1.0}, [(1, 5), (7, 8)]),
        ({"threshold": 0.5, "max_gap": 2.0}, [(1, 8)]),
        ({"threshold": 0.5, "min_length": 2.0}, [(1, 3)]),
        ({"threshold": 0.5, "max_gap": 1.0, "min_length": 4.0}, [(1, 5)]),
        ({"threshold": 0.95}, []),
        ({"threshold": -np.inf}, [(0, 8)]),
        ({"threshold": np.inf}, []),
    ],
)
def test_events_of_one_video(options: dict[str, float], expected: list[tuple[float, float]]) -> None:
    video = second_by_second([0.1, 0.9, 0.5, 0.2, 0.8, 0.1, 0.1, 0.6])
    events = join_events([video], JoinRule.of(1, **options))
    assert list(zip(events.start.tolist(), events.end.tolist(), strict=True)) == expected


def test_the_score_of_an_event_is_the_mean_of_what_is_high_enough() -> None:
    video = TimedScores(seconds=np.array([[0, 1], [1, 2], [2, 4.0]]), scores=np.array([[0.9], [0.1], [0.6]]), duration=4)
    events = join_events([video], JoinRule.of(1, threshold=0.5, max_gap=1))
    assert rows(events) == [(0, 0, 0, 4, pytest.approx((0.9 + 2 * 0.6) / 3))]


def test_a_score_reaches_a_threshold_of_the_same_number_in_float32() -> None:
    assert len(join_events([second_by_second([0.7], np.float32)], JoinRule.of(1, threshold=0.7))) == 1


def test_infinite_scores_make_events_with_scores() -> None:
    events = join_events([second_by_second([np.inf, -np.inf, np.inf])], JoinRule.of(1, threshold=-np.inf))
    assert rows(events)[0][:4] == (0, 0, 0, 3)
    assert events.score is not None
    assert np.isfinite(events.score).all()


def test_times_that_went_through_float32_join_and_are_long_enough() -> None:
    edges = (np.arange(3000, 3031, dtype=np.float32) / np.float32(30)).astype(float)
    ends = edges[:-1] + np.float64(np.float32(1 / 30))
    video = TimedScores(seconds=np.stack([edges[:-1], ends], axis=1), scores=np.ones((30, 1)), duration=101)
    assert len(join_events([video], JoinRule.of(1, threshold=0.5, min_length=1.0))) == 1


def test_videos_without_scores_have_no_events() -> None:
    empty = TimedScores(seconds=np.zeros((0, 2)), scores=np.zeros((0, 1)), duration=5)
    events = join_events([empty, second_by_second([0.9]), empty], JoinRule.of(1, threshold=0.5))
    assert rows(events) == [(1, 0, 0, 1, 0.9)]
    assert len(join_events([empty], JoinRule.of(1, threshold=0.5))) == 0


def test_a_rule_that_does_not_fit_is_refused() -> None:
    video = second_by_second([0.5])
    with pytest.raises(ScoreError, match="is for 2 classes; right would be 1"):
        join_events([video], JoinRule.of(2, threshold=0.5))
    with pytest.raises(ScoreError, match=r"min_length is \(3,\); right would be one number, or one for each of 2 classes"):
        JoinRule.of(2, threshold=0.5, min_length=np.zeros(3))
    with pytest.raises(ScoreError, match="threshold for joining is not a number"):
        JoinRule.of(1, threshold=np.nan)
    with pytest.raises(ScoreError, match="below 0"):
        JoinRule.of(1, threshold=0.5, max_gap=-1)
    with pytest.raises(ScoreError, match="below 0"):
        JoinRule.of(1, threshold=0.5, min_length=np.nan)
    with pytest.raises(ScoreError, match="different lengths"):
        JoinRule(threshold=np.zeros(2), max_gap=np.zeros(2), min_length=np.zeros(1))
