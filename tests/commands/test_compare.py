"""Trainings side by side: the same frames, their figures in one table."""

import json
from functools import partial
from pathlib import Path

import pytest
import torch

from slowfast.commands import compare as comparing
from slowfast.commands.compare import compare, comparison_table, with_seeds
from slowfast.config import CfgNode, ConfigError, load_config
from slowfast.engine import checkpoint
from slowfast.runtime.device import Place
from slowfast.runtime.errors import LaunchError
from tests.two_processes import in_two_processes

CONFIGS = Path(__file__).parents[2] / "configs" / "LongCook"


def tiny(name: str, folder: Path, *, frames: int, epochs: int, seeds: int = 1) -> list[CfgNode]:
    pgt = ["PGT.STEPS", 3, "PGT.STEP_LEN", [4]] if "PGT" in name else []
    return with_seeds(
        partial(load_config, CONFIGS / f"{name}.yaml"),
        [
            *("NUM_GPUS", 0, "DATA_LOADER.NUM_WORKERS", 0, "OUTPUT_DIR", str(folder / name)),
            *("DATA.PATH_TO_DATA_DIR", str(folder / "data"), "LONGCOOK.NUM_TRAIN", 4),
            *("LONGCOOK.NUM_VAL", 2, "LONGCOOK.NUM_TEST", 2),
            *("TRAIN.BATCH_SIZE", 2, "TRAIN.EVAL_PERIOD", 0, "SOLVER.MAX_EPOCH", epochs, "SOLVER.WARMUP_EPOCHS", 0),
            *("RESNET.WIDTH_PER_GROUP", 2, "DATA.NUM_FRAMES", frames, "TEST.NUM_ENSEMBLE_VIEWS", 1, "REPORT.ENABLE", False),
            *pgt,
        ],
        count=seeds,
    )


def test_contenders_are_trained_tested_and_put_side_by_side(tmp_path: Path) -> None:
    cfgs = {
        "clips": tiny("SLOWONLY_CLIP", tmp_path, frames=5, epochs=2),
        "PGT": tiny("SLOWONLY_PGT", tmp_path, frames=10, epochs=1, seeds=2),
    }
    clips, pgt = compare(cfgs, tmp_path)
    alone = json.loads((tmp_path / "SLOWONLY_PGT" / "memory.json").read_text())
    place = Place(torch.device("cpu"), loader_workers=0)
    in_two_processes(lambda: comparing._measure_memory(cfgs["PGT"][0], place), tmp_path)
    shared = json.loads((tmp_path / "SLOWONLY_PGT" / "memory.json").read_text())
    assert (shared["clips"], alone["clips"], shared["videos"]) == (1, 2, alone["videos"]), "a process measures its own share"
    assert shared["activation_bytes"] < alone["activation_bytes"]
    assert clips.frames_seen == pgt.frames_seen == 40
    assert clips.seconds_per_video(10) == pytest.approx(clips.runs[0].seconds / 4)
    assert pgt.activation_bytes < clips.activation_bytes, "a step of 4 frames keeps less than a clip of 5"
    assert clips.process_bytes > 2**26 and pgt.process_bytes > 2**26, "a process with PyTorch in it"
    assert [[run.seed for run in contender.runs] for contender in (clips, pgt)] == [[0], [0, 1]]
    folders = [tmp_path / "SLOWONLY_PGT", tmp_path / "SLOWONLY_PGT_seed1"]
    results = [json.loads((folder / "results.json").read_text()) for folder in folders]
    assert [run.metrics for run in pgt.runs] == [result["metrics"] for result in results]
    weights = [checkpoint.load(checkpoint.last_path(folder))["model_state"]["head.projection.weight"] for folder in folders]
    assert not torch.equal(*weights), "another seed trains another network"
    header, _, *rows = comparison_table([clips, pgt]).splitlines()
    assert "mAP_composite" in header and [row.split("|")[1].strip() for row in rows] == ["clips", "PGT"]
    assert [entry["name"] for entry in json.loads((tmp_path / "comparison.json").read_text())] == ["clips", "PGT"]


def test_trainings_that_would_see_other_numbers_of_frames_are_refused(tmp_path: Path) -> None:
    cfgs = {
        "clips": tiny("SLOWONLY_CLIP", tmp_path, frames=5, epochs=1),
        "PGT": tiny("SLOWONLY_PGT", tmp_path, frames=10, epochs=1),
    }
    with pytest.raises(ConfigError, match=r"clips 1 x 5, PGT 1 x 10"):
        compare(cfgs, tmp_path)
    assert not (tmp_path / "data").exists()


def test_comparison_among_the_processes_of_torchrun_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "LOCAL_RANK"):
        monkeypatch.setenv(name, "0")
    monkeypatch.setenv("WORLD_SIZE", "1")
    with pytest.raises(LaunchError, match="without torchrun"):
        compare({}, tmp_path)
