"""One training within a job of a cluster: what a job does when it begins, when it is announced its end, and when it is done.

The training is a process of its own, which this one hands signals on to. So it saves where it can do so without a loss, in the
middle of an epoch, while the handler of a signal waits for it here.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from slowfast.runtime.atomic_files import write_json
from slowfast.runtime.errors import EngineError
from slowfast.runtime.interruption import forward

DONE = "submitted_run.json"
"""In OUTPUT_DIR: the words of the run that is finished there."""

FIRST_PORT, PORTS = 20000, 10000
"""Where the machines of a job meet, by its number: jobs that share a machine do not share a port."""

GRACE_SECONDS = 300
"""How long a job whose training was stopped waits to be put back, or ended, by who stopped it."""

_LOOK_SECONDS = 0.1


class RunStoppedError(EngineError):
    """The training was stopped, or failed, and its job is not put back. Its text is kept with the job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One training and its test. words: of run_net, but for those that say which machine of the job it is on."""

    recipe: str
    seed: int
    output_dir: str
    words: tuple[str, ...]

    @property
    def is_finished(self) -> bool:
        """Whether a job has finished just this one, with these words."""
        try:
            done = json.loads((Path(self.output_dir) / DONE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        return isinstance(done, dict) and done.get("words") == list(self.words)

    def command(self, place: tuple[str, ...] = ()) -> list[str]:
        """place: options that say where it runs."""
        return [sys.executable, "-m", "slowfast_tools.run_net", *self.words, *place]


class SubmittedRun:
    """What submitit calls in a job, once on each of its machines.

    `checkpoint` is what it calls on the first machine when the job is announced its end, as preemption and the end of its time
    are; the job is then put back into the queue, and goes on with what was saved.
    """

    def __init__(self, run: Run, *, gpus: int) -> None:
        """gpus: of each machine; 0: the CPU."""
        self._run, self._gpus = run, gpus
        self._training: _Training | None = None
        self._early_signal = 0  # one that came before there was a training

    def __call__(self) -> None:
        from submitit import JobEnvironment

        if self._run.is_finished:
            return
        job = JobEnvironment()
        signal.signal(signal.SIGTERM, self._hand_on)
        self._training = _Training(self._run.command(place_of(job, gpus=self._gpus)))
        if self._early_signal:
            self._training.hand_on(self._early_signal)
        code = self._training.wait()
        if code == 0:
            if job.node == 0:
                write_json(Path(self._run.output_dir) / DONE, {"words": list(self._run.words)})
            return
        if was_stopped(code) and job.cluster == "slurm":
            time.sleep(GRACE_SECONDS)  # ending now, this machine could end the job before the first one has put it back
        raise RunStoppedError(
            f"{self._run.output_dir}: the training {'was stopped' if was_stopped(code) else 'failed'} ({code})"
        )

    def checkpoint(self) -> Any:
        """The job that goes on from here; None where there is no use in that. Runs in the handler of a signal."""
        from submitit.helpers import DelayedSubmission

        if self._training is not None:
            self._training.hand_on(signal.SIGUSR2)
            code = self._training.wait()
            if code and not was_stopped(code):
                return None
        return DelayedSubmission(SubmittedRun(self._run, gpus=self._gpus))

    def _hand_on(self, number: int, frame: FrameType | None) -> None:
        if self._training is None:
            self._early_signal = number
        else:
            self._training.hand_on(number)


def place_of(job: Any, *, gpus: int) -> tuple[str, ...]:
    """Options of run_net that say which machine of the job this is. job: submitit's environment of it."""
    own = ("NUM_GPUS", str(gpus))
    if job.num_nodes == 1:
        return own
    port = FIRST_PORT + int(job.raw_job_id) % PORTS
    first = f"tcp://{job.hostnames[0]}:{port}"
    return (*own, "NUM_SHARDS", str(job.num_nodes), "SHARD_ID", str(job.node), "INIT_METHOD", first)


def was_stopped(code: int) -> bool:
    """Whether an exit code says that a signal came, in time for saving (128 + n) or not (-n)."""
    return code < 0 or code > 128


class _Training:
    """A process, and waiting for it, which may go on in the handler of a signal that came while its own thread waited: so there
    is no lock that the one could hold and the other want."""

    def __init__(self, command: list[str]) -> None:
        self._process = subprocess.Popen(command)
        self._code: int | None = None
        threading.Thread(target=self._await, daemon=True).start()

    def hand_on(self, number: int) -> None:
        if self._code is None:
            forward(number, self._process.pid)

    def wait(self) -> int:
        while self._code is None:
            time.sleep(_LOOK_SECONDS)
        return self._code

    def _await(self) -> None:
        self._code = self._process.wait()
