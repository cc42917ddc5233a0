"""Tracks that CVAT exported become lists in the format of AVA, and a config that trains and tests on them."""

import json
import re
from pathlib import Path

import pytest

from slowfast_tools import prepare_data, run_net
from tests.datasets.videos import write_video
from tests.preparation.exports.test_formats import FILES

TINY = [
    *(
        "NUM_GPUS",
        "0",
        "DATA_LOADER.NUM_WORKERS",
        "0",
        "TRAIN.BATCH_SIZE",
        "2",
        "TEST.BATCH_SIZE",
        "1",
        "SOLVER.MAX_EPOCH",
        "1",
    ),
    *("SOLVER.WARMUP_EPOCHS", "0", "DATA.NUM_FRAMES", "4", "DATA.SAMPLING_RATE", "2", "RESNET.DEPTH", "18", "AVA.FPS", "12"),
    *(
        "RESNET.TRANS_FUNC",
        "basic_transform",
        "RESNET.WIDTH_PER_GROUP",
        "2",
        "RESNET.NUM_BLOCK_TEMP_KERNEL",
        "[[2],[2],[2],[2]]",
    ),
    *(
        "DATA.TRAIN_CROP_SIZE",
        "32",
        "DATA.TEST_CROP_SIZE",
        "32",
        "DATA.TRAIN_JITTER_SCALES",
        "[32,40]",
        "REPORT.ENABLE",
        "False",
    ),
    *("BN.NORM_TYPE", "batchnorm", "TRAIN.EVAL_PERIOD", "1", "RESNET.SPATIAL_DILATIONS", "[[1],[1],[1],[1]]"),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """VIDEOS and EXPORTS, an annotations.xml for each of them."""
    folder = tmp_path_factory.mktemp("boxes")
    (folder / "EXPORTS").mkdir()
    (folder / "VIDEOS").mkdir()
    text = (FILES / "cvat.xml").read_text()
    for number in range(6):
        write_video(folder / "VIDEOS" / f"v{number}.mp4", 100, fps=25)
        (folder / "EXPORTS" / f"{number}.xml").write_text(text.replace("kitchen.mp4", rf"C:\videos\v{number}.mp4"))
    return folder


def test_exported_boxes_are_trained_on_and_tested(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "ava",
        str(place / "VIDEOS"),
        "--annotations",
        str(place / "EXPORTS"),
        "--out",
        str(tmp_path),
        "--split",
        "0.6",
        "0.2",
        "0.2",
    ]
    assert prepare_data.main([*words, "--jobs", "1"]) == 0
    said = capsys.readouterr().out
    for told in (
        "| CVAT for video 1.1 |     6 |",
        "| stand ",
        "nothing stops training or tests",
        f"--cfg {tmp_path / 'ava.yaml'}",
    ):
        assert told in said
    rows = [
        line
        for name in ("train", "val", "test")
        for line in (tmp_path / f"annotations/ava_{name}.csv").read_text().splitlines()
    ]
    assert sorted(line for line in rows if line.startswith("v3,")) == [
        "v3,0000,0.1000,0.1000,0.5000,0.5000,1,0", "v3,0001,0.2000,0.1000,0.6000,0.5000,2,0",
        "v3,0003,0.0000,0.0000,1.0000,1.0000,1,1", "v3,0003,0.0000,0.0000,1.0000,1.0000,2,1",
    ]  # fmt: skip
    assert run_net.main(["--cfg", str(tmp_path / "ava.yaml"), "OUTPUT_DIR", str(tmp_path / "run"), *TINY]) == 0
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert results["metrics"]["mAP"] >= 0


def test_events_are_refused_where_boxes_are_wanted(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (FILES / "kitchen.eaf").read_text().replace("kitchen.mp4", "v1.mp4")
    (tmp_path / "a.eaf").write_text(text)
    words = ["ava", str(place / "VIDEOS"), "--annotations", str(tmp_path / "a.eaf"), "--out", str(tmp_path)]
    assert prepare_data.main(words) == 2
    assert re.search(r"a\.eaf: no box; expected boxes .* read by `prepare_data\.py folder`", capsys.readouterr().err)


def test_options_of_exports_are_refused_with_avas_own_lists(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "ava_train.csv").write_text("v1,0001,0.1,0.1,0.5,0.5,1,0\n")
    words = ["ava", str(place / "VIDEOS"), "--annotations", str(tmp_path), "--out", str(tmp_path), "--fps", "25"]
    assert prepare_data.main(words) == 2
    assert "--fps: a folder of AVA's lists, which say frames and splits themselves" in capsys.readouterr().err


def test_videos_in_folders_are_refused(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "videos" / "deeper").mkdir(parents=True)
    (tmp_path / "videos" / "deeper" / "v1.mp4").symlink_to(place / "VIDEOS" / "v1.mp4")
    words = ["ava", str(tmp_path / "videos"), "--annotations", str(place / "EXPORTS" / "1.xml"), "--out", str(tmp_path)]
    assert prepare_data.main(words) == 2
    assert "'deeper/v1.mp4', which is not a video directly in" in capsys.readouterr().err
