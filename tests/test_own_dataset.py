"""The data set that CONTRIBUTING.md shows: installed as it stands there, and used by the tools."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.datasets.videos import write_video

ROOT = Path(__file__).parents[1]


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder with the project in it, installed by pip, and nothing else."""
    document = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    text = document.partition("## A data set of your own")[2].partition("\n## ")[0]
    source = tmp_path / "source"
    source.mkdir()
    for name, language in {"pyproject.toml": "toml", "juggling.py": "python"}.items():
        [block] = re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
        (source / name).write_text(block)
    target = tmp_path / "installed"
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--target", str(target)]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, str(source)], check=True, cwd=tmp_path)
    return target


def test_data_set_of_the_document_trains_tests_and_writes_its_examples(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    for name in ("1_monday", "2_monday", "1_sunday"):
        write_video(tmp_path / "videos" / f"{name}.mp4", 12, height=32)
    overrides = {
        "TRAIN.DATASET": "juggling", "TEST.DATASET": "juggling", "DATA.PATH_TO_DATA_DIR": "videos", "OUTPUT_DIR": "run",
        "JUGGLING.TEST_DAY": "sunday", "NUM_GPUS": 0, "MODEL.NUM_CLASSES": 3, "MODEL.ARCH": "slow",
        "MODEL.MODEL_NAME": "ResNet", "RESNET.DEPTH": 18, "RESNET.NUM_BLOCK_TEMP_KERNEL": [[2], [2], [2], [2]],
        "RESNET.TRANS_FUNC": "basic_transform", "RESNET.WIDTH_PER_GROUP": 2, "DATA.NUM_FRAMES": 2, "DATA.SAMPLING_RATE": 2,
        "DATA.TRAIN_JITTER_SCALES": [32, 32], "DATA.TRAIN_CROP_SIZE": 32, "DATA.TEST_CROP_SIZE": 32, "TRAIN.BATCH_SIZE": 2,
        "TEST.BATCH_SIZE": 1, "TEST.NUM_ENSEMBLE_VIEWS": 1, "TEST.NUM_SPATIAL_CROPS": 1, "SOLVER.MAX_EPOCH": 1,
        "SOLVER.WARMUP_EPOCHS": 0, "TENSORBOARD.ENABLE": False, "DATA_LOADER.NUM_WORKERS": 0, "TRAIN.EVAL_PERIOD": 1,
    }  # fmt: skip
    (tmp_path / "empty.yaml").write_text("")
    process = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "run_net.py"), "--cfg", "empty.yaml", *map(str, sum(overrides.items(), ()))],
        env={**os.environ, "PYTHONPATH": str(installed)}, cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert process.returncode == 0, process.stderr
    assert (tmp_path / "run" / "jugglers.txt").read_text() == "1_sunday"
    assert (tmp_path / "run" / "results.json").is_file()
    assert not (tmp_path / "run" / "timelines").exists(), "its own examples stand in the place of others"
