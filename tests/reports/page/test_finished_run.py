"""What is read of a finished run, and what is said of a folder that holds none."""

import json
from pathlib import Path

import pytest

from slowfast.engine.examined import EXAMINED
from slowfast.engine.score_statistics import STATISTICS
from slowfast.reports.page.errors import ReportError
from slowfast.reports.page.finished_run import read_run, read_runs
from tests.reports.page.finished_runs import CLASSES, LOG, MATRIX, RESULTS, SINGLE, examined_videos, make_run, statistics


def test_run_has_what_its_test_wrote(tmp_path: Path) -> None:
    run = read_run(make_run(tmp_path / "a"), "a")
    assert (run.dataset, run.checkpoint, run.seconds) == ("kitchen", "last.pyth", 3.25)
    assert run.figures == {"mAP": 62.5, "mAP_atomic": None}
    assert run.counts == {"num_videos": 8, "num_views": 16}
    assert run.options == RESULTS["config"]
    [measured] = run.per_class
    assert measured.percent == {CLASSES[0]: 25.0, CLASSES[1]: 100.0, CLASSES[2]: None}
    assert (measured.support, measured.counted) == ({CLASSES[0]: 4, CLASSES[1]: 6, CLASSES[2]: 0}, "videos")
    assert run.confusion is None


def test_support_that_an_older_test_did_not_write_is_not_known(tmp_path: Path) -> None:
    entries = [{"class": entry["class"], "ap": entry["ap"]} for entry in RESULTS["per_class_ap"]]
    [measured] = read_run(make_run(tmp_path / "a", {**RESULTS, "per_class_ap": entries}), "a").per_class
    assert measured.support == {}
    assert measured.percent[CLASSES[0]] == 25.0


def test_events_and_frames_are_measures_of_their_own(tmp_path: Path) -> None:
    in_time = {
        "frames": {"ap": {"stir": 0.5, "chop": None}},
        "events": {"ap": {"stir": {"0.5": 0.75}, "chop": {"0.5": None}}, "truths": {"stir": 3, "chop": 0}},
    }
    _, frames, events = read_run(make_run(tmp_path / "a", {**RESULTS, "in_time": in_time}), "a").per_class
    assert frames.percent == {"stir": 50.0, "chop": None}
    assert events.percent == {"stir": 75.0, "chop": None}
    assert (events.support, events.counted) == ({"stir": 3, "chop": 0}, "events")


@pytest.mark.parametrize("beside", [False, True])
def test_confusions_are_those_of_the_results_or_of_the_table_beside_them(tmp_path: Path, beside: bool) -> None:
    results = SINGLE if beside else {**SINGLE, "confusion_matrix": MATRIX}
    run = read_run(make_run(tmp_path / "a", results, matrix_beside=beside), "a")
    assert run.confusion is not None
    assert run.confusion.classes == CLASSES
    assert [list(row) for row in run.confusion.videos] == MATRIX
    assert run.per_class[0].support == {CLASSES[0]: 4, CLASSES[1]: 4, CLASSES[2]: 0}


def test_log_is_that_of_the_last_training(tmp_path: Path) -> None:
    run = read_run(make_run(tmp_path / "a", log=[LOG[1], None, *LOG]), "a")
    assert list(run.stats) == list(LOG)
    assert read_run(make_run(tmp_path / "b", log=None), "b").stats == []


def test_names_are_as_long_as_is_needed_to_tell_runs_apart(tmp_path: Path) -> None:
    folders = [make_run(tmp_path / name) for name in ("x/pgt", "y/pgt", "clip")]
    assert [run.name for run in read_runs(folders[::2])] == ["pgt", "clip"]
    assert [run.name for run in read_runs(folders[:2])] == ["x/pgt", "y/pgt"]
    with pytest.raises(ReportError, match="this run is named twice"):
        read_runs([folders[0], folders[1] / ".." / ".." / "x" / "pgt"])


def test_folder_without_a_finished_run_is_told_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="there is no such folder"):
        read_runs([tmp_path / "nowhere"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(ReportError, match="there is no run in this folder; right would be the OUTPUT_DIR of a run"):
        read_runs([tmp_path / "empty"])
    trained = make_run(tmp_path / "trained")
    (trained / "results.json").unlink()
    with pytest.raises(ReportError, match="this run was not tested, or its test did not end; right would be to test it first"):
        read_runs([trained])


@pytest.mark.parametrize(
    ("results", "text"),
    [
        (json.dumps(RESULTS)[:100], "damaged"),
        ("[1, 2]", "this is no JSON object"),
        ({key: value for key, value in RESULTS.items() if key != "metrics"}, "there is no 'metrics'"),
        ({**RESULTS, "metrics": [1]}, "damaged"),
        ({**RESULTS, "seconds": "soon"}, "could not convert string to float: 'soon'"),
        ({**RESULTS, "per_class_ap": [{"class": "stir"}]}, "there is no 'ap'"),
        ({**RESULTS, "in_time": {"events": {"ap": {"stir": {}}}}}, "there is no '0.5'"),
        ({**SINGLE, "confusion_matrix": [[1, 2]]}, "the confusion matrix is not one of 3 classes"),
        (SINGLE, "confusion_matrix.csv: cannot be read: No such file"),
    ],
)
def test_damaged_results_are_told_in_a_sentence(tmp_path: Path, results: object, text: str) -> None:
    folder = make_run(tmp_path / "a", results)  # type: ignore[arg-type]
    with pytest.raises(ReportError, match=r"right would be results\.json as a test writes it") as caught:
        read_runs([folder])
    assert text in str(caught.value)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_damaged_statistics_of_scores_are_told_in_a_sentence(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "a", statistics=statistics())
    assert read_run(folder, "a").statistics == statistics()
    (folder / STATISTICS).write_text("[]")
    with pytest.raises(ReportError, match=r"score_statistics\.json: damaged: .*; right would be"):
        read_runs([folder])


def test_damaged_videos_are_told_in_a_sentence(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "a", examined=examined_videos(tmp_path))
    assert read_run(folder, "a").examined == examined_videos(tmp_path)
    (folder / EXAMINED).write_text("{}")
    with pytest.raises(ReportError, match=r"examined_videos\.json: damaged: there is no 'measure'; right would be"):
        read_runs([folder])


def test_lines_of_a_log_that_are_no_text_are_passed_over(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "a")
    [whole] = read_runs([folder])
    with (folder / "stdout.log").open("ab") as file:
        file.write(b"\xff\xfe\n")
    [cut] = read_runs([folder])
    assert cut.stats == whole.stats
