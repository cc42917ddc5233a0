"""One run at a time in an OUTPUT_DIR; what a dead one left does not stand in the way."""

import errno
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from slowfast.runtime.output_lock import LOCK_FILE, OutputDirInUseError, only_run_in
from tests.conftest import ROOT

DEAD = 4_190_000
"""No process has this number: it is above what systems give."""


def test_second_run_is_refused_in_one_line_and_a_killed_one_holds_nothing(tmp_path: Path, start_toy) -> None:
    first = start_toy("locked_job", tmp_path)
    assert first.stdout.readline() == "inside 0\n"
    second = start_toy("locked_job", tmp_path)
    _, errors = second.communicate(timeout=60)
    assert second.returncode == 2
    (line,) = errors.splitlines()
    who = f"process {first.pid} on {socket.gethostname()}, since "
    assert line.startswith(f"error: {tmp_path}: another run writes to this OUTPUT_DIR ({who}")
    first.send_signal(signal.SIGKILL)
    first.wait(timeout=60)
    assert (tmp_path / LOCK_FILE).exists()
    with only_run_in(tmp_path):  # though a worker of the killed one lives on
        assert json.loads((tmp_path / LOCK_FILE).read_text())["process"] == os.getpid()
    assert not (tmp_path / LOCK_FILE).exists()


@pytest.mark.slow
def test_processes_of_one_run_share_the_folder(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    toy = ["-m", "tests.engine.engine_toys", "locked_job", str(tmp_path), "1"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([*command, *toy], capture_output=True, text=True, cwd=ROOT, env=environment, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.split()) == ["0", "1", "inside", "inside"]


def test_folder_is_free_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), only_run_in(tmp_path):
        raise ZeroDivisionError
    with only_run_in(tmp_path), only_run_in(tmp_path / "another"):
        pass


@pytest.fixture
def without_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that knows no locks."""

    def refuse(file: object, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "lockf", refuse)


@pytest.mark.usefixtures("without_locks")
@pytest.mark.parametrize("left", ["", "{", "[]", json.dumps({"host": socket.gethostname(), "process": DEAD})])
def test_without_locks_what_a_dead_run_left_is_taken_over(tmp_path: Path, left: str) -> None:
    (tmp_path / LOCK_FILE).write_text(left)
    with only_run_in(tmp_path):
        assert json.loads((tmp_path / LOCK_FILE).read_text())["process"] == os.getpid()
    assert not (tmp_path / LOCK_FILE).exists()


@pytest.mark.usefixtures("without_locks")
@pytest.mark.parametrize(("host", "process"), [(socket.gethostname(), 1), ("another", DEAD)])
def test_without_locks_a_run_that_may_live_is_not_disturbed(tmp_path: Path, host: str, process: int) -> None:
    (tmp_path / LOCK_FILE).write_text(json.dumps({"host": host, "process": process, "since": "noon"}))
    told = rf"process {process} on {host}, since noon\).*delete .*{LOCK_FILE}"
    with pytest.raises(OutputDirInUseError, match=told), only_run_in(tmp_path):
        pass
