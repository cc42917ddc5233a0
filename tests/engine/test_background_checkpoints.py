"""Checkpoints that are written while training goes on are those of the moment at which they were asked for, or an error."""

import copy
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from slowfast.engine import checkpoint
from slowfast.engine.hooks import CheckpointHook, Hook, InterruptionHook
from slowfast.engine.trainer import Trainer
from slowfast.runtime.atomic_files import WriteError
from slowfast.runtime.background_writer import BackgroundWriter
from slowfast.runtime.errors import Interrupted
from slowfast.runtime.interruption import StopRequest
from tests.conftest import ROOT
from tests.engine.engine_toys import ToyNet, toy_trainer
from tests.engine.test_host_copy import bits


def saving(folder: Path, *, minutes: float = 1e-9, period: int = 1, keep: int = 0) -> CheckpointHook:
    writer = BackgroundWriter()
    return CheckpointHook(output_dir=folder, period=period, minutes=minutes, cfg_text="", keep=keep, writer=writer)


class SlowDisk:
    """Writes a file once `iterations` more are done, or nobody does any more."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, iterations: int = 0) -> None:
        self.real = checkpoint.save
        self.iterations = iterations
        self.on_its_way = threading.Event()
        self.may_write = threading.Event()
        self.written: list[Path] = []
        self.first: checkpoint.State = {}
        monkeypatch.setattr(checkpoint, "save", self.save)

    def save(self, path: Path, state: checkpoint.State) -> None:
        if self.iterations:
            self.on_its_way.set()
            self.may_write.wait(20)
        self.real(path, state)
        self.first = self.first or checkpoint.load(path)
        self.written.append(path)


class Moments(Hook):
    """Remembers the state after every iteration, and lets the slow disk write so many iterations later.

    Comes after the hook that saves, and waits until its thread is at the disk: iterations of toys are quicker than that.
    """

    def __init__(self, disk: SlowDisk) -> None:
        self.disk, self.states, self.waits = disk, {}, 0
        self.went_on = False

    def after_iteration(self, trainer: Trainer) -> None:
        self.states[trainer.epoch, trainer.iteration] = copy.deepcopy(trainer.state_dict())
        assert self.disk.on_its_way.wait(60)
        self.waits += 1
        if self.waits == self.disk.iterations:
            self.went_on = not self.disk.written
            self.disk.may_write.set()


def test_what_training_changes_while_a_slow_disk_writes_is_not_in_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = SlowDisk(monkeypatch, iterations=4)
    moments = Moments(disk)
    toy_trainer(ToyNet(), hooks=[saving(tmp_path), moments], momentum=0.9, ema_decay=0.9).train()
    assert moments.went_on
    place = disk.first["epoch"], disk.first["iteration"]
    assert place == (0, 1)
    for part in ("model_state", "optimizer_state", "averaged_state", "hooks"):
        assert bits(disk.first[part]) == bits(moments.states[place][part])
    assert bits(moments.states[0, 4]["model_state"]) != bits(disk.first["model_state"])


def test_files_are_those_that_are_written_without_a_background(tmp_path: Path) -> None:
    for name, writer in (("beside", BackgroundWriter()), ("at once", BackgroundWriter(background=False))):
        torch.manual_seed(0)
        hook = CheckpointHook(output_dir=tmp_path / name, period=1, minutes=0, cfg_text="", writer=writer)
        toy_trainer(ToyNet(), hooks=[hook], ema_decay=0.9).train()
    for path in (checkpoint.last_path, lambda folder: checkpoint.kept_path(folder, 1)):
        assert bits(checkpoint.load(path(tmp_path / "beside"))) == bits(checkpoint.load(path(tmp_path / "at once")))


def test_training_does_not_wait_for_a_disk_that_takes_longer_than_the_time_between_saves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = SlowDisk(monkeypatch, iterations=4)
    toy_trainer(ToyNet(), hooks=[saving(tmp_path), Moments(disk)], num_epochs=1).train()
    assert len(disk.written) < 6  # iterations, of an epoch that is saved as well


class FillsTheDisk(Hook):
    """After so many iterations. Until then every file is waited for, so that each iteration finds the writer free."""

    def __init__(self, fill: Callable[[], None], saves: CheckpointHook, iteration: int) -> None:
        self.fill, self.saves, self.iteration, self.iterations = fill, saves, iteration, 0

    def after_iteration(self, trainer: Trainer) -> None:
        self.iterations += 1
        if self.iterations <= self.iteration:
            self.saves.finish()
        if self.iterations == self.iteration:
            self.fill()


@pytest.mark.parametrize("minutes", [1e-9, 0.0])
def test_a_full_disk_ends_the_training_with_the_line_that_it_always_had_and_the_checkpoint_of_before(
    small_disk: Path, filled: Callable[[Path], None], minutes: float
) -> None:
    """At the next iterations, or at the end of training, where the last file could not be written."""
    hook = saving(small_disk, minutes=minutes)
    before = FillsTheDisk(lambda: filled(small_disk), hook, iteration=9 if minutes else 12)
    trainer = toy_trainer(ToyNet(width=300), hooks=[before, hook])
    with pytest.raises(WriteError, match=r"\.pyth: cannot be written: .*free on the disk of"):
        trainer.train()
    assert trainer.iterations_done == 12 if not minutes else trainer.iterations_done <= 12
    found = checkpoint.newest_valid(small_disk)
    assert found is not None
    assert (found[1]["epoch"], found[1]["iteration"]) == ((1, 2) if minutes else (1, 0))


def test_an_error_of_another_kind_is_not_hidden_and_the_file_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = SlowDisk(monkeypatch, iterations=1)
    threading.Timer(0.2, disk.may_write.set).start()

    class Breaks(Hook):
        def after_iteration(self, trainer: Trainer) -> None:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        toy_trainer(ToyNet(), hooks=[saving(tmp_path), Breaks()]).train()
    assert checkpoint.load(checkpoint.last_path(tmp_path))["iteration"] == 1


@pytest.mark.parametrize("iteration", [1, 5, 6, 8])
def test_a_training_that_is_stopped_has_written_its_last_iteration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, iteration: int
) -> None:
    disk = SlowDisk(monkeypatch, iterations=100)
    threading.Timer(0.3, disk.may_write.set).start()
    request = StopRequest()

    class Stops(Hook):
        def after_iteration(self, trainer: Trainer) -> None:
            if trainer.iterations_done == iteration:
                request.signal_number = signal.SIGTERM

    hook = saving(tmp_path)
    trainer = toy_trainer(ToyNet(), hooks=[Stops(), hook, InterruptionHook(request=request, checkpoints=hook)])
    with pytest.raises(Interrupted):
        trainer.train()
    state = checkpoint.load(checkpoint.last_path(tmp_path))
    assert 6 * state["epoch"] + state["iteration"] == iteration
    assert bits(state["model_state"]) == bits(trainer.state_dict()["model_state"])


def kept_epochs(folder: Path) -> list[int]:
    return sorted(int(path.stem[-5:]) for path in checkpoint.folder(folder).glob("checkpoint_epoch_*.pyth"))


@pytest.mark.parametrize(("keep", "left"), [(0, [1, 2, 3, 4, 5]), (1, [5]), (2, [4, 5]), (7, [1, 2, 3, 4, 5])])
def test_the_newest_are_kept(tmp_path: Path, keep: int, left: list[int]) -> None:
    toy_trainer(ToyNet(), hooks=[saving(tmp_path, minutes=0, keep=keep)], num_epochs=5, batch_size=24).train()
    assert kept_epochs(tmp_path) == left


def test_an_old_one_is_deleted_only_when_the_newer_ones_are_safe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deleted, unlink = [], Path.unlink

    def looks(self: Path, **options: Any) -> None:
        if self.suffix == ".pyth" and self.exists() and not self.name.startswith("."):
            deleted.append(self.name)
            kept = kept_epochs(tmp_path)
            assert kept[-1] == checkpoint.load(checkpoint.last_path(tmp_path))["epoch"]
            assert [checkpoint.load(checkpoint.kept_path(tmp_path, epoch))["epoch"] for epoch in kept] == kept
            assert len(kept) == 3
        unlink(self, **options)

    monkeypatch.setattr(Path, "unlink", looks)
    toy_trainer(ToyNet(), hooks=[saving(tmp_path, minutes=0, keep=2)], num_epochs=5, batch_size=24).train()
    assert deleted == [f"checkpoint_epoch_0000{epoch}.pyth" for epoch in (1, 2, 3)]


def test_nothing_is_deleted_when_the_newer_one_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = checkpoint.save

    def save(path: Path, state: checkpoint.State) -> None:
        if state["epoch"] == 3:
            raise WriteError("no room")
        real(path, state)

    monkeypatch.setattr(checkpoint, "save", save)
    with pytest.raises(WriteError):
        toy_trainer(ToyNet(), hooks=[saving(tmp_path, minutes=0, keep=1)], num_epochs=5, batch_size=24).train()
    assert kept_epochs(tmp_path) == [2]


def test_checkpoints_of_later_epochs_are_of_another_training_and_stay(tmp_path: Path) -> None:
    for epoch in (1, 2, 90):
        checkpoint.save(checkpoint.kept_path(tmp_path, epoch), {})
    checkpoint.delete_older(tmp_path, epochs_done=2, keep=1)
    assert kept_epochs(tmp_path) == [2, 90]


def test_one_that_cannot_be_deleted_is_told_and_ends_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    checkpoint.kept_path(tmp_path, 1).mkdir(parents=True)
    checkpoint.save(checkpoint.kept_path(tmp_path, 2), {})
    checkpoint.delete_older(tmp_path, epochs_done=2, keep=1)
    assert "checkpoint_epoch_00001.pyth: cannot be deleted (TRAIN.CHECKPOINT_KEEP), and stays: Is a directory" in caplog.text


def test_a_process_that_is_killed_while_it_writes_leaves_the_newest_whole(tmp_path: Path) -> None:
    assert killed_often(tmp_path, times=6, seed=1) >= 6


def killed_often(folder: Path, *, times: int, seed: int) -> int:
    command = [sys.executable, "-m", "tests.engine.killed_saves", str(folder), str(times), str(seed)]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert ended.returncode == 0, ended.stderr
    return int(ended.stdout)
