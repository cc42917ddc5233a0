"""A training submitted to this machine: preempted, stopped, gone on with, finished, as it would be on a cluster."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from slowfast.commands.submitted_table import read_jobs
from tests.documentation.commands import TINY

pytest.importorskip("submitit", reason="submitit submits jobs (the extra `cluster`)")

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.slow


def start(folder: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "tools/submit.py", "--cfg", "configs/LongCook/SLOWONLY_PGT.yaml", "--local"]
    command += ["--output-dir", str(folder / "runs"), *TINY.split(), "DATA.PATH_TO_DATA_DIR", str(folder / "data")]
    command += ["SOLVER.MAX_EPOCH", "12", "TRAIN.EVAL_PERIOD", "6", "REPORT.ENABLE", "False"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=ROOT, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, **pipes)  # type: ignore[call-overload]


def wait_for(holds: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + 180
    while not holds():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_training_that_is_preempted_and_stopped_goes_on_where_it_was_and_is_finished_once(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "longcook_slowonly_pgt_seed0"
    log = lambda: (run / "stdout.log").read_text() if (run / "stdout.log").exists() else ""  # noqa: E731
    process = start(tmp_path)
    wait_for(lambda: "epoch 2/12: loss" in log(), process)
    [job] = read_jobs(tmp_path / "runs").values()
    [task] = Path(f"/proc/{job.job_id}/task/{job.job_id}/children").read_text().split()
    os.kill(int(task), signal.SIGUSR2)  # as Slurm does
    wait_for(lambda: "going on from" in log() and "epoch 5/12: loss" in log(), process)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 128 + signal.SIGTERM, errors
    assert "the same command goes on from what is saved" in errors
    process = start(tmp_path)
    shown, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors
    assert re.search(r"longcook_slowonly_pgt \| 0 +\| finished \| +\d", shown)
    text = log()
    assert text.count("stopped by SIGUSR2") == text.count("stopped by SIGTERM") == 1
    assert text.count("going on from") == 2
    epochs = re.findall(r"epoch_line: epoch (\d+)/12: loss", text)
    assert epochs == [str(number) for number in range(1, 13)], "none is missing, and none was trained twice"
    process = start(tmp_path)
    shown, errors = process.communicate(timeout=120)
    assert shown.startswith("ran 0 of 1 runs") and log() == text
