"""The worst and the best videos of a test, what is said of them, and the file that keeps it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slowfast.annotations.events import Events
from slowfast.datasets.frame_folder import FrameFolderSource
from slowfast.engine.examined import EXAMINED, LOSS, LOSS_IN_TIME, TRUE_SCORE, read_examined
from slowfast.engine.examining import cross_entropy, examine, files_of, judge_in_time, with_scores_along
from slowfast.evaluation.timed import TimedScores
from slowfast.structures import ActionInterval, VideoRecord

CLASSES = ("pour", "stir", "chop")


class Videos:
    """As much of a data set as is asked for."""

    class_names = CLASSES

    def __init__(self, count: int, actions: tuple[ActionInterval, ...] = ()) -> None:
        self.records = [
            VideoRecord(video_id=f"v{number}", path=f"v{number}.mp4", source="list", actions=actions) for number in range(count)
        ]


def examined(count: int, scores: Any, labels: Any, **more: Any) -> Any:
    dataset: Any = Videos(count, more.pop("actions", ()))
    return examine(dataset, numbers=np.arange(count), scores=np.array(scores, np.float32), labels=np.array(labels), **more)


def test_videos_of_one_class_are_ordered_by_its_score() -> None:
    found = examined(3, [[0.7, 0.2, 0.1], [0.6, 0.3, 0.1], [0.1, 0.8, 0.1]], [0, 1, 0])
    assert (found.measure, found.num_videos) == (TRUE_SCORE, 3)
    assert [(video.video_id, video.place, video.measured) for video in found.videos] == [
        ("v2", 1, 0.1),
        ("v1", 2, 0.3),
        ("v0", 3, 0.7),
    ]
    assert [(video.true, video.missed, video.false, video.rank) for video in found.videos] == [
        ((0,), (0,), (1,), 2),
        ((1,), (1,), (0,), 2),
        ((0,), (), (), 1),
    ]


def test_videos_of_several_classes_are_ordered_by_their_loss() -> None:
    scores = [[0.9, 0.8, 0.1], [0.6, 0.3, 0.1], [0.5, 0.5, 0.5]]
    labels = np.array([[1, 1, 0], [0, 1, 0], [0, 0, 0]], np.float32)
    found = examined(3, scores, labels)
    losses = -np.log([[0.9, 0.8, 0.9], [0.4, 0.3, 0.9], [0.5, 0.5, 0.5]]).mean(axis=1)
    assert found.measure == LOSS
    assert [video.video_id for video in found.videos] == ["v1", "v2", "v0"]
    assert [video.measured for video in found.videos] == pytest.approx(losses[[1, 2, 0]], abs=1e-4)
    assert [(video.missed, video.false) for video in found.videos] == [((1,), (0,)), ((), ()), ((), ())]
    assert all(video.rank is None for video in found.videos)


@pytest.mark.parametrize(("count", "places"), [(1, [1]), (13, [*range(1, 14)]), (60, [*range(1, 13), *range(49, 61)])])
def test_as_many_are_kept_of_the_worst_and_the_best_each_once(count: int, places: list[int]) -> None:
    scores = np.stack([np.linspace(0.9, 0.1, count), np.linspace(0.1, 0.9, count), np.zeros(count)], axis=1)
    found = examined(count, scores, np.zeros(count, int))
    assert [video.place for video in found.videos] == places
    assert found.num_videos == count
    assert [video.number for video in found.videos[:1]] == [count - 1]


def test_a_score_of_nought_for_what_is_true_is_very_bad_and_not_infinitely_so() -> None:
    losses = cross_entropy(np.array([[0.0, 1.0]], np.float32), np.array([[True, False]]))
    assert np.isfinite(losses).all()
    assert (losses > 10).all()


def timed(*scores: list[float], duration: float) -> TimedScores:
    seconds = np.linspace(0, duration, len(scores) + 1)
    return TimedScores(seconds=np.stack([seconds[:-1], seconds[1:]], axis=1), scores=np.array(scores), duration=duration)


def events(*rows: tuple[int, int, float, float], scored: bool) -> Events:
    video, label, start, end = np.array(rows, float).reshape(-1, 4).T
    score = np.ones(len(rows)) if scored else None
    return Events(video=video.astype(int), label=label.astype(int), start=start, end=end, score=score)


def test_events_that_nothing_found_and_that_are_not_true_are_told_by_class() -> None:
    along = [timed([0.1, 0.9, 0.1], [0.9, 0.1, 0.1], duration=10), timed([0.1, 0.1, 0.1], duration=0.05)]
    truths = events((0, 0, 5, 10), (0, 0, 1, 2), (0, 1, 0, 5), scored=False)
    found = events((0, 0, 5, 9), (0, 2, 1, 2), (0, 2, 3, 4), scored=True)
    judged = judge_in_time(along, truths, found, rate=1.0, num_classes=3)
    result = examined(2, [[0.9, 0.9, 0.1], [0.1] * 3], [[1, 1, 0], [0, 0, 0]], judged=judged)
    first, last = result.videos
    assert result.measure == LOSS_IN_TIME
    assert (first.video_id, first.missed, first.false) == ("v0", (0, 1), (2, 2))
    assert sorted(first.truths) == [(0, 1.0, 2.0), (0, 5.0, 10.0), (1, 0.0, 5.0)]
    assert first.found == ((0, 5.0, 9.0), (2, 1.0, 2.0), (2, 3.0, 4.0))
    assert first.along.seconds == ((0.0, 5.0), (5.0, 10.0))
    assert first.along.scores[0] == (0.1, 0.9)
    # Truths are closed at their ends: the scores are wrong of class 0 at seconds 1 and 2, and of class 1 at second 5.
    assert first.measured == pytest.approx((27 * -np.log(0.9) + 3 * -np.log(0.1)) / 30, abs=1e-4)
    assert (last.video_id, last.measured) == ("v1", pytest.approx(-np.log(0.9), abs=1e-4)), "shorter than one moment"


def test_without_a_rule_for_events_classes_are_compared() -> None:
    along = [timed([0.9, 0.1, 0.1], duration=10)]
    judged = judge_in_time(along, events((0, 1, 0, 5), scored=False), None, rate=1.0, num_classes=3)
    [video] = examined(1, [[0.9, 0.1, 0.05]], [[0, 1, 0]], judged=judged).videos
    assert (video.found, video.missed, video.false) == (None, (1,), (0,))


def test_file_says_what_was_found(tmp_path: Path) -> None:
    actions = (ActionInterval(label=1, start_sec=0.5, end_sec=2.0),)
    found = examined(2, [[0.7, 0.2, 0.1], [0.6, 0.3, 0.1]], [[1, 0, 0], [0, 1, 0]], actions=actions)
    first = with_scores_along(found.videos[0], np.array([[0.0, 1.0], [1.5, 2.0]]), np.array([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]]))
    assert first.along is not None
    assert first.along.scores[2] == (0.3, 0.6)
    found = type(found)(measure=LOSS, num_videos=2, class_names=CLASSES, videos=(first, found.videos[1]))
    found.write(tmp_path)
    assert read_examined(tmp_path / EXAMINED) == found
    assert [path.name for path in tmp_path.iterdir()] == [EXAMINED]
    assert found.videos[1].truths == ((1, 0.5, 2.0),)
    assert Path(found.videos[0].files[0]).is_absolute()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("measure", "beauty"),
        ("class_names", ["pour"]),
        ("videos", [{}]),
        ("videos", 3),
        ("num_videos", None),
        ("files", []),
        ("true", [7]),
        ("measured", None),
        ("along", {"seconds": [[0, 1]], "scores": {"0": [0.1, 0.2]}}),
        ("truths", [[0, 1]]),
        ("found", [[5, 0, 1]]),
    ],
)
def test_damaged_files_are_not_taken(tmp_path: Path, key: str, value: Any) -> None:
    examined(2, [[0.7, 0.2, 0.1], [0.6, 0.3, 0.1]], [0, 1]).write(tmp_path)
    content = json.loads((tmp_path / EXAMINED).read_text())
    place = content if key in content else content["videos"][0]
    place[key] = value
    (tmp_path / EXAMINED).write_text(json.dumps(content))
    with pytest.raises((ValueError, KeyError, TypeError, AttributeError)):
        read_examined(tmp_path / EXAMINED)


def test_a_video_is_its_file_or_its_pictures() -> None:
    record = VideoRecord(video_id="v", path="folder/v", source="list")
    dataset: Any = Videos(1)
    assert files_of(dataset, record) == ((str(Path("folder/v").absolute()),), None)
    dataset.source = FrameFolderSource(frames={"folder/v": ["v/1.jpg", "v/2.jpg"]}, prefix="/frames", fps=24)
    assert files_of(dataset, record) == (("/frames/v/1.jpg", "/frames/v/2.jpg"), 24.0)
    dataset.source = FrameFolderSource(frames={"folder/v": ["v/1.jpg"]}, prefix="s3://bucket", fps=24)
    assert files_of(dataset, record)[0] == ("s3://bucket/v/1.jpg",)
