"""What was measured, in a file to which each result is added as it is found, so that a run that ended early goes on."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from threading import Lock
from typing import Any

Found = dict[str, Any]
RunJob = Callable[[str, Found], Found]

ROOT = Path(__file__).parents[1]
MEASURED = (
    "slowfast", "projects", "benchmarks/training_jobs.py", "benchmarks/training_ways.py", "benchmarks/training_yardsticks.py",
    "benchmarks/gpu_trace.py", "benchmarks/execution.py",
)  # fmt: skip
"""The code that figures are about."""


@dataclass(frozen=True, slots=True)
class Job:
    """What a process of its own is started for. effort: a guess of the time it takes, in any unit. together: whether other jobs
    may run beside it."""

    name: str
    options: Found
    effort: float
    together: bool = False

    @property
    def title(self) -> str:
        of = (str(self.options.get(key, "")) for key in ("network", "norm"))
        crop, way = self.options.get("settings", {}).get("crop", ""), self.options.get("way", {}).get("name", "")
        return " ".join(part for part in (self.name, *of, str(crop), way) if part)


@dataclass(slots=True)
class Results:
    """path: the file; None for none. about: the machine and whatever else figures depend on; lines about something else, or
    measured with other code, are kept in the file but not used."""

    path: Path | None
    about: Found
    found: dict[str, Found] = field(default_factory=dict)
    ignored: int = 0
    _lock: Any = field(default_factory=Lock)

    @classmethod
    def read(cls, path: Path | None, about: Found) -> Results:
        results = cls(path, about)
        if path is None or not path.exists():
            return results
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                row = json.loads(line)
            except json.JSONDecodeError:  # the end of a run that was killed while it wrote
                continue
            if row["about"] == about:
                results.found[_key(row["job"], row["options"])] = row["found"]
            else:
                results.ignored += 1
        return results

    def get(self, job: Job) -> Found | None:
        return self.found.get(_key(job.name, job.options))

    def add(self, job: Job, found: Found) -> None:
        with self._lock:
            self.found[_key(job.name, job.options)] = found
            if self.path is None:
                return
            self.path.parent.mkdir(parents=True, exist_ok=True)
            broken = self.path.exists() and not self.path.read_bytes().endswith(b"\n")
            with self.path.open("a", encoding="utf-8") as file:
                row = {"about": self.about, "job": job.name, "options": job.options, "found": found}
                file.write("\n" * broken + json.dumps(row) + "\n")


def _key(name: str, options: Found) -> str:
    return json.dumps([name, options], sort_keys=True)


def run_all(jobs: Sequence[Job], results: Results, run: RunJob, *, at_once: int) -> None:
    """Runs what has no result yet, in order, and tells how far it is. at_once: how many of those that may run together."""
    left = [job for job in jobs if results.get(job) is None]
    if len(left) < len(jobs):
        tell(f"{len(jobs) - len(left)} of {len(jobs)} jobs are in {results.path}")
    progress = Progress([_share(job, at_once) for job in left])

    def one(job: Job) -> None:
        results.add(job, run(job.name, job.options))
        tell(f"{job.title}: done; {progress.after(_share(job, at_once))}")

    with ThreadPoolExecutor(at_once) as pool:
        for together, group in groupby(left, lambda job: job.together):
            if together:
                list(pool.map(one, group))
            else:
                for job in group:
                    one(job)


def _share(job: Job, at_once: int) -> float:
    return job.effort / (at_once if job.together else 1)


@dataclass(slots=True)
class Progress:
    """How much time is left, as what is done took. efforts: of all that is to be done."""

    efforts: Sequence[float]
    begun: float = field(default_factory=lambda: time.monotonic())
    done: int = 0
    spent: float = 0.0

    def after(self, effort: float) -> str:
        """One more is done."""
        self.done, self.spent = self.done + 1, self.spent + effort
        gone = time.monotonic() - self.begun
        left = gone * (sum(self.efforts) / self.spent - 1)
        return f"{self.done} of {len(self.efforts)}, {_minutes(gone)} gone, about {_minutes(left)} left"


def _minutes(seconds: float) -> str:
    return f"{max(0.0, seconds) / 60:.1f} min"


def tell(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


def code() -> str:
    """Stands for the code that is measured: another one has another."""
    digest = hashlib.sha256()
    for name in MEASURED:
        place = ROOT / name
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]
