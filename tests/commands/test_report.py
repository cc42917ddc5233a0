"""The command that makes a page of runs."""

import re
from pathlib import Path

import pytest

from slowfast_tools.report import main
from tests.datasets.videos import write_video
from tests.reports.page.finished_runs import CLASSES, MATRIX, RESULTS, SINGLE, examined_videos, make_run


def test_page_lies_in_the_first_run_unless_it_is_wanted_elsewhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = make_run(tmp_path / "a"), make_run(tmp_path / "b")
    assert main([str(first), str(second)]) == 0
    assert capsys.readouterr().out == f"wrote {first / 'report.html'}\n"
    assert main([str(first), "--out", str(tmp_path / "new" / "page.html")]) == 0
    assert {path.name for path in first.iterdir()} == {"results.json", "stdout.log", "report.html"}
    assert (tmp_path / "new" / "page.html").is_file()


def test_page_holds_all_it_needs(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", {**SINGLE, "confusion_matrix": MATRIX})
    assert main([str(run)]) == 0
    html = (run / "report.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in html, "a browser loads nothing from elsewhere"
    assert not re.search(r"""<(script|link|img)[^>]+\b(src|href)=["'](?!data:)""", html)
    assert "Plotly" in html


@pytest.mark.parametrize(("option", "beside"), [("--embed", []), ("--copy", ["v", "w"])])
def test_videos_go_where_they_are_wanted(
    tmp_path: Path, option: str, beside: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("v", "w"):
        write_video(tmp_path / f"{name}.mp4", 5)
    run = make_run(tmp_path / "a", examined=examined_videos(tmp_path))
    assert main([str(run), option]) == 0
    assert capsys.readouterr().out == f"wrote {run / 'report.html'}\n"
    folder = run / "report_files"
    assert [path.name[0] for path in sorted(folder.glob("*.mp4"))] == beside
    assert folder.exists() == bool(beside)


def test_names_are_text_on_the_page_whatever_they_hold(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", {**RESULTS, "dataset": "</script><script>alert(1)</script>"})
    assert main([str(run)]) == 0
    html = (run / "report.html").read_text(encoding="utf-8")
    assert CLASSES[2] not in html
    assert "<script>alert" not in html
    assert "chop &lt;b&gt;&#34;quick&#34;&lt;/b&gt;" in html


def test_what_is_wrong_is_one_line_and_no_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = make_run(tmp_path / "good"), make_run(tmp_path / "bad", "{")
    assert main([str(good), str(bad)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"error: {bad / 'results.json'}: damaged")
    assert printed.err.count("\n") == 1
    assert not (good / "report.html").exists()


def test_run_without_labels_and_training_has_a_page_that_says_so(tmp_path: Path) -> None:
    unlabelled = {key: value for key, value in RESULTS.items() if key != "per_class_ap"} | {"metrics": {}, "in_time": {}}
    run = make_run(tmp_path / "a", unlabelled, log=None)
    assert main([str(run)]) == 0
    html = (run / "report.html").read_text(encoding="utf-8")
    for text in (
        "No figures: nobody has said",
        "No curves: there is no training",
        "No figures of single",
        "Nothing is known of that",
        "Nothing is known of the scores",
        "This run has kept no videos",
    ):
        assert text in html
