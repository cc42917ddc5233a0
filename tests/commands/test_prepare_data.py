"""From a folder of videos to a trained and tested network in three commands, and what else the commands say."""

import json
from pathlib import Path

import pytest

from slowfast.commands import inspect_data as inspecting
from slowfast.commands import prepare_data as preparing
from slowfast_tools import inspect_data, prepare_data, run_net
from tests.datasets.videos import write_video

CONFIG = Path(__file__).parents[2] / "configs" / "Folder" / "SLOWONLY_PGT.yaml"
CLASSES = ("jump rope", "läuft", "run", "sit")
TINY = [
    *("NUM_GPUS", "0", "DATA_LOADER.NUM_WORKERS", "0", "TRAIN.BATCH_SIZE", "4", "SOLVER.MAX_EPOCH", "1"),
    *("SOLVER.WARMUP_EPOCHS", "0", "PGT.STEPS", "2", "PGT.STEP_LEN", "[4]", "DATA.NUM_FRAMES", "0", "DATA.SAMPLING_RATE", "3"),
    *("RESNET.DEPTH", "18", "RESNET.TRANS_FUNC", "basic_transform", "RESNET.WIDTH_PER_GROUP", "2"),
    *("RESNET.NUM_BLOCK_TEMP_KERNEL", "[[2],[2],[2],[2]]", "DATA.TRAIN_CROP_SIZE", "32", "DATA.TEST_CROP_SIZE", "32"),
    *("DATA.TRAIN_JITTER_SCALES", "[32,40]", "TEST.NUM_SPATIAL_CROPS", "1", "REPORT.ENABLE", "False"),
]


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty small videos in four class folders, and one that is broken."""
    root = tmp_path_factory.mktemp("my videos")
    for name in CLASSES:
        (root / name).mkdir()
        for number in range(5):
            write_video(root / name / f"clip {number}.mp4", 16, fps=24)
    (root / "run" / "broken.mp4").write_bytes(b"nothing")
    return root


@pytest.fixture(scope="module")
def data(videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared") / "data"
    assert prepare_data.main(["folder", str(videos), "--out", str(folder), "--jobs", "2"]) == 0
    return folder


def test_three_commands_lead_from_videos_to_results(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prepare_data.main(["check", str(data)])  # would leave with code 1
    assert "all of them can be read" in capsys.readouterr().out
    overrides = ["DATA.PATH_TO_DATA_DIR", str(data), "OUTPUT_DIR", str(tmp_path / "run"), *TINY]
    assert run_net.main(["--cfg", str(CONFIG), *overrides]) == 0
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert results["num_videos"] == 2
    assert 0 <= results["metrics"]["top1_acc"] <= 100
    assert results["config"]["MODEL.NUM_CLASSES"] == 4


def test_report_is_printed_and_kept(videos: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert prepare_data.main(["folder", str(videos), "--out", str(data)]) == 0
    said = capsys.readouterr().out
    assert "| all videos |    16 |   2 |    2 |" in said
    assert "run/broken.mp4" in said
    assert {path.name for path in data.iterdir()} == {
        "train.csv", "val.csv", "test.csv", "classes.txt", "folder.json", "report.json", "probes.jsonl",
    }  # fmt: skip
    assert json.loads((data / "report.json").read_text())["num_videos"] == {"train": 16, "val": 2, "test": 2}


def test_lists_of_another_kind_do_not_stay_behind(videos: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("path,labels\n" + "".join(f"run/clip {n}.mp4,run;move\n" for n in range(5)))
    command = ["folder", str(videos), "--out", str(tmp_path / "data")]
    assert prepare_data.main(command) == 0
    assert prepare_data.main([*command, "--labels", str(labels), "--split", "0.6", "0.4"]) == 0
    assert sorted(path.name for path in (tmp_path / "data").glob("*.csv")) == [
        "Charades_v1_test.csv", "Charades_v1_train.csv", "Charades_v1_val.csv",
    ]  # fmt: skip


def test_copies_are_made_and_measured(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "small"
    command = ["reencode", str(data), "--out", str(out), "--short-side", "24", "--jobs", "2"]
    assert prepare_data.main(command) == 0
    said = capsys.readouterr().out
    assert "20 new copies, 20 in all" in said
    assert "times as fast" in said
    assert prepare_data.main(command) == 0
    assert "0 new copies, 20 in all" in capsys.readouterr().out


def test_check_ends_with_code_1_where_something_is_broken(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in data.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    with (tmp_path / "val.csv").open("a") as file:
        file.write("run/broken.mp4 2\n")
    with pytest.raises(SystemExit) as end:
        prepare_data.main(["check", str(tmp_path)])
    assert end.value.code == 1
    assert "val.csv, row 3" in capsys.readouterr().out


def test_mistakes_of_the_user_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert prepare_data.main(["folder", str(tmp_path / "gone"), "--out", str(tmp_path / "data")]) == 2
    assert "gone: there is no such folder" in capsys.readouterr().err
    assert not (tmp_path / "data").exists()


def test_sheet_is_drawn_from_the_command_line(data: Path, tmp_path: Path) -> None:
    arguments = ["--cfg", str(CONFIG), "--num", "2", "--out", str(tmp_path / "sheet.png"), "DATA.PATH_TO_DATA_DIR", str(data)]
    assert inspect_data.main([*arguments, *TINY]) == 0
    assert (tmp_path / "sheet.png").read_bytes().startswith(b"\x89PNG")


def test_commands_name_no_project() -> None:
    for module in (preparing, inspecting):
        text = Path(str(module.__file__)).read_text().lower()
        assert "pgt" not in text


def test_options_of_the_training_go_behind_a_check(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["check", str(data), "--jobs", "2"]
    assert prepare_data.main([*command, "DATA.PATH_LABEL_SEPARATOR", " "]) == 0
    with pytest.raises(SystemExit):
        prepare_data.main([*command, "DATA.PATH_LABEL_SEPARATOR", ","])
    assert "here it is a blank" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        prepare_data.main(["folder", str(data), "--out", str(tmp_path / "out"), "DATA.PATH_LABEL_SEPARATOR", ","])
    assert "unrecognized arguments" in capsys.readouterr().err
