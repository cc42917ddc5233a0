"""What became of submitted trainings: the file that notes them, their states, and a table of their results."""

from __future__ import annotations

import getpass
import itertools
import json
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from slowfast.commands.submitted_run import Run
from slowfast.engine.testing import RESULTS
from slowfast.errors import UserError
from slowfast.runtime.atomic_files import write_json
from slowfast.runtime.output_lock import is_in_use
from slowfast.runtime.tables import Cell, format_spread, format_table

JOBS = "jobs.json"
JOBS_FOLDER = "jobs"
"""Below the folder of the runs: what submitit keeps of each job, and its console."""

FIGURES = 3
"""Figures of a recipe that the table shows: the first ones of its results."""

WAITING = ("PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT", "SUSPENDED", "PREEMPTED")


class SubmittedError(UserError):
    """There is no note of submitted jobs where it was looked for, or Slurm does not answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmittedJob:
    """A run, and the job that it was submitted as last. cluster: slurm or local. command: what the job runs, for a shell."""

    run: Run
    job_id: str
    cluster: str
    command: str


def write_jobs(folder: Path, jobs: Iterable[SubmittedJob]) -> None:
    write_json(folder / JOBS, [asdict(job) for job in jobs])


def read_jobs(folder: Path) -> dict[str, SubmittedJob]:
    """By OUTPUT_DIR; empty where nothing was submitted yet. Raises SubmittedError for a file that is not such a note."""
    path = folder / JOBS
    if not path.is_file():
        return {}
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        jobs = [
            SubmittedJob(**{**entry, "run": Run(**{**entry["run"], "words": tuple(entry["run"]["words"])})})
            for entry in entries
        ]
    except (ValueError, TypeError, KeyError) as error:
        raise SubmittedError(f"{path}: not a note of submitted jobs ({error}); right would be another --output-dir") from None
    return {job.run.output_dir: job for job in jobs}


def states_of(runs: Iterable[Run], jobs: Mapping[str, SubmittedJob]) -> dict[str, str]:
    """By OUTPUT_DIR: finished, running, waiting (in the queue), failed or stopped (it goes on when it is submitted again), or
    not submitted. Raises SubmittedError where Slurm does not answer."""
    queue = _queue() if any(job.cluster == "slurm" for job in jobs.values()) else {}
    return {run.output_dir: _state(run, jobs.get(run.output_dir), queue) for run in runs}


def log_of(folder: Path, job: SubmittedJob) -> Path:
    """The console of the job's first machine."""
    return folder / JOBS_FOLDER / f"{job.job_id}_0_log.out"


def sweep_table(folder: Path, runs: Sequence[Run]) -> str:
    """A Markdown table: a row a run with its state and, if it is finished, the main figures of its test; for several seeds of a
    recipe one row more, with the mean and the range of those that are finished."""
    states = states_of(runs, read_jobs(folder))
    figures = {run.output_dir: _figures(run) if states[run.output_dir] == "finished" else {} for run in runs}
    names = list(dict.fromkeys(itertools.chain.from_iterable(figures.values())))
    rows: list[list[Cell]] = []
    for recipe in dict.fromkeys(run.recipe for run in runs):
        of_seeds = [run for run in runs if run.recipe == recipe]
        for run in of_seeds:
            own = figures[run.output_dir]
            rows.append([recipe, str(run.seed), states[run.output_dir], *(own.get(name) for name in names)])
        done = [figures[run.output_dir] for run in of_seeds if states[run.output_dir] == "finished"]
        if len(of_seeds) > 1 and done:
            spreads = [format_spread([own[name] for own in done if name in own]) for name in names]
            rows.append([recipe, "all", f"{len(done)} of {len(of_seeds)} finished", *spreads])
    return format_table(["recipe", "seed", "state", *names], rows)


def _state(run: Run, job: SubmittedJob | None, queue: Mapping[str, str]) -> str:
    if run.is_finished:
        return "finished"
    if job is None:
        return "not submitted"
    if job.cluster == "slurm":
        if job.job_id in queue:
            return "waiting" if queue[job.job_id] in WAITING else "running"
    elif is_in_use(run.output_dir):
        return "running"
    kept = Path(run.output_dir).parent / JOBS_FOLDER / f"{job.job_id}_0_result.pkl"  # what the job raised, if it could
    return "failed" if kept.is_file() else "stopped"


def _queue() -> dict[str, str]:
    """States of this user's jobs by their numbers."""
    command = ["squeue", "--noheader", "--array", "--user", getpass.getuser(), "--format", "%i %T"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stderr", "") or error
        raise SubmittedError(
            f"squeue does not answer ({' '.join(str(said).split())}); right would be a machine of the cluster"
        ) from None
    return dict(line.split(maxsplit=1) for line in answer.stdout.splitlines() if len(line.split()) > 1)


def _figures(run: Run) -> dict[str, float | None]:
    try:
        metrics = json.loads((Path(run.output_dir) / RESULTS).read_text(encoding="utf-8"))["metrics"]
    except (OSError, ValueError, KeyError):  # it was not to be tested
        return {}
    return dict(list(metrics.items())[:FIGURES])
