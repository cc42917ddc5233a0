"""Processes that were killed, or hang, are started again as the config says; errors of the user's are not tried twice."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.slow


def run(job: str, folder: Path, *options: object) -> tuple[int, str, int]:
    """Exit code, what was said, and the number of starts."""
    command = [sys.executable, "-m", "tests.runtime.restarting_toys", job, str(folder), *map(str, options)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=600, check=False)
    return done.returncode, done.stderr, len((folder / "starts").read_text())


def test_killed_processes_are_started_again_as_often_as_the_config_says(tmp_path: Path) -> None:
    code, said, starts = run("killed_twice_job", tmp_path, "MAX_RESTARTS", 2)
    assert (code, starts) == (0, 3), said
    assert "process 1 was ended by SIGKILL" in said
    assert "go on from the newest checkpoint; 1 restarts are left" in said
    assert "0 restarts are left" in said


def test_a_run_of_one_process_is_started_again_too(tmp_path: Path) -> None:
    code, said, starts = run("killed_once_job", tmp_path, "MAX_RESTARTS", 1, "NUM_PROCS", 1)
    assert (code, starts) == (0, 2), said
    assert "process 0 was ended by SIGKILL" in said


def test_the_last_failure_is_told_when_no_restart_is_left(tmp_path: Path) -> None:
    code, said, starts = run("killed_twice_job", tmp_path, "MAX_RESTARTS", 1)
    assert (code, starts) == (1, 2), said
    assert said.rstrip().endswith("error: process 1 was ended by SIGKILL")


def test_error_of_the_users_is_not_tried_again(tmp_path: Path) -> None:
    code, said, starts = run("users_error_job", tmp_path, "MAX_RESTARTS", 5)
    assert (code, starts) == (2, 1), said
    assert said.strip() == "error: A.B = 1: only process 1 minds"


def test_a_run_that_was_told_to_stop_is_not_started_again(tmp_path: Path) -> None:
    code, said, starts = run("told_to_stop_job", tmp_path, "MAX_RESTARTS", 5)
    assert (code, starts) == (143, 1), said


@pytest.mark.parametrize(
    ("job", "silent", "told"),
    [
        ("dead_loop_job", 1, "in going_round_for_ever"),
        ("sleeping_job", 0, "in sleeping_job"),
        ("stopped_job", 1, "it gives no sign of life, and so no stack: it is stopped (SIGSTOP)"),
    ],
)
def test_a_process_that_stops_answering_is_named_and_the_run_goes_on(tmp_path: Path, job: str, silent: int, told: str) -> None:
    code, said, starts = run(job, tmp_path, "MAX_RESTARTS", 1, "DIST_TIMEOUT_SECONDS", 4)
    assert (code, starts) == (0, 2), said
    assert f"process {silent} (number " in said
    assert "has not answered for 4 s" in said
    assert told in said
