"""Checkpoint files are whole or absent, run nothing, and say what is wrong with them."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from slowfast.config import default_config
from slowfast.engine import checkpoint
from slowfast.runtime.errors import CheckpointError
from tests.engine.engine_toys import ToyNet, toy_trainer

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


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A checkpoint as a training writes it: weights, moments, options."""
    path = tmp_path_factory.mktemp("real") / "last.pyth"
    trainer = toy_trainer(ToyNet(width=16), num_epochs=1)
    trainer.train()
    checkpoint.save(path, {**trainer.state_dict(), "cfg": default_config().dump()})
    return path.read_bytes()


def flipped(content: bytes, bit: int) -> bytes:
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@pytest.mark.parametrize("where", ["anywhere", "start", "end"])
def test_no_changed_bit_is_overlooked(tmp_path: Path, real: bytes, where: str) -> None:
    """Tensors, pickle, padding, directory, and the checksum itself."""
    bits = 8 * len(real)
    span = {"anywhere": (0, bits), "start": (0, 8 * 256), "end": (bits - 8 * 1500, bits)}[where]
    path = tmp_path / "last.pyth"
    for bit in np.random.default_rng(5).integers(*span, 60):
        path.write_bytes(flipped(real, int(bit)))
        with pytest.raises(CheckpointError, match=r"last\.pyth: "):
            checkpoint.load(path)
    path.write_bytes(real)
    assert checkpoint.load(path)["epoch"] == 1


@pytest.mark.parametrize("share", [0.0, 1e-4, 0.1, 0.5, 0.9, 0.999, 1 - 1e-5])
def test_file_that_was_cut_off_is_refused(tmp_path: Path, real: bytes, share: float) -> None:
    (tmp_path / "last.pyth").write_bytes(real[: int(share * len(real))])
    with pytest.raises(CheckpointError, match=r"last\.pyth: damaged"):
        checkpoint.load(tmp_path / "last.pyth")


def test_checksum_hides_from_other_readers(tmp_path: Path, real: bytes) -> None:
    (tmp_path / "last.pyth").write_bytes(real)
    assert torch.load(tmp_path / "last.pyth", weights_only=True)["epoch"] == 1
    assert torch.load(tmp_path / "last.pyth", weights_only=True, mmap=True)["epoch"] == 1


def test_changed_weights_in_files_of_others_are_noticed_as_well(tmp_path: Path) -> None:
    torch.save({"model_state": {"weight": torch.ones(100_000)}}, tmp_path / "last.pyth")
    content = (tmp_path / "last.pyth").read_bytes()
    (tmp_path / "last.pyth").write_bytes(flipped(content, 4 * len(content)))
    assert torch.load(tmp_path / "last.pyth")["model_state"]["weight"].sum() != 100_000
    with pytest.raises(CheckpointError, match="content of last/data/0 does not agree with its checksum"):
        checkpoint.load(tmp_path / "last.pyth")


def test_newest_valid_checkpoint_takes_the_place_of_damaged_ones(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert checkpoint.newest_valid(tmp_path) is None
    for epoch in (1, 2, 3):
        checkpoint.save(checkpoint.kept_path(tmp_path, epoch), {"epoch": epoch})
    checkpoint.last_path(tmp_path).write_bytes(b"PK damaged")
    checkpoint.kept_path(tmp_path, 3).write_bytes(checkpoint.kept_path(tmp_path, 3).read_bytes()[:-1])
    assert checkpoint.newest_valid(tmp_path) == (checkpoint.kept_path(tmp_path, 2), {"epoch": 2})
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2
    for damaged, line in zip((checkpoint.last_path(tmp_path), checkpoint.kept_path(tmp_path, 3)), told, strict=True):
        assert line.startswith(f"{damaged}: damaged")
        assert line.endswith(f"{checkpoint.kept_path(tmp_path, 2)} takes its place")


def test_training_does_not_begin_anew_when_all_checkpoints_are_damaged(tmp_path: Path) -> None:
    for path in (checkpoint.last_path(tmp_path), checkpoint.kept_path(tmp_path, 1)):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"PK damaged")
    with pytest.raises(CheckpointError, match=r"last\.pyth: damaged.*nor can any of the 1 older.*delete"):
        checkpoint.newest_valid(tmp_path)


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
