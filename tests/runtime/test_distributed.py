"""Several processes do together what one does alone, and fail with one voice."""

from pathlib import Path

import pytest
import torch

from slowfast.config import ConfigError, load_config
from slowfast.engine import checkpoint
from slowfast.runtime import distributed
from slowfast.runtime.launch import launch


def finish(process) -> tuple[int, str]:
    _, errors = process.communicate(timeout=90)
    return process.returncode, errors


def test_two_processes_equal_one_with_the_doubled_batch(tmp_path: Path, start_toy) -> None:
    """Training to rounding, and an evaluation of which they got unequal parts."""
    for processes in (1, 2):
        code, errors = finish(start_toy("shared_job", tmp_path, processes))
        assert code == 0, errors
    one, two = (checkpoint.load(tmp_path / f"world{world}.pyth") for world in (1, 2))
    for name, value in one["model_state"].items():
        assert torch.allclose(value, two["model_state"][name], atol=1e-5, rtol=0), name
    assert (one["view_counts"] == 2).all()
    assert torch.equal(one["view_counts"], two["view_counts"])
    assert torch.allclose(one["scores"], two["scores"], atol=1e-4)


def test_gradient_that_only_some_processes_have_counts_as_zero_on_the_others(tmp_path: Path, start_toy) -> None:
    """Weight decay 0.5, rate 1: 1 - (0.5 * 1 + mean gradient 0.5) = 0; a layer that nobody used is not even decayed."""
    code, errors = finish(start_toy("partial_gradients_job", tmp_path, 2))
    assert code == 0, errors
    weights = checkpoint.load(tmp_path / "partial.pyth")
    assert weights["0.weight"].tolist() == [[0.0, 0.0]]
    assert weights["1.weight"].tolist() == [[0.0, 0.0]]
    assert weights["2.weight"].tolist() == [[1.0, 1.0]]


def test_mistake_found_by_one_process_is_one_line(tmp_path: Path, start_toy) -> None:
    code, errors = finish(start_toy("user_error_job", tmp_path, 2))
    assert code == 2
    assert errors.strip() == "error: A.B = 1: only process 1 minds"


def test_fault_of_one_process_is_told_with_its_traceback(tmp_path: Path, start_toy) -> None:
    code, errors = finish(start_toy("fault_job", tmp_path, 2))
    assert code == 1
    assert errors.startswith("error: process 1 failed:\nTraceback")
    assert errors.rstrip().endswith("ZeroDivisionError: a bug in process 1")
    assert errors.count("Traceback") == 1
    log = (tmp_path / "logs" / "rank_00001.log").read_text()
    assert "process 1 of 2, " in log and "ZeroDivisionError: a bug in process 1" in log, "its own file has it too"


def test_every_group_waits_as_long_as_the_config_says(tmp_path: Path, start_toy) -> None:
    """And not as long as its backend does by itself, which may be less."""
    code, errors = finish(start_toy("waiting_job", tmp_path, 2))
    assert code == 0, errors


def test_restarts_are_left_to_the_launcher_that_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"RANK": 0, "LOCAL_RANK": 0, "WORLD_SIZE": 1, "LOCAL_WORLD_SIZE": 1, "MASTER_PORT": 1}.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setenv("MASTER_ADDR", "localhost")
    with pytest.raises(ConfigError, match="MAX_RESTARTS = 1: a launcher has started this process"):
        launch(load_config(None, ["MAX_RESTARTS", 1]), print)


def test_one_process_needs_no_messages() -> None:
    tensor = torch.tensor([3.0])
    distributed.reduce_mean([tensor])
    assert tensor.tolist() == [3.0]
    assert distributed.gather_to_main("a") == distributed.gather_everywhere("a") == ["a"]
    assert distributed.largest(4, torch.device("cpu")) == 4
    assert distributed.main_process()
