import numpy as np
import pytest
from hypothesis import given, settings

from slowfast.annotations.events import EventError, Events
from slowfast.evaluation import ScoreError
from slowfast.evaluation.timed import ACTIVITYNET_IOU, THUMOS_IOU, event_map, matching
from tests.evaluation.timed.small_cases import SEEDS, draw_events

Row = tuple[int, int, float, float]
THRESHOLDS = tuple(sorted({*ACTIVITYNET_IOU, *THUMOS_IOU, 1.0}))


def events(rows: list[tuple[float, ...]]) -> Events:
    """Rows (video, class, start, end) or (video, class, start, end, score)."""
    table = np.array(rows, dtype=float)
    return Events(
        video=table[:, 0].astype(int),
        label=table[:, 1].astype(int),
        start=table[:, 2],
        end=table[:, 3],
        score=table[:, 4] if table.shape[1] == 5 else None,
    )


def literal_ap(detections: Events, truths: Events, label: int, threshold: float) -> float:
    """One detection after the other, as the definition has it."""
    rows = [i for i in range(len(detections)) if detections.label[i] == label]
    free = [i for i in range(len(truths)) if truths.label[i] == label]
    num_truths = len(free)
    if not num_truths:
        return float("nan")
    assert detections.score is not None
    hits = []
    for row in sorted(rows, key=lambda row: (-detections.score[row], row)):
        best, best_overlap = None, 0.0
        for truth in free:
            if truths.video[truth] == detections.video[row]:
                overlap = literal_overlap(detections, row, truths, truth)
                if overlap > best_overlap:
                    best, best_overlap = truth, overlap
        hits.append(best is not None and best_overlap >= threshold)
        if hits[-1]:
            free.remove(best)
    precision = [sum(hits[: rank + 1]) / (rank + 1) for rank in range(len(hits))]
    return sum(max(precision[rank:]) for rank in range(len(hits)) if hits[rank]) / num_truths


def literal_overlap(one: Events, i: int, other: Events, j: int) -> float:
    shared = min(one.end[i], other.end[j]) - max(one.start[i], other.start[j])
    joint = max(one.end[i], other.end[j]) - min(one.start[i], other.start[j])
    if shared <= 0 or one.end[i] == one.start[i] or other.end[j] == other.start[j]:
        return 0.0
    return shared / joint


