"""A dry run says what a training would be, and keeps nothing."""

import re
from pathlib import Path

import pytest
import torch

from slowfast.commands.dry_run import dry_run
from slowfast.config import CfgNode, ConfigError, load_config
from slowfast.datasets import DatasetError
from slowfast_tools.run_net import main

CONFIG = Path(__file__).parents[2] / "configs" / "LongCook" / "SLOWONLY_PGT.yaml"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data") / "longcook"


def words(data: Path, out: Path, *more: object) -> list[str]:
    small = ["LONGCOOK.NUM_TRAIN", 6, "LONGCOOK.NUM_VAL", 2, "LONGCOOK.NUM_TEST", 2, "RESNET.WIDTH_PER_GROUP", 2]
    given = ["NUM_GPUS", 0, "DATA_LOADER.NUM_WORKERS", 0, "TRAIN.BATCH_SIZE", 2, "SOLVER.MAX_EPOCH", 6, *small]
    return list(map(str, [*given, "DATA.PATH_TO_DATA_DIR", data, "OUTPUT_DIR", out, *more]))


def config(data: Path, out: Path, *more: object) -> CfgNode:
    return load_config(CONFIG, words(data, out, *more))


@pytest.fixture(autouse=True)
def threads() -> object:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def value(table: str, name: str) -> str:
    found = re.search(rf"^\| {re.escape(name)}[^|]*\| +([^|]*?) +\|", table, re.MULTILINE)
    assert found is not None, name
    return found[1]


def test_it_says_shapes_sizes_times_and_memory_and_keeps_nothing(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert main(["--cfg", str(CONFIG), "--dry-run", *words(data, out)]) == 0
    table = capsys.readouterr().out
    assert not out.exists()
    assert value(table, "a batch") == "2 x 3 x 36 x 48 x 48"
    assert value(table, "data set") == "longcook: 6 videos, 12 classes"
    assert value(table, "batches an epoch") == "3"
    assert float(value(table, "ms a batch to learn from it")) > 0
    assert float(value(table, "peak memory of this process")) > 50
    minutes, hours = (float(value(table, name)) for name in ("about minutes an epoch", "about hours in all"))
    assert hours == pytest.approx(minutes * 6 / 60, abs=0.01)


def test_whole_videos_are_read_in_lanes(data: Path, tmp_path: Path) -> None:
    table = dry_run(config(data, tmp_path, "PGT.STEPS", "all", "DATA.NUM_FRAMES", 0, "TRAIN.BATCH_SIZE", 3))
    assert value(table, "a batch") == "3 x 3 x 35 x 48 x 48", "five steps of seven new frames"
    assert "GFLOPs of a step" in table


def test_an_epoch_of_one_batch_is_timed_too(data: Path, tmp_path: Path) -> None:
    table = dry_run(config(data, tmp_path, "TRAIN.BATCH_SIZE", 6))
    assert value(table, "batches an epoch") == "1"
    assert float(value(table, "ms a batch to learn from it")) > 0


def test_several_processes_share_the_batch(data: Path, tmp_path: Path) -> None:
    table = dry_run(config(data, tmp_path, "NUM_PROCS", 2))
    assert table.splitlines()[0].startswith("| one process of this training")
    assert value(table, "a batch").startswith("1 x ")
    assert value(table, "batches an epoch") == "3"


def test_what_would_stop_the_run_stops_it_at_once(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a dry run is one of a training"):
        dry_run(config(data, tmp_path, "TRAIN.ENABLE", False))
    with pytest.raises(DatasetError, match="fewer than one batch"):
        dry_run(config(data, tmp_path, "TRAIN.BATCH_SIZE", 7))
