"""From videos and a table of times to weights that know when something is an event, whatever the network was trained on."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from slowfast.annotations.events import Events, read_detected_csv
from slowfast.engine.contract import read_contract
from slowfast.evaluation.timed import JoinRule, join_events, tune_join_rule
from slowfast.prediction import predict
from slowfast_tools import convert_checkpoint, prepare_data, run_net
from slowfast_tools import predict as tool
from tests.test_long_videos import SECONDS, TINY, draw_events, draw_video

CONFIGS = {"clips": "configs/Folder/SLOWONLY.yaml", "steps": "configs/Folder/SLOWONLY_PGT.yaml"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tuned")
    (folder / "VIDEOS").mkdir()
    with (folder / "events.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["video", "start", "end", "class"])
        for number in range(10):
            draw_video(folder / "VIDEOS" / f"v{number}.mp4", number, draw_events(number))
            rows.writerows([f"v{number}", start, end, name] for name, start, end in draw_events(number))
    words = ["folder", str(folder / "VIDEOS"), "--out", str(folder / "DATA"), "--labels", str(folder / "events.csv")]
    assert prepare_data.main([*words, "--split", "0.4", "0.3", "0.3"]) == 0
    return folder


def options(kind: str) -> list[str]:
    """Of a small network; clips have no steps."""
    pairs = zip(TINY[::2], TINY[1::2], strict=True)
    own = {"clips": {"DATA.NUM_FRAMES": "4"}, "steps": {"PGT.STEPS": "3", "PGT.UPDATE_EVERY": "0"}}[kind]
    given = {key: value for key, value in pairs if kind == "steps" or not key.startswith("PGT.")}
    return [word for pair in {**given, **own}.items() for word in pair]


def run(kind: str, data: Path, out: Path, *more: object) -> Path:
    words = ["--cfg", CONFIGS[kind], *options(kind), "DATA.PATH_TO_DATA_DIR", str(data), "OUTPUT_DIR", str(out)]
    assert run_net.main([*words, *map(str, more)]) == 0
    return out


@pytest.fixture(scope="module", params=["clips", "steps"])
def trained(request: pytest.FixtureRequest, data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """(kind, OUTPUT_DIR) of a training and test by the usual command."""
    kind: str = request.param
    return kind, run(kind, data / "DATA", tmp_path_factory.mktemp("runs") / kind)


def listed(data: Path, split: str) -> list[Path]:
    with (data / "DATA" / f"Charades_v1_{split}.csv").open(newline="") as file:
        return [data / "VIDEOS" / row["path"] for row in csv.DictReader(file)]


def rule_in(folder: Path) -> dict[str, dict[str, float]]:
    contract = read_contract(folder / "model.safetensors")
    assert contract is not None
    return dict(contract.event_rule.get("classes", {}))


def truths_of(videos: Sequence[Path], classes: Sequence[str]) -> Events:
    rows = [
        (number, classes.index(name), start, min(end, SECONDS))
        for number, path in enumerate(videos)
        for name, start, end in draw_events(int(path.stem[1:]))
    ]
    video, label, start, end = (np.array(column) for column in zip(*rows, strict=True))
    return Events(video=video, label=label, start=start.astype(float), end=end.astype(float))


def test_thresholds_are_those_that_predictions_of_validation_videos_want(trained: tuple[str, Path], data: Path) -> None:
    _, folder = trained
    validation = listed(data, "val")
    found = predict(folder, validation)
    tuned = tune_join_rule([each.timed for each in found], truths_of(validation, found[0].classes))
    kept = rule_in(folder)
    for name, threshold, length in zip(found[0].classes, tuned.rule.threshold, tuned.rule.min_length, strict=True):
        assert kept[name]["threshold"] == pytest.approx(threshold, rel=1e-4)
        assert kept[name]["min_length"] == pytest.approx(length)
    assert len({row["threshold"] for row in kept.values()} | {0.5}) > 1, "these would be found without any tuning"


def test_events_of_new_videos_follow_from_the_weights_alone(
    trained: tuple[str, Path], data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, folder = trained
    alone = shutil.copy(folder / "model.safetensors", tmp_path / "some name.safetensors")
    draw_video(tmp_path / "new.mp4", 101, [("red", 1, 2)])
    assert tool.main(["--weights", str(alone), str(tmp_path / "new.mp4"), "--out", str(tmp_path / "answers")]) == 0
    assert "no test has tuned" not in capsys.readouterr().out
    kept = rule_in(folder)
    [each] = predict(alone, tmp_path / "new.mp4")
    rule = JoinRule(
        **{name: np.array([kept[c][name] for c in each.classes]) for name in ("threshold", "max_gap", "min_length")}
    )
    wanted = join_events([each.timed], rule)
    found = read_detected_csv(tmp_path / "answers/new/events.csv").events
    assert len(found) == len(wanted)
    np.testing.assert_allclose(np.sort(found.start), np.sort(wanted.start), atol=1e-3)


def test_the_rule_is_in_the_files_of_the_test_too(trained: tuple[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    _, folder = trained
    kept = json.loads((folder / "event_rule.json").read_text())
    assert kept["classes"] == rule_in(folder)
    assert json.loads((folder / "results.json").read_text())["in_time"]["event_rule"] == kept
    checkpoint = max((folder / "checkpoints").glob("*.pyth"))
    assert convert_checkpoint.main([str(checkpoint), "--show"]) == 0
    assert "event: red" in capsys.readouterr().out


def test_test_videos_are_never_tuned_on(trained: tuple[str, Path], data: Path, tmp_path: Path) -> None:
    """Neither where validation is a copy of the test, nor where there is no validation list; the test has its figures all the
    same, and one line says what is missing."""
    kind, folder = trained
    figures = json.loads((folder / "results.json").read_text())["metrics"]
    for case in ("copied", "missing"):
        lists = Path(shutil.copytree(data / "DATA", tmp_path / case))
        if case == "copied":
            shutil.copy(lists / "Charades_v1_test.csv", lists / "Charades_v1_val.csv")
        else:
            (lists / "Charades_v1_val.csv").unlink()
        again = ("TRAIN.ENABLE", False, "TEST.CHECKPOINT_FILE_PATH", folder, "DATA.PATH_PREFIX", data / "VIDEOS")
        found = run(kind, lists, tmp_path / f"out {case}", *again)
        lines = [line for line in (found / "stdout.log").read_text().splitlines() if "keep no thresholds" in line]
        assert len(lines) == 1
        assert "predictions take scores from 0.5 on" in lines[0]
        assert rule_in(found) == {}
        assert not (found / "event_rule.json").exists()
        assert json.loads((found / "results.json").read_text())["metrics"] == pytest.approx(figures)


def test_a_given_rule_is_kept_and_nothing_is_tuned(trained: tuple[str, Path], data: Path, tmp_path: Path) -> None:
    kind, folder = trained
    again = ("TRAIN.ENABLE", False, "TEST.CHECKPOINT_FILE_PATH", folder)
    given = run(kind, data / "DATA", tmp_path / "given", *again, "EVENTS.THRESHOLD", 0.25, "EVENTS.MIN_SECONDS", 1.5)
    row = {"threshold": 0.25, "max_gap": 0.0, "min_length": 1.5}
    assert rule_in(given) == {"blue": row, "red": row}
    from_file = run(kind, data / "DATA", tmp_path / "file", *again, "EVENTS.RULE_FILE", folder / "event_rule.json")
    assert rule_in(from_file) == rule_in(folder)
    off = run(kind, data / "DATA", tmp_path / "file", *again, "EVENTS.ENABLE", False)
    assert rule_in(off) == {}
    assert not (off / "event_rule.json").exists(), "that of the test before is not one of these results"


def test_a_rule_that_does_not_fit_is_refused_before_the_training(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rule.json").write_text(
        '{"weights": "", "classes": {"green": {"threshold": 1, "max_gap": 0, "min_length": 0}}}'
    )
    words = [*options("clips"), "DATA.PATH_TO_DATA_DIR", str(data / "DATA"), "OUTPUT_DIR", str(tmp_path / "out")]
    assert run_net.main(["--cfg", CONFIGS["clips"], *words, "EVENTS.RULE_FILE", str(tmp_path / "rule.json")]) == 2
    assert "rule.json" in capsys.readouterr().err
    assert not list((tmp_path / "out").glob("checkpoints/*.pyth"))


def test_a_validation_video_that_cannot_be_read_is_left_out(trained: tuple[str, Path], data: Path, tmp_path: Path) -> None:
    kind, folder = trained
    videos = Path(shutil.copytree(data / "VIDEOS", tmp_path / "VIDEOS"))
    (videos / listed(data, "val")[0].name).write_bytes(b"nothing")
    again = ("TRAIN.ENABLE", False, "TEST.CHECKPOINT_FILE_PATH", folder, "DATA.PATH_PREFIX", videos)
    found = run(kind, data / "DATA", tmp_path / "out", *again)
    assert "1 validation videos that cannot be read are not tuned on" in (found / "stdout.log").read_text()
    assert set(rule_in(found)) == {"blue", "red"}
    for video in listed(data, "val"):
        (videos / video.name).write_bytes(b"nothing")
    found = run(kind, data / "DATA", tmp_path / "none", *again)
    assert "no validation video that can be read (0 of 3) has an event" in (found / "stdout.log").read_text()
    assert rule_in(found) == {}


@pytest.mark.slow
def test_two_processes_tune_what_one_tunes(trained: tuple[str, Path], data: Path, tmp_path: Path) -> None:
    kind, folder = trained
    again = ("TRAIN.ENABLE", False, "TEST.CHECKPOINT_FILE_PATH", folder, "NUM_PROCS", 2)
    found, wanted = rule_in(run(kind, data / "DATA", tmp_path / "out", *again)), rule_in(folder)
    for name, row in wanted.items():
        assert found[name] == pytest.approx(row, rel=1e-4)
