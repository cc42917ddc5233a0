"""Videos of persons that are worth looking at, and what is said of each box in them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slowfast.annotations.ava import ActionClass
from slowfast.engine.ava_persons import AvaTruth, Predictions
from slowfast.engine.examined import EXAMINED, MEAN_AP, ExaminedVideo, ExaminedVideos, read_examined
from slowfast.engine.examining_persons import examine_persons
from slowfast.evaluation.ava import Boxes
from slowfast.evaluation.ava.frame_map import NO_SECONDS
from slowfast.structures import VideoRecord

LEFT, RIGHT, BELOW = (0.0, 0.0, 0.4, 1.0), (0.5, 0.0, 0.9, 1.0), (0.4, 0.9, 0.6, 1.0)
CLASSES = tuple(ActionClass(id=number, name=f"act {number}", category="PERSON_MOVEMENT") for number in (1, 2, 4))
START = 900

Row = tuple[int, int, tuple[float, ...], Any]
"""Video, second, box, and the action or the scores."""


class Videos:
    """As much of a data set as is asked for. Class 2 (action 3) is not scored."""

    class_names = ("act 1", "act 2", "action 3", "act 4")
    start_second = START

    def __init__(self, count: int) -> None:
        self.records = [VideoRecord(video_id=f"v{number}", path=f"v{number}.mp4", source="list") for number in range(count)]


def truth(*rows: Row, excluded: Any = NO_SECONDS, every: int = 1) -> AvaTruth:
    video, second, box, label = zip(*rows, strict=True) if rows else ((), (), (), ())
    boxes = Boxes(
        video=np.array(video, np.int64),
        second=np.array(second, np.int64),
        box=np.array(box, np.float64).reshape(-1, 4),
        label=np.array(label, np.int64),
    )
    return AvaTruth(videos=("v0", "v1", "v2"), classes=CLASSES, truths=boxes, excluded=np.array(excluded), every=every)


def said(*rows: Row) -> Predictions:
    numbers: dict[tuple[int, int], int] = {}
    keys = []
    for video, second, *_ in rows:
        numbers[video, second] = numbers.get((video, second), -1) + 1
        keys.append((video, second, numbers[video, second]))
    return Predictions(
        np.array(keys, np.int64).reshape(-1, 3),
        np.array([row[3] for row in rows], np.float32).reshape(-1, 4),
        np.array([row[2] for row in rows], np.float64).reshape(-1, 4),
    )


def examined(predictions: Predictions, true: AvaTruth, *, count: int = 1, protocol: str = "slowfast") -> ExaminedVideos:
    dataset: Any = Videos(count)
    found = examine_persons(dataset, predictions, true, protocol=protocol)
    assert found is not None
    return found


def only(found: ExaminedVideos) -> ExaminedVideo:
    [video] = found.videos
    return video


def test_videos_are_ordered_by_the_mean_ap_of_each_on_its_own() -> None:
    true = truth((0, 902, LEFT, 1), (1, 902, LEFT, 1), (1, 903, LEFT, 2), (5, 902, LEFT, 1))
    predictions = said((0, 902, LEFT, (0.9, 0.1, 0, 0)), (1, 902, RIGHT, (0.9, 0.8, 0, 0)), (1, 903, LEFT, (0.1, 0.7, 0, 0)))
    found = examined(predictions, true, count=3)
    assert (found.measure, found.num_videos, found.class_names) == (MEAN_AP, 2, Videos.class_names)
    # In v1 the first action was not found, the second one comes after a wrong one; in v2 nothing is true.
    assert [(video.video_id, video.place, video.measured) for video in found.videos] == [("v1", 1, 0.25), ("v0", 2, 1.0)]
    assert found.videos[0].scores == {0: 0.0, 1: 0.5}


def test_as_many_actions_are_said_of_a_person_as_are_true() -> None:
    true = truth((0, 902, LEFT, 1), (0, 902, LEFT, 2), (0, 902, RIGHT, 4))
    scores = (0.1, 0.6, 0.99, 0.3)
    video = only(examined(said((0, 902, RIGHT, scores), (0, 902, LEFT, scores)), true))
    assert video.moments is not None
    [moment] = video.moments
    assert (moment.start, moment.end, moment.second) == (2.0, 3.0, 902)
    first, second = moment.persons
    assert (first.box, first.true, first.said, first.scores) == (RIGHT, (3,), (1,), {3: 0.3, 1: 0.6})
    assert (second.true, second.said) == ((0, 1), (1, 3)), "action 3 is not scored, whatever it is given"
    assert (second.right, second.missed, second.wrong) == ((1,), (0,), (3,))
    assert (video.true, video.missed, video.false) == ((0, 1, 3), (0, 3), (1, 3))


def test_persons_without_a_box_and_boxes_without_a_person_are_told() -> None:
    true = truth((0, 902, LEFT, 1))
    video = only(examined(said((0, 902, RIGHT, (0.9, 0.2, 0, 0.5)), (0, 902, BELOW, (0.1, 0.2, 0, 0.4))), true))
    assert video.moments is not None
    high, low, person = video.moments[0].persons
    assert (high.true, high.said, high.wrong) == (None, (0, 3), (0, 3))
    assert (low.true, low.said) == (None, ())
    assert (person.true, person.said, person.missed, person.scores) == ((0,), None, (0,), {})


def test_moments_last_until_the_next_but_not_over_long_gaps() -> None:
    seconds = (902, 903, 905, 906)
    true = truth(*((0, second, LEFT, 1) for second in seconds))
    video = only(examined(said((0, 906, LEFT, (0.5, 0, 0, 0)), (0, 902, LEFT, (0.25, 0, 0, 0))), true))
    assert video.moments is not None
    assert [(moment.start, moment.end) for moment in video.moments] == [(2, 3), (3, 4), (5, 6), (6, 7)]
    assert video.along is not None
    assert video.along.seconds == ((2, 3), (6, 7)), "where the network was asked"
    assert video.along.scores == {0: (0.25, 0.5)}


@pytest.mark.parametrize(
    ("protocol", "seconds"), [("slowfast", [902, 904]), ("activitynet_head", [902, 903])], ids=["excluded", "unannotated"]
)
def test_moments_that_do_not_count_are_not_shown(protocol: str, seconds: list[int]) -> None:
    true = truth((0, 902, LEFT, 1), (0, 903, LEFT, 1), excluded=[(0, 903), (1, 902)])
    boxes = said(*((0, second, LEFT, (0.9, 0, 0, 0)) for second in (902, 903, 904)))
    video = only(examined(boxes, true, protocol=protocol))
    assert [moment.second for moment in video.moments or ()] == seconds
    every_fourth = only(examined(boxes, dataclasses.replace(true, truths=truth((0, 904, LEFT, 1)).truths, every=4)))
    assert [moment.second for moment in every_fourth.moments or ()] == [904]


def test_where_nothing_is_true_there_is_nothing_to_look_at() -> None:
    dataset: Any = Videos(1)
    assert examine_persons(dataset, said((0, 902, LEFT, (0.9, 0, 0, 0))), truth(), protocol="slowfast") is None
    looked_at = truth((0, 902, LEFT, 1), (0, 903, (0, 0, 0, 0), 0))
    video = only(examined(said(), looked_at))
    assert [len(moment.persons) for moment in video.moments or ()] == [1, 0], "somebody looked and found no action"
    assert video.along is not None
    assert video.along.seconds == ()


def test_file_says_what_was_found(tmp_path: Path) -> None:
    true = truth((0, 902, LEFT, 1), (0, 903, RIGHT, 2))
    found = examined(said((0, 902, LEFT, (0.9, 0.2, 0, 0)), (0, 902, BELOW, (0.9, 0, 0, 0))), true)
    found.write(tmp_path)
    assert read_examined(tmp_path / EXAMINED) == found
    fewer = dataclasses.replace(found, class_names=("act 1",))
    fewer.write(tmp_path)
    with pytest.raises(ValueError, match="there is no class 1"):
        read_examined(tmp_path / EXAMINED)
