"""Charts hold the numbers of the runs."""

import importlib
import importlib.util
import sys
from pathlib import Path

import pytest

from slowfast.errors import MissingPackageError
from slowfast.reports.page import charts
from slowfast.reports.page.errors import ReportError
from slowfast.reports.page.finished_run import ConfusedClasses, FinishedRun, read_run
from tests.reports.page.finished_runs import CLASSES, LOG, MATRIX, make_run


@pytest.fixture
def runs(tmp_path: Path) -> list[FinishedRun]:
    return [read_run(make_run(tmp_path / name), name) for name in ("a", "b")]


def test_curves_are_those_of_the_log(runs: list[FinishedRun]) -> None:
    found = charts.curves(runs)
    assert list(found) == ["Training loss", "Validation mAP (%)", "Validation mAP_atomic (%)", "Learning rate"]
    iterations, means, *of_b = found["Training loss"]["data"]
    assert (iterations["x"], iterations["y"]) == ([0.5, 1.0], [2.0, 1.5])
    assert (means["x"], means["y"]) == ([0.5, 1.5], [1.75, 1.0])
    assert [line["name"] for line in of_b] == ["b", "b"]
    assert found["Validation mAP_atomic (%)"]["data"][0]["y"] == [70.0], "what is undefined is left out"
    colors = {line["name"]: line["line"]["color"] for line in found["Training loss"]["data"]}
    assert colors == {"a": charts.color_of(0), "b": charts.color_of(1)}


def test_runs_that_were_only_tested_have_no_curves(tmp_path: Path) -> None:
    assert charts.curves([read_run(make_run(tmp_path / "t", log=[{"_type": "test_final", "mAP": 1.0}]), "t")]) == {}


@pytest.mark.parametrize("damage", [{"epoch": "one"}, {"loss": "low"}, {"iter": "1/0"}])
def test_damaged_statistics_are_told(tmp_path: Path, damage: dict[str, str]) -> None:
    run = read_run(make_run(tmp_path / "a", log=[{**LOG[1], **damage}]), "a")
    with pytest.raises(ReportError, match="a: the statistics in its log are damaged"):
        charts.curves([run])


def test_bars_leave_out_what_is_undefined(runs: list[FinishedRun]) -> None:
    [bar, _] = charts.classes(runs, "Average precision", CLASSES)["data"]
    assert (bar["y"], bar["x"]) == ([*CLASSES[:2], 'chop &lt;b&gt;"quick"&lt;/b&gt;'], [25.0, 100.0, None])
    assert [bar["y"] for bar in charts.figures(runs)["data"]] == [[62.5, None]] * 2


def test_cells_are_shares_of_the_true_class() -> None:
    [heat] = charts.confusion(ConfusedClasses(classes=CLASSES, videos=tuple(map(tuple, MATRIX))))["data"]
    assert heat["z"] == [[50, 50, 0], [0, 100, 0], [0, 0, 0]]
    assert heat["text"] == [["2", "2", ""], ["", "4", ""], ["", "", ""]]
    assert heat["customdata"] == MATRIX


def test_classes_of_one_name_have_cells_of_their_own() -> None:
    [heat] = charts.confusion(ConfusedClasses(classes=("run", "jump", "run"), videos=tuple(map(tuple, MATRIX))))["data"]
    assert heat["x"] == heat["y"] == ["run (0)", "jump", "run (2)"]


def test_missing_package_is_told_with_the_extra_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "plotly" else find(name, *more))
    monkeypatch.delitem(sys.modules, "slowfast.reports.page.charts")
    with pytest.raises(MissingPackageError, match=r"needs plotly, not installed here: pip install 'slowfast-pgt\[report\]'"):
        importlib.import_module("slowfast.reports.page.charts")
