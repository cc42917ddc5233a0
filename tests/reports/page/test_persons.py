"""What is said of the persons in a video, in words and numbers that fit."""

from __future__ import annotations

from pathlib import Path

import pytest

from slowfast.reports.page import persons
from slowfast.reports.page.told import Told
from tests.reports.page.finished_runs import CLASSES, MOMENTS, examined_persons, examined_video

MILK, STIR, CHOP = CLASSES


@pytest.fixture(scope="module")
def both() -> list[Told]:
    return [persons.told(video, CLASSES) for video in examined_persons(Path()).videos]


def test_mistakes_are_told_in_words(both: list[Told]) -> None:
    assert [told.summary for told in both] == [
        f"3 moments: 2 of 4 actions missed (2 × {CHOP}), 2 wrong (2 × {MILK}), 1 person not found, 1 box without a person.",
        "1 moment: all of 1 action right.",
    ]
    assert [told.kinds for told in both] == [
        (persons.MISSED_ACTIONS, persons.WRONG_ACTIONS, persons.NOT_FOUND, persons.NOBODY),
        (persons.NO_WRONG_ACTION,),
    ]


def test_a_class_has_its_counts_and_the_one_with_most_mistakes_comes_first(both: list[Told]) -> None:
    assert both[0].table.rows == (
        (CHOP, "2", "0", "2", "0", "0.0"),
        (MILK, "0", "0", "0", "2", "–"),
        (STIR, "2", "2", "0", "0", "50.0"),
    )
    assert both[0].shown == [2, 0, 1]


def test_bars_are_as_long_as_moments_and_those_that_meet_are_one(both: list[Told]) -> None:
    assert {kind.name: stretches for kind, stretches in both[0].bars(1, 3.0).items()} == {
        "right": [(0.5, 1.5)],
        "missed": [],
        "wrong": [],
    }
    assert both[0].bars(2, 3.0)[persons.MISSED] == [(1.0, 1.5)]


def test_kinds_of_bars_and_marks_differ_by_more_than_colour() -> None:
    assert len({kind.pattern for kind in (persons.RIGHT, persons.MISSED, persons.WRONG)}) == 3


def test_boxes_say_what_is_right_missed_and_wrong(both: list[Told]) -> None:
    assert both[0].boxes is not None
    _, (start, end, second, mixed), _ = both[0].boxes["moments"]
    assert (start, end, second) == (1.0, 1.5, 906)
    assert [one[4] for one in mixed] == ["person", "nobody", "unfound"]
    assert [one[5] for one in mixed] == [
        [[1, "right", 0.8], [2, "missed", 0.1], [0, "wrong", 0.4]],
        [[0, "wrong", 0.6]],
        [[2, "missed", None]],
    ]


def test_video_of_which_nothing_was_scored_has_all_it_is_true() -> None:
    told = persons.told(examined_video(folder=Path(), true=(2,), moments=MOMENTS[1:2], along=None, scores={}), CLASSES)
    assert told.shown == [2]
