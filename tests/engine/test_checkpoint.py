"""Checkpoint files are whole or absent, run nothing, and say what is wrong with them."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from slowfast.engine import checkpoint
from slowfast.runtime.errors import CheckpointError

KILLED_BEFORE_RENAME = """
import os, signal, sys
from pathlib import Path
import slowfast.engine.checkpoint as checkpoint
Path.replace = lambda self, target: os.kill(os.getpid(), signal.SIGKILL)
checkpoint.save(Path(sys.argv[1]), {"epoch": 2})
"""


def test_death_between_writing_and_renaming_leaves_the_old_file(tmp_path: Path) -> None:
    path = checkpoint.last_path(tmp_path)
    checkpoint.save(path, {"epoch": 1})
    process = subprocess.run([sys.executable, "-c", KILLED_BEFORE_RENAME, str(path)], check=False)
    assert process.returncode == -9
    assert checkpoint.load(path) == {"epoch": 1}
    assert checkpoint.newest(tmp_path) == path
    checkpoint.save(path, {"epoch": 3})
    assert list(path.parent.iterdir()) == [path]


def test_failure_while_writing_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "last.pyth"
    checkpoint.save(path, {"epoch": 1})
    with pytest.raises((AttributeError, TypeError, RuntimeError)):
        checkpoint.save(path, {"epoch": lambda: 2})
    assert checkpoint.load(path) == {"epoch": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_rolling_checkpoint_is_newer_than_kept_ones(tmp_path: Path) -> None:
    assert checkpoint.newest(tmp_path) is None
    for epoch in (9, 100):
        checkpoint.save(checkpoint.kept_path(tmp_path, epoch), {})
    assert checkpoint.newest(tmp_path) == checkpoint.kept_path(tmp_path, 100)
    checkpoint.save(checkpoint.last_path(tmp_path), {})
    assert checkpoint.newest(tmp_path) == checkpoint.last_path(tmp_path)


def test_kept_checkpoints_have_the_known_names(tmp_path: Path) -> None:
    assert checkpoint.kept_path(tmp_path, 5) == tmp_path / "checkpoints" / "checkpoint_epoch_00005.pyth"


@pytest.mark.parametrize("keep", [0, 1, 100, -1])
def test_damaged_file_says_what_deleting_it_leads_to(tmp_path: Path, keep: int) -> None:
    kept, last = checkpoint.kept_path(tmp_path, 3), checkpoint.last_path(tmp_path)
    checkpoint.save(kept, {"weights": torch.ones(100)})
    last.write_bytes(kept.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match=rf"{last}: damaged.*delete it to go on from {kept}"):
        checkpoint.load(last)


def test_reading_executes_nothing(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (tmp_path / "executed",))

    path = tmp_path / "evil.pyth"
    torch.save({"model_state": Evil()}, path)
    with pytest.raises(CheckpointError, match=r"evil\.pyth"):
        checkpoint.load(path)
    assert not (tmp_path / "executed").exists()


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"nowhere\.pyth: there is no such checkpoint"):
        checkpoint.load(tmp_path / "nowhere.pyth")


def test_something_else_than_a_dict_is_refused(tmp_path: Path) -> None:
    torch.save(torch.ones(2), tmp_path / "tensor.pyth")
    with pytest.raises(CheckpointError, match="holds a Tensor"):
        checkpoint.load(tmp_path / "tensor.pyth")
