"""What a page says of a video, and how much of it."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slowfast.annotations.events import Events
from slowfast.evaluation.timed import TimedScores
from slowfast.reports.timeline_page.outline import outline
from slowfast.reports.timeline_page.writing import MOST_EVENTS, MOST_POINTS, Film, clock, timeline_page

CLASSES = ("pour milk", 'chop <b>"quick"</b> & </script>', "stir")


def scores_of(rows: int, *, apart: float = 1.0) -> TimedScores:
    start = np.arange(rows) * apart
    scores = np.random.default_rng(0).random((rows, 3)).astype(np.float32)
    return TimedScores(seconds=np.stack([start, start + apart], axis=1), scores=scores, duration=rows * apart)


def events_of(number: int) -> Events:
    start = np.arange(number, dtype=np.float64)
    labels = np.arange(number) % 3
    return Events(video=labels * 0, label=labels, start=start, end=start + 0.5, score=np.linspace(0.2, 0.9, number))


def data_of(page: str) -> Any:
    [found] = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    return json.loads(found)


def test_few_scores_are_drawn_as_they_are() -> None:
    timed = scores_of(5)
    course = outline(timed, 10)
    assert course.width == 0
    np.testing.assert_array_equal(course.seconds, [0, 1, 2, 3, 4, 5, 5])
    np.testing.assert_array_equal(course.scores[:-2], timed.scores)
    np.testing.assert_array_equal(course.scores[-2], timed.scores[-1])
    assert np.isnan(course.scores[-1]).all()


@pytest.mark.parametrize("rows", [11, 64, 1000])
def test_of_many_scores_the_highest_of_every_part_is_kept(rows: int) -> None:
    timed = scores_of(rows, apart=0.7)
    course = outline(timed, 10)
    assert course.width == pytest.approx(rows * 0.07)
    assert course.scores.shape == (12, 3)
    for part in range(10):
        begin, stop = course.seconds[part], course.seconds[part + 1]
        within = (timed.seconds[:, 1] > begin + 1e-3) & (timed.seconds[:, 0] < stop - 1e-3)
        np.testing.assert_array_equal(course.scores[part], timed.scores[within].max(axis=0))
    assert np.nanmax(course.scores) == timed.scores.max()


@pytest.mark.parametrize(
    ("most", "seconds", "scores"),
    [
        (3, [0, 10 / 3, 10 / 3, 20 / 3, 10, 10], [0.5, 0.5, np.nan, 0.5, 0.5, np.nan]),
        (9, [0, 1, 2, 2, 8, 9, 10, 10], [0.5, 0.5, 0.5, np.nan, 0.5, 0.5, 0.5, np.nan]),
    ],
)
def test_where_nothing_was_scored_nothing_is_drawn(most: int, seconds: list[float], scores: list[float]) -> None:
    scored = np.array([[0, 1], [1, 2], [8, 9], [9, 10]], dtype=np.float64)
    course = outline(TimedScores(seconds=scored, scores=np.full((4, 1), 0.5, np.float32), duration=10.0), most)
    np.testing.assert_allclose(course.seconds, seconds)
    np.testing.assert_array_equal(course.scores[:, 0], np.float32(scores))


def test_a_video_without_scores_has_a_page() -> None:
    timed = TimedScores(seconds=np.zeros((0, 2)), scores=np.zeros((0, 3), np.float32), duration=4.0)
    page = timeline_page("x", timed, Events.none(scored=True), CLASSES, (0, 1, 2), [])
    assert "no video file to play" in page
    assert "None: no score is high enough" in page


def test_a_day_of_video_makes_a_light_page_that_says_what_it_leaves_out() -> None:
    short = timeline_page("x", scores_of(2), events_of(2), CLASSES, (0, 1, 2), [])
    long = timeline_page("x", scores_of(86_400), events_of(50_000), CLASSES, (0, 2), [])
    assert len(long) - len(short) < 500_000
    assert f"The {MOST_EVENTS} with the highest scores of 50000" in long
    assert "Each point is the highest score within 57.6 seconds" in long
    assert "Of 3 classes 2 are drawn" in long
    assert len(data_of(long)["chart"]["data"][0]["x"]) == MOST_POINTS + 2
    assert long.count("<tr data-start") == MOST_EVENTS
    assert "highest score within" not in short
    assert "with the highest scores" not in short


def test_numbers_that_json_has_no_name_for_do_not_break_the_page() -> None:
    seconds = np.array([[0.0, 1.0], [1.0, 2.0]])
    timed = TimedScores(seconds=seconds, scores=np.array([[np.inf, 0, 0], [-np.inf, 0, 0]]), duration=2.0)
    [line, *_] = data_of(timeline_page("x", timed, Events.none(scored=True), CLASSES, (0,), []))["chart"]["data"]
    assert line["y"] == [None] * 4


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("a.mp4", "../../v/a.mp4"),
        ("a b#1?.mp4", "../../v/a%20b%231%3F.mp4"),
        ("50%.mp4", "../../v/50%25.mp4"),
        ("tcp:x.mp4", "../../v/tcp%3Ax.mp4"),
        ('"><script>.mp4', "../../v/%22%3E%3Cscript%3E.mp4"),
        ("\udcff.mp4", "../../v/%FF.mp4"),
        ("跳.mp4", "../../v/%E8%B7%B3.mp4"),
    ],
)
def test_links_lead_from_the_page_to_the_video_whatever_its_name(name: str, address: str, tmp_path: Path) -> None:
    film = Film.beside(tmp_path / "v" / name, tmp_path / "out" / "x")
    assert film.address == address
    page = timeline_page(name.encode(errors="replace").decode(), scores_of(2), events_of(1), CLASSES, (0,), [film])
    assert data_of(page)["films"] == [{"name": film.name, "address": address}]
    page.encode()  # can be written


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00:00.0"), (59.96, "0:01:00.0"), (3723.44, "1:02:03.4"), (360000, "100:00:00.0")]
)
def test_times_are_hours_minutes_and_seconds(seconds: float, text: str) -> None:
    assert clock(seconds) == text
