"""Trainings as jobs of a cluster (Slurm) or, by the same way, of this machine: several config files, several seeds, one table.

What is finished, or in the queue, is left alone when the same is asked for again; what was stopped or failed goes on from its
last checkpoint.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from slowfast.commands.submitted_plan import Machines, SubmitError, load_configs, machines_for, minutes_of, plan
from slowfast.commands.submitted_run import Run, SubmittedRun
from slowfast.commands.submitted_table import (
    JOBS_FOLDER,
    SubmittedJob,
    log_of,
    read_jobs,
    states_of,
    sweep_table,
    write_jobs,
)
from slowfast.errors import MissingPackageError
from slowfast.runtime.errors import Interrupted
from slowfast.runtime.interruption import StopRequest

__all__ = ["load_configs", "machines_for", "minutes_of", "plan", "show", "submit", "submit_and_tell", "wait"]

MOST_TIMEOUTS = 1000
"""Times that a job may be put back because its time was over: weeks of training in jobs of hours."""

_LOOK_SECONDS = 0.2
_QUEUE_SECONDS = 30


def submit(runs: Sequence[Run], folder: Path, machines: Machines, *, local: bool) -> list[str]:
    """Submits what is neither finished nor in the queue; returns the folders of what was. Raises SubmitError.

    local: on this machine, one after the other, until the last one ends; a signal stops the one that runs, which saves first,
    and raises Interrupted.
    """
    if local and machines.nodes > 1:
        raise SubmitError(f"--nodes {machines.nodes}: this is one machine; right would be --nodes 1, or no --local")
    executor = _executor(folder, machines, local=local)
    jobs = read_jobs(folder)
    states = states_of(runs, jobs)
    wanted = [run for run in runs if states[run.output_dir] not in ("finished", "running", "waiting")]
    callables = [SubmittedRun(run, gpus=machines.gpus) for run in wanted]

    def note(submitted: Sequence[Run], *handles: Any) -> None:
        for run, handle in zip(submitted, handles, strict=True):
            cluster, command = "local" if local else "slurm", shlex.join(["python", *run.command()[1:]])
            jobs[run.output_dir] = SubmittedJob(run=run, job_id=handle.job_id, cluster=cluster, command=command)
        write_jobs(folder, jobs.values())

    if local:
        for run, call in zip(wanted, callables, strict=True):
            _run_here(executor, call, functools.partial(note, [run]))
    elif wanted:
        note(wanted, *_submit_array(executor, callables))
    return [run.output_dir for run in wanted]


def submit_and_tell(runs: Sequence[Run], folder: Path, machines: Machines, *, local: bool, waits: bool) -> None:
    """Submits, and prints what there is to do and how it went; local runs are waited for.

    Raises SubmitError after the table where a run that was waited for is not finished.
    """
    submitted = submit(runs, folder, machines, local=local)
    print(f"{'ran' if local else 'submitted'} {len(submitted)} of {len(runs)} runs; python tools/submit.py --show {folder}")
    if waits and not local:
        wait(folder, runs)
    print(sweep_table(folder, runs))
    if local or waits:
        jobs, states = read_jobs(folder), states_of(runs, read_jobs(folder))
        bad = [run for run in runs if states[run.output_dir] != "finished"]
        if bad:
            why = f"the first of them is {states[bad[0].output_dir]}, and said why in {log_of(folder, jobs[bad[0].output_dir])}"
            raise SubmitError(f"{len(bad)} of {len(runs)} runs did not finish: {why}; the same command goes on with them")


def show(folder: Path) -> str:
    """The table of what was submitted to a folder. Raises SubmitError where there is nothing."""
    jobs = read_jobs(folder)
    if not jobs:
        raise SubmitError(f"{folder}: nothing was submitted to this folder; right would be the --output-dir of a submission")
    return sweep_table(folder, [job.run for job in jobs.values()])


def wait(folder: Path, runs: Sequence[Run]) -> None:
    """Returns when none of the runs is in Slurm's queue any more. A signal ends the waiting alone."""
    with StopRequest() as request:
        while {"running", "waiting"} & set(states_of(runs, read_jobs(folder)).values()):
            deadline = time.monotonic() + _QUEUE_SECONDS
            while time.monotonic() < deadline:
                if request.signal_number:
                    raise Interrupted(request.signal_number, "the jobs go on without this command")
                time.sleep(_LOOK_SECONDS)


def _executor(folder: Path, machines: Machines, *, local: bool) -> Any:
    try:
        import submitit
    except ImportError:
        way = "pip install 'slowfast-pgt[cluster]', or run_net.py, which needs no job"
        raise MissingPackageError(f"submitit is not installed, which submits jobs; right would be {way}") from None
    place = folder.absolute() / JOBS_FOLDER
    shared = {"timeout_min": machines.minutes, "gpus_per_node": machines.gpus, "tasks_per_node": 1, "stderr_to_stdout": True}
    if local:
        executor = submitit.LocalExecutor(place, max_num_timeout=MOST_TIMEOUTS)
        executor.update_parameters(**shared, signal_delay_s=machines.signal_seconds, visible_gpus=_visible_gpus())
        return executor
    for program in ("sbatch", "srun", "squeue"):
        if shutil.which(program) is None:
            raise SubmitError(
                f"there is no {program} here: jobs are submitted where Slurm is; right would be its login node, or --local"
            )
    slurm = submitit.SlurmExecutor(place, max_num_timeout=MOST_TIMEOUTS)
    slurm.update_parameters(
        job_name="slowfast",
        time=machines.minutes,
        nodes=machines.nodes,
        gpus_per_node=machines.gpus or None,
        ntasks_per_node=1,
        cpus_per_task=machines.cpus,
        partition=machines.partition or None,
        signal_delay_s=machines.signal_seconds,
        stderr_to_stdout=True,
        additional_parameters={"requeue": True, **machines.slurm},
    )
    return slurm


def _visible_gpus() -> tuple[int, ...]:
    """Those that the environment leaves to this process, as numbers; (): all."""
    numbers = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    return tuple(map(int, numbers)) if all(number.strip().isdigit() for number in numbers) else ()


def _submit_array(executor: Any, callables: Sequence[SubmittedRun]) -> Sequence[Any]:
    from submitit.core.utils import FailedSubmissionError, UncompletedJobError

    try:
        jobs: Sequence[Any] = executor.submit_array(callables)
    except (FailedSubmissionError, UncompletedJobError, subprocess.CalledProcessError, OSError) as error:
        raise SubmitError(f"sbatch takes no job: {' '.join(str(error).split())}") from None
    return jobs


def _run_here(executor: Any, call: SubmittedRun, note: Callable[[Any], None]) -> None:
    """One job on this machine, from its beginning to its end."""
    with StopRequest() as request:
        with _ctrl_c_is_ours():
            job = executor.submit(call)
        note(job)
        asked = False
        while not job.done():
            if request.signal_number and not asked:
                asked = True
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(job.job_id), signal.SIGTERM)  # its number is that of the process that looks after it
            time.sleep(_LOOK_SECONDS)
        if request.signal_number:
            raise Interrupted(request.signal_number, "the same command goes on from what is saved")


@contextlib.contextmanager
def _ctrl_c_is_ours() -> Iterator[None]:
    """Processes that are started inside do not hear Ctrl-C, which reaches all of a terminal: this one tells them."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
