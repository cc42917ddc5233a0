"""The training recipe of video transformers, all of it at once, from a config to figures of a test."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from slowfast.commands.run_net import train_and_test
from slowfast.config import load_config
from slowfast.runtime.launch import launch
from slowfast.runtime.logging import read_stats
from tests.conftest import ROOT
from tests.engine.test_resume_modes import RECIPE, give_layers


@pytest.mark.slow
def test_a_run_with_the_whole_recipe_trains_validates_and_tests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    give_layers(monkeypatch)
    options: dict[str, Any] = RECIPE | {
        "NUM_GPUS": 0, "DATA_LOADER.NUM_WORKERS": 0, "DATA.PATH_TO_DATA_DIR": str(tmp_path / "data"),
        "LONGCOOK.NUM_TRAIN": 7, "LONGCOOK.NUM_VAL": 2, "LONGCOOK.NUM_TEST": 2, "TRAIN.BATCH_SIZE": 2, "TRAIN.EVAL_PERIOD": 1,
        "SOLVER.MAX_EPOCH": 1, "SOLVER.WARMUP_EPOCHS": 0, "PGT.STEPS": 2, "DATA.NUM_FRAMES": 15, "LOG_PERIOD": 1,
        "RESNET.WIDTH_PER_GROUP": 2, "REPORT.NUM_TIMELINES": 0, "OUTPUT_DIR": str(tmp_path / "run"),
        "TEST.NUM_ENSEMBLE_VIEWS": 1,
    }  # fmt: skip
    cfg = load_config(ROOT / "configs/LongCook/KINETICS_PGT.yaml", [part for item in options.items() for part in item])
    threads = torch.get_num_threads()
    launch(cfg, train_and_test)
    torch.set_num_threads(threads)
    lines: Any = [line for line in read_stats(tmp_path / "run" / "stdout.log") if line["_type"] == "train_iter"]
    assert [line["iter"] for line in lines] == ["1/3", "2/3", "3/3"]  # they count clips, however many rows are made of them
    assert all(math.isfinite(line["loss"]) for line in lines)
    assert json.loads((tmp_path / "run" / "results.json").read_text())["metrics"]
