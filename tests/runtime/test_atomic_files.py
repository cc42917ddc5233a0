"""Files are written atomically; what keeps them from being written is told in one line."""

import logging
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from slowfast.runtime import atomic_files
from slowfast.runtime.atomic_files import WriteError, atomic_write, make_folder, room_on_disk, write_json, write_text, writing
from slowfast.runtime.logging import LOG_FILE, setup_logging

LARGE = 3_000_000
"""Bytes that no small disk takes."""


def as_text(path: Path) -> None:
    path.write_text("x" * LARGE)


def as_rows(path: Path) -> None:
    with path.open("w") as file:
        file.writelines("a row\n" for _ in range(LARGE // 6))


def as_torch(path: Path) -> None:
    torch.save({"weight": torch.ones(LARGE // 4)}, path)


def as_npz(path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, scores=np.ones(LARGE // 8))


@pytest.mark.parametrize("write", [as_text, as_rows, as_torch, as_npz])
def test_full_disk_is_told_with_path_and_room_and_leaves_the_old_file(small_disk: Path, write: Callable[[Path], None]) -> None:
    path = small_disk / "file.bin"
    write_text(path, "old")
    told = r"file\.bin: cannot be written: .*free on the disk of .*disk\)$"
    with pytest.raises(WriteError, match=told) as raised, atomic_write(path) as beside:
        write(beside)
    assert "\n" not in str(raised.value)
    assert path.read_text() == "old"
    assert list(small_disk.iterdir()) == [path]


def test_error_in_between_is_not_taken_for_one_of_the_disk(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), atomic_write(tmp_path / "file") as beside:
        beside.write_text("some")
        raise ZeroDivisionError
    with pytest.raises(FileNotFoundError), atomic_write(tmp_path / "file"):
        (tmp_path / "another").read_text()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", ["file/out.json", "file/deep/out.json"])
def test_file_in_the_place_of_a_folder_is_told(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WriteError, match=rf"{tmp_path}/file is a file; right would be a folder"):
        write_json(tmp_path / path, {})


def test_folder_in_the_place_of_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "out.json").mkdir()
    with pytest.raises(WriteError, match=r"out\.json: cannot be written: Is a directory"):
        write_json(tmp_path / "out.json", {})
    assert list(tmp_path.iterdir()) == [tmp_path / "out.json"]


def test_folder_that_may_not_be_written_to_is_told() -> None:
    with pytest.raises(WriteError, match="/proc/no/such: cannot be written"):
        make_folder(Path("/proc/no/such"))
    with pytest.raises(WriteError, match=r"/proc/file: cannot be written"):
        write_text("/proc/file", "")


@pytest.mark.parametrize("name", ["a" * 255, "é" * 127, "with space", "-x", ".hidden", "two.dots.tar"])
def test_any_name_that_the_disk_takes_will_do(tmp_path: Path, name: str) -> None:
    write_text(tmp_path / name, "text")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_error_keeps_its_text_on_the_way_from_another_process() -> None:
    with pytest.raises(WriteError) as raised, writing("/some/file"):
        raise PermissionError(13, "Permission denied")
    there = pickle.loads(pickle.dumps(raised.value))
    assert str(there) == str(raised.value)
    assert str(there).startswith("/some/file: cannot be written: Permission denied (")


def test_room_is_that_of_the_next_folder_there_is(tmp_path: Path) -> None:
    assert room_on_disk(tmp_path / "not" / "there").endswith(f"free on the disk of {tmp_path}")


KILLED = """
import os, signal, sys
from slowfast.runtime.atomic_files import atomic_write
with atomic_write(sys.argv[1]) as beside:
    beside.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_left_is_tidied_up_by_the_next_writer(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    for _ in range(2):
        assert subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False).returncode == -signal.SIGKILL
        assert len(list(tmp_path.iterdir())) == 1
    write_text(path, "whole")
    assert list(tmp_path.iterdir()) == [path]


def test_what_others_are_writing_stays(tmp_path: Path) -> None:
    """Unfinished files of a living process, of another machine, and of another file."""
    path = tmp_path / "list.csv"
    with atomic_write(path) as mine:
        mine.write_text("first")
        strange = tmp_path / mine.name.replace(atomic_files._machine(), "another-1")
        strange.touch()
        other = tmp_path / mine.name.replace("list", "other")
        other.touch()
        write_text(path, "second")
        assert {mine, strange, other} <= set(tmp_path.iterdir())
    assert path.read_text() == "first"
    long_ago = time.time() - 2 * atomic_files.ABANDONED_SEC
    os.utime(strange, (long_ago, long_ago))
    write_text(path, "third")
    assert set(tmp_path.iterdir()) == {path, other}


def write_often(path: str, letter: str) -> None:
    for _ in range(100):
        write_text(path, 100_000 * letter)


def test_two_writers_of_one_file_never_mix(tmp_path: Path) -> None:
    path = tmp_path / "file"
    writers = [multiprocessing.get_context("fork").Process(target=write_often, args=(str(path), letter)) for letter in "ab"]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        if path.exists():
            text = path.read_text()
            assert len(text) == 100_000
            assert len(set(text)) == 1
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("output_dir", ["file", "file/below", "/proc/nowhere"])
def test_log_that_cannot_be_opened_is_an_error_of_the_users(tmp_path: Path, output_dir: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WriteError, match=output_dir):
        setup_logging(tmp_path / output_dir)


def test_log_on_a_full_disk_is_told_once_and_goes_on_where_there_is_room(
    small_disk: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    setup_logging(small_disk)
    logger = logging.getLogger("slowfast.test")
    for _ in range(30):
        logger.info("x" * 100_000)
    logger.info("the end")
    errors = capfd.readouterr().err
    assert errors.count(f"{small_disk / LOG_FILE}: cannot be written") == 1
    assert "the log goes on here" in errors
    assert "the end" in errors
    assert "Traceback" not in errors
