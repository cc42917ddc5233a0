import numpy as np
import pytest
from hypothesis import given, settings

from slowfast.annotations.events import Events
from slowfast.evaluation.timed import TimedScores, localization_map
from slowfast.evaluation.timed.localization import localization_points
from tests.evaluation.timed.small_cases import SEEDS, draw_events, draw_videos, literal_label, literal_score


@settings(max_examples=60)
@given(SEEDS)
def test_localisation_equals_the_protocol_step_by_step(seed: int) -> None:
    rng = np.random.default_rng(seed)
    num_classes = int(rng.integers(1, 4))
    videos = draw_videos(rng, num_videos=int(rng.integers(1, 4)), num_classes=num_classes)
    truths = draw_events(rng, num_videos=len(videos), num_classes=num_classes, most=8, scored=False)
    result = localization_map(videos, truths)
    points = [(number, i / 25 * video.duration) for number, video in enumerate(videos) for i in range(25)]
    per_class, counts = [], []
    for label in range(num_classes):
        ranked = sorted(points, key=lambda point: -literal_score(videos[point[0]], point[1], label))
        hits, total = 0, 0.0
        for rank, (number, moment) in enumerate(ranked, 1):
            if literal_label(truths, number, label, moment):
                hits += 1
                total += hits / rank
        per_class.append(total / hits if hits else np.nan)
        counts.append(hits)
    assert np.allclose(result.per_class, per_class, equal_nan=True)
    known = [(ap, count) for ap, count in zip(per_class, counts, strict=True) if count]
    if known:
        assert result.mean_ap_with_positives == pytest.approx(np.mean([ap for ap, _ in known]))
        assert result.weighted_ap == pytest.approx(sum(ap * n for ap, n in known) / sum(counts))
    else:
        assert np.isnan(result.mean_ap_with_positives)
    assert np.isnan(result.mean_ap) == (len(known) < num_classes)


def test_points_are_25_from_the_start_and_the_end_is_none() -> None:
    points = localization_points(50)
    assert len(points) == 25
    assert points.tolist() == pytest.approx([2.0 * number for number in range(25)])


def test_ends_of_an_action_belong_to_it() -> None:
    video = TimedScores(
        seconds=np.array([[0.0, 4.0], [4.0, 6.1], [6.1, 25.0]]), scores=np.array([[0.1], [0.9], [0.2]]), duration=25
    )
    number = np.zeros(1, int)
    # On at seconds 4, 5 and 6, where the score is best: no more, no less.
    result = localization_map([video], Events(video=number, label=number, start=np.array([4.0]), end=np.array([6.0])))
    assert result.mean_ap == 1
    later = Events(video=number, label=number, start=np.array([6.001]), end=np.array([6.999]))
    assert np.isnan(localization_map([video], later).mean_ap), "between two points it is seen by none"
