"""What a job does with its training: when it begins, when it is told of its end, when it is done."""

import json
import signal
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from slowfast.commands.submitted_run import DONE, Run, RunStoppedError, SubmittedRun, place_of

pytest.importorskip("submitit", reason="submitit submits jobs (the extra `cluster`)")

STARTED = "import pathlib, signal, sys, time; place = pathlib.Path(sys.argv[1]); "
SAVES = (
    f"{STARTED}signal.signal(signal.SIGRTMIN + {int(signal.SIGUSR2)}, lambda *_: sys.exit(140)); "
    f"signal.signal(signal.SIGRTMIN + {int(signal.SIGTERM)}, lambda *_: sys.exit(143)); "
    "(place / 'ready').touch(); time.sleep(30)"
)


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes a job of a program that stands in for a training; submitit's environment says that it is on one machine."""
    environment = SimpleNamespace(node=0, num_nodes=1, cluster="local")
    monkeypatch.setattr("submitit.JobEnvironment", lambda: environment)
    before = signal.getsignal(signal.SIGTERM)

    def make(program: str) -> SubmittedRun:
        monkeypatch.setattr(Run, "command", lambda self, place: [sys.executable, "-c", program, str(tmp_path), *place])
        run = Run(recipe="a", seed=0, output_dir=str(tmp_path), words=("--cfg", "a.yaml"))
        return SubmittedRun(run, gpus=0)

    make.environment = environment  # type: ignore[attr-defined]
    yield make
    signal.signal(signal.SIGTERM, before)


def send_when_ready(number: int, folder: Path, submitted: SubmittedRun) -> None:
    def send() -> None:
        while submitted._training is None or not (folder / "ready").exists():
            time.sleep(0.01)
        signal.pthread_kill(threading.main_thread().ident or 0, number)

    threading.Thread(target=send, daemon=True).start()


def test_a_run_that_is_done_is_marked_and_not_begun_again(tmp_path: Path, job: Any) -> None:
    job(f"{STARTED}(place / 'count').open('a').write('x')")()
    assert json.loads((tmp_path / DONE).read_text()) == {"words": ["--cfg", "a.yaml"]}
    job(f"{STARTED}(place / 'count').open('a').write('x')")()
    assert (tmp_path / "count").read_text() == "x"


def test_machines_but_the_first_leave_no_mark(tmp_path: Path, job: Any) -> None:
    job.environment.node = 1
    job("pass")()
    assert not (tmp_path / DONE).exists()


def test_a_job_that_is_told_of_its_end_lets_the_training_save_and_is_put_back(tmp_path: Path, job: Any) -> None:
    """As submitit does it: in the handler of the signal, while the training is waited for."""
    submitted, put_back = job(SAVES), []

    def handle(number: int, frame: Any) -> None:
        put_back.append(submitted.checkpoint())
        raise SystemExit

    before = signal.signal(signal.SIGUSR2, handle)
    try:
        send_when_ready(signal.SIGUSR2, tmp_path, submitted)
        with pytest.raises(SystemExit):
            submitted()
    finally:
        signal.signal(signal.SIGUSR2, before)
    assert submitted._training.wait() == 140, "it had the time to save"
    [delayed] = put_back
    assert delayed.function is not submitted and delayed.function._run == submitted._run
    assert not (tmp_path / DONE).exists()


def test_a_job_that_is_ended_hands_that_on(tmp_path: Path, job: Any) -> None:
    submitted = job(SAVES)
    send_when_ready(signal.SIGTERM, tmp_path, submitted)
    with pytest.raises(RunStoppedError, match=r"the training was stopped \(143\)"):
        submitted()


def test_a_training_that_failed_is_not_begun_again(tmp_path: Path, job: Any) -> None:
    submitted = job("raise SystemExit(2)")
    with pytest.raises(RunStoppedError, match=r"the training failed \(2\)"):
        submitted()
    assert submitted.checkpoint() is None
    assert not (tmp_path / DONE).exists()


def test_machines_of_a_job_meet_at_the_first_one_at_a_port_of_the_job() -> None:
    one = SimpleNamespace(num_nodes=1)
    assert place_of(one, gpus=8) == ("NUM_GPUS", "8")
    two = SimpleNamespace(num_nodes=2, node=1, hostnames=["first", "second"], raw_job_id="123456789")
    place = dict(zip(*[iter(place_of(two, gpus=8))] * 2, strict=True))
    assert place == {"NUM_GPUS": "8", "NUM_SHARDS": "2", "SHARD_ID": "1", "INIT_METHOD": "tcp://first:26789"}
