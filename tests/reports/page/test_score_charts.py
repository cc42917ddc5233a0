"""Charts of scores hold what was counted."""

import dataclasses
from pathlib import Path

import pytest

from slowfast.engine.score_statistics import Durations
from slowfast.reports.page import score_charts
from slowfast.reports.page.finished_run import read_run
from tests.reports.page.finished_runs import CLASSES, make_run, statistics


def test_points_of_calibration_are_those_of_bins_with_scores(tmp_path: Path) -> None:
    runs = [read_run(make_run(tmp_path / "a", statistics=statistics()), "a"), read_run(make_run(tmp_path / "b"), "b")]
    diagonal, line = score_charts.reliability(runs)["data"]
    assert diagonal["x"] == diagonal["y"] == [0, 100]
    assert line["name"] == "a"
    assert len(line["x"]) == sum(count > 0 for count in statistics().counts)
    assert sum(line["customdata"]) == sum(statistics().counts)
    assert all(0 <= share <= 100 for share in line["y"])


def test_bars_of_scores_are_shares_of_their_own() -> None:
    of_true, of_others = score_charts.scores_of(statistics())["data"]
    assert [sum(of_true["y"]), sum(of_others["y"])] == pytest.approx([100, 100])
    nothing = dataclasses.replace(statistics(), of_true=(0,) * 20)
    assert set(score_charts.scores_of(nothing)["data"][0]["y"]) == {None}


def test_bars_of_durations_say_their_seconds() -> None:
    true, found = score_charts.durations_of(Durations(edges=(0, 0.25, 0.5, 1), true=(0, 1, 2), found=(3, 0, 0)))["data"]
    assert true["x"] == found["x"] == ["below 0.25", "0.25 to 0.5", "0.5 to 1"]
    assert (true["y"], found["y"]) == ([0, 1, 2], [3, 0, 0])
    assert true["name"] == "true events (3)"


def test_cells_are_shares_of_the_videos_of_the_true_class() -> None:
    together = statistics().together
    assert together is not None
    true, said = score_charts.together(CLASSES, together)
    assert [row[number] for number, row in enumerate(true["data"][0]["z"])] == [100, 100, 0]
    assert said["data"][0]["customdata"] == [list(row) for row in together.said]
    assert said["data"][0]["z"][0] == [50, 50, 0]