@settings(max_examples=200)
@given(SEEDS)
def test_detection_map_equals_taking_turns(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = {"num_videos": int(rng.integers(1, 4)), "num_classes": int(rng.integers(1, 4))}
    detections = draw_events(rng, **sizes, most=30, scored=True)
    truths = draw_events(rng, **sizes, most=15, scored=False)
    num_classes = sizes["num_classes"] + 1
    result = event_map(detections, truths, num_classes=num_classes, iou_thresholds=THRESHOLDS)
    for line, threshold in enumerate(THRESHOLDS):
        expected = [literal_ap(detections, truths, label, threshold) for label in range(num_classes)]
        assert np.allclose(result.ap[line], expected, equal_nan=True)
        known = [ap for ap in expected if not np.isnan(ap)]
        assert np.isclose(result.mean_ap()[line], np.mean(known) if known else np.nan, equal_nan=True)
    assert result.num_left_out == num_classes - len(set(truths.label.tolist()))


def test_one_detection_that_overlaps_by_three_fifths() -> None:
    result = event_map(events([(0, 0, 2, 8, 0.3)]), events([(0, 0, 0, 10)]), num_classes=1)
    by_threshold = dict(zip(result.iou_thresholds, result.ap[:, 0].tolist(), strict=True))
    assert [threshold for threshold, ap in by_threshold.items() if ap == 1] == [0.5, 0.55, 0.6]
    assert all(ap == 0 for threshold, ap in by_threshold.items() if threshold > 0.6)
    assert result.average(ACTIVITYNET_IOU) == pytest.approx(0.3)


def test_the_second_detection_of_a_truth_is_a_false_alarm() -> None:
    truths = events([(0, 0, 0, 10), (1, 0, 0, 10)])
    both = events([(0, 0, 0, 10, 0.9), (0, 0, 0, 10, 0.8), (1, 0, 0, 10, 0.7)])
    result = event_map(both, truths, num_classes=1, iou_thresholds=(0.5,))
    assert result.ap[0, 0] == pytest.approx((1 + 2 / 3) / 2)
    assert (result.num_hits[0, 0], result.num_detections[0], result.num_truths[0]) == (2, 3, 2)


def test_a_detection_takes_another_truth_if_the_best_one_is_gone() -> None:
    truths = events([(0, 0, 0, 10), (0, 0, 5, 15)])
    detections = events([(0, 0, 0, 10, 0.9), (0, 0, 2, 12, 0.8)])
    assert event_map(detections, truths, num_classes=1, iou_thresholds=(0.5,)).ap[0, 0] == 1


def test_equal_scores_rank_in_their_order() -> None:
    truths = events([(0, 0, 0, 10)])
    right, wrong = (0, 0, 0, 10, 0.5), (0, 0, 20, 30, 0.5)
    for rows, ap in (([right, wrong], 1.0), ([wrong, right], 0.5)):
        for _ in range(2):
            assert event_map(events(rows), truths, num_classes=1, iou_thresholds=(0.5,)).ap[0, 0] == ap


def test_what_is_missing_on_one_side() -> None:
    truths = events([(0, 0, 0, 10)])
    nothing = event_map(Events.none(scored=True), truths, num_classes=2)
    assert nothing.mean_ap().tolist() == [0] * 10
    assert nothing.num_left_out == 1
    assert np.isnan(nothing.ap[:, 1]).all()
    no_truth = event_map(events([(0, 0, 0, 10, 0.5)]), Events.none(scored=False), num_classes=2)
    assert np.isnan(no_truth.mean_ap()).all()
    assert np.isnan(no_truth.average(ACTIVITYNET_IOU))
    assert no_truth.num_left_out == 2


def test_what_has_no_length_matches_nothing_not_even_itself() -> None:
    moment = event_map(events([(0, 0, 5, 5, 0.5)]), events([(0, 0, 5, 5)]), num_classes=1, iou_thresholds=(0.01,))
    assert moment.ap[0, 0] == 0
    inside = event_map(events([(0, 0, 5, 5, 0.5)]), events([(0, 0, 0, 10)]), num_classes=1, iou_thresholds=(0.01,))
    assert inside.ap[0, 0] == 0


def test_another_video_or_class_is_no_match() -> None:
    truths = events([(0, 0, 0, 10)])
    for row in ((1, 0, 0, 10, 0.5), (0, 1, 0, 10, 0.5)):
        assert event_map(events([row]), truths, num_classes=2, iou_thresholds=(0.5,)).ap[0, 0] == 0


def test_averages_are_over_the_thresholds_of_each_data_set() -> None:
    truths = events([(0, 0, 0, 10)])
    result = event_map(events([(0, 0, 0, 6.5, 0.5)]), truths, num_classes=1, iou_thresholds=THRESHOLDS)
    assert result.average(THUMOS_IOU) == pytest.approx(4 / 5)
    assert result.average(ACTIVITYNET_IOU) == pytest.approx(4 / 10)
    assert np.isnan(result.average((0.42,))), "a threshold that was not asked for"


def test_pairs_in_blocks_give_the_same_hits(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    detections = draw_events(rng, num_videos=2, num_classes=2, most=300, scored=True)
    truths = draw_events(rng, num_videos=2, num_classes=2, most=100, scored=False)
    whole = matching.find_hits(detections, truths, THRESHOLDS)
    monkeypatch.setattr(matching, "PAIRS_AT_ONCE", 7)
    assert np.array_equal(matching.find_hits(detections, truths, THRESHOLDS), whole)
    assert whole[0].any()


def test_infinite_scores_are_scores_like_any_other() -> None:
    rows = [(0, 0, 20, 30, 0.5), (0, 0, 0, 10, np.inf), (0, 0, 20, 30, -np.inf)]
    assert event_map(events(rows), events([(0, 0, 0, 10)]), num_classes=1, iou_thresholds=(0.5,)).ap[0, 0] == 1


@pytest.mark.parametrize("thresholds", [(), (0.0,), (1.1,), (0.5, np.nan), (-0.5,)])
def test_thresholds_that_are_none_are_refused(thresholds: tuple[float, ...]) -> None:
    with pytest.raises(ScoreError, match="overlap thresholds are"):
        event_map(Events.none(scored=True), Events.none(scored=False), num_classes=1, iou_thresholds=thresholds)


def test_wrong_events_are_refused() -> None:
    truths = events([(0, 3, 0, 10)])
    with pytest.raises(ScoreError, match="a truth is of class 3; right would be 0 to 1"):
        event_map(Events.none(scored=True), truths, num_classes=2)
    with pytest.raises(ScoreError, match="a detection is of class 3"):
        event_map(events([(0, 3, 0, 1, 0.5)]), Events.none(scored=False), num_classes=2)
    with pytest.raises(ScoreError, match="detections have no scores"):
        event_map(truths, truths, num_classes=4)


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ((0, 0, 5, 4, 0.5), "the end is before the start in 1 of 1 is wrong"),
        ((0, 0, np.nan, 4, 0.5), "start of 1 of 1"),
        ((0, 0, 0, np.inf, 0.5), "end of 1 of 1"),
        ((0, 0, 0, 1, np.nan), "score of 1 of 1"),
        ((-1, 0, 0, 1, 0.5), "video of 1 of 1"),
        ((0, -1, 0, 1, 0.5), "label of 1 of 1"),
    ],
)
def test_events_that_cannot_be_are_refused(row: tuple[float, ...], text: str) -> None:
    with pytest.raises(EventError, match=text):
        events([row])


def test_columns_of_events_belong_together() -> None:
    with pytest.raises(EventError, match=r"label is float64 \(1,\); right would be integers \(1,\)"):
        Events(video=np.zeros(1, int), label=np.zeros(1), start=np.zeros(1), end=np.zeros(1))
    with pytest.raises(EventError, match=r"end is float64 \(2,\)"):
        Events(video=np.zeros(1, int), label=np.zeros(1, int), start=np.zeros(1), end=np.zeros(2))
