"""What is said of a video, in words that fit its numbers."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from slowfast.engine.examined import LOSS, LOSS_IN_TIME, TRUE_SCORE, ExaminedVideos
from slowfast.reports.page import classes, videos
from slowfast.reports.page.films import Shelf
from slowfast.reports.page.finished_run import read_run
from tests.reports.page.finished_runs import examined_video, make_run

NAMES = ("stir", "chop", "pour", "wipe")


def card(measure: str = LOSS, **values: Any) -> videos.Card:
    examined = ExaminedVideos(measure=measure, num_videos=40, class_names=NAMES, videos=(examined_video(**values),))
    run = dataclasses.replace(read_run(make_run(values["folder"]), "run"), examined=examined)
    return videos.cards([run], Shelf(page=values["folder"] / "page.html"))[0]


@pytest.mark.parametrize(
    ("values", "summary", "kinds"),
    [
        ({"true": (0,), "rank": 1}, "stir, recognised", [classes.RIGHT]),
        ({"true": (0,), "missed": (0,), "false": (1,), "rank": 3}, "stir, taken for chop", [classes.WRONG_OF_FEW]),
        ({"true": ()}, "Nothing is true in this video.", [classes.NOTHING_TRUE]),
        ({"true": (0,)}, "Its one class has the best score.", [classes.ALL_FIRST]),
        ({"true": (0, 1)}, "Its 2 classes have the best scores.", [classes.ALL_FIRST]),
        (
            {"true": (0,), "missed": (0,), "false": (1,)},
            "The one class is wrong: missed stir; said chop.",
            [classes.ALL_WRONG],
        ),
        (
            {"true": (0, 1, 2), "missed": (0,), "false": (3,)},
            "1 of 3 classes is wrong: missed stir; said wipe.",
            [classes.SOME_WRONG],
        ),
        (
            {"true": (0, 1), "missed": (0, 1), "false": (3, 2)},
            "2 of 2 classes are wrong: missed stir, chop; said wipe, pour.",
            [classes.ALL_WRONG],
        ),
        ({"true": (), "found": ()}, "Nothing happens, and nothing was found.", [classes.NO_MISTAKE]),
        ({"true": (), "found": ((1, 0, 1),), "false": (1,)}, "1 false event (chop).", [classes.FALSE]),
        ({"true": (0,), "truths": ((0, 0, 1),), "found": ((0, 0, 1),)}, "Its one event found.", [classes.NO_MISTAKE]),
        (
            {"true": (0,), "truths": ((0, 0, 1),), "found": (), "missed": (0,)},
            "1 of 1 event missed (stir).",
            [classes.MISSED],
        ),
        (
            {
                "true": (0,),
                "truths": ((0, 0, 1), (0, 2, 3)),
                "found": ((1, 0, 1), (1, 2, 3)),
                "missed": (0, 0),
                "false": (1, 1),
            },
            "2 of 2 events missed (2 × stir), 2 false events (2 × chop).",
            [classes.MISSED, classes.FALSE],
        ),
        (
            {"true": (0,), "truths": ((0, 0, 1), (0, 2, 3)), "found": ((0, 0, 1), (0, 2, 3), (3, 0, 1)), "false": (3,)},
            "All 2 events found, 1 false event (wipe).",
            [classes.FALSE],
        ),
    ],
)
def test_mistakes_are_told_in_words(tmp_path: Path, values: dict[str, Any], summary: str, kinds: list[str]) -> None:
    found = card(
        LOSS_IN_TIME if "found" in values else TRUE_SCORE if "rank" in values else LOSS, folder=tmp_path / "a", **values
    )
    assert (found.told.summary, list(found.told.kinds)) == (summary, kinds)


@pytest.mark.parametrize(
    ("place", "said", "groups"),
    [(1, "worst 1 of 40", ("worst",)), (12, "worst 12 of 40", ("worst",)), (40, "best 1 of 40", ("best",))],
)
def test_place_counts_from_the_nearer_end(tmp_path: Path, place: int, said: str, groups: tuple[str, ...]) -> None:
    found = card(folder=tmp_path / "a", place=place)
    assert (found.place, found.groups) == (said, groups)


def test_videos_of_one_name_have_links_of_their_own(tmp_path: Path) -> None:
    twins = tuple(examined_video(folder=tmp_path, place=place, number=place) for place in (1, 2))
    examined = ExaminedVideos(measure=LOSS, num_videos=2, class_names=NAMES, videos=twins)
    run = dataclasses.replace(read_run(make_run(tmp_path / "a"), "run"), examined=examined)
    found = videos.cards([run], Shelf(page=tmp_path / "page.html"))
    assert [one.link for one in found] == ["run/v (1)", "run/v (2)"]


def test_one_class_is_true_all_the_time(tmp_path: Path) -> None:
    found = card(TRUE_SCORE, folder=tmp_path / "a", true=(2,), rank=1)
    bar = found.chart["data"][0]
    assert (bar["base"], bar["x"]) == ([0.0], [found.chart["layout"]["xaxis"]["range"][1]])


def test_runs_without_videos_say_so_in_a_sentence(tmp_path: Path) -> None:
    without = [read_run(make_run(tmp_path / name), name) for name in ("a", "b")]
    with_videos = dataclasses.replace(
        without[0], examined=ExaminedVideos(measure=LOSS, num_videos=1, class_names=NAMES, videos=())
    )
    assert videos.missing([with_videos]) == ""
    assert videos.missing(without[:1]).startswith("This run has kept no videos")
    assert videos.missing([with_videos, without[1]]).startswith("b has kept no videos")
    assert videos.missing(without).startswith("a, b have kept no videos")


@pytest.mark.parametrize(("rank", "kind"), [(1, classes.RIGHT), (5, classes.SECOND), (6, classes.WRONG)])
def test_with_many_classes_the_first_five_are_told_apart(rank: int, kind: str) -> None:
    missed = () if rank == 1 else (0,)
    video = examined_video(folder=Path(), true=(0,), missed=missed, false=missed, rank=rank)
    assert classes.told(video, [*NAMES, "fold", "knead"]).kinds == (kind,)
