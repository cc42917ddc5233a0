"""What training costs, in time and memory: clips, PGT over videos of several lengths, and end to end, beside two yardsticks.

    python benchmarks/training.py [KEY VALUE ...] [--only slow x3d] [--norm batchnorm] [--part lengths] [--picture FILE.png]
    python benchmarks/training.py --device cuda [--part yardsticks] [--also PGT.CACHE last]

KEY VALUE are options of the config for every one of our ways; each --also runs our clip and our 5 steps once more with the
options that follow it. Yardsticks (`training_yardsticks.py`) stay as they are. `training_plan.py` says what is measured without
any of these.

All ways of one network and norm take turns in one process; medians of turns are printed, and their range. Memory is measured
in a process of its own for each. The clip is on the device before an iteration begins. On a GPU the table also has the share
of the bf16 matmul peak, which is measured first, and traces of our clip and our 5 steps are written (`--profile FOLDER`), with
a table of the times in which the GPU had nothing to do. What is computed again (exact gradient, checkpointing) counts as work.

Each result is added to a file (`--results`) as it is found. The same command goes on from there, on the same machine with the
same code.
"""

from __future__ import annotations

import argparse
import math
import os
import platform
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path

import torch
from training_plan import COMPILED, PARTS, Setting, plan
from training_report import Case, draw, gaps_table, problems, table, targets
from training_results import Found, Job, Results, RunJob, code, run_all
from training_ways import COST, LONG, NORMS, OUR_CLIP, TITLES, Way, clip_frames, ours

import slowfast_tools  # noqa: F401  first of all: it says how threads wait, to the processes that are started as well
from slowfast.runtime.device import available_cores
from slowfast.runtime.precision import cpu_has_bf16_units

JOBS = Path(__file__).with_name("training_jobs.py")
PROFILED = (OUR_CLIP, ours(5))
MATMUL = {"side": 8192, "repeats": 5}
QUICK_MATMUL = {"side": 256, "repeats": 1}
QUICK = ("slow", "x3d")
A_FRAME = 0.045
"""Seconds for the unit of effort, a frame of Slow R50 at a crop of 64: about, on a core with AVX512."""
START = 100.0
"""Effort of starting a process."""


def in_a_process(name: str, options: Found) -> Found:
    """What a job of `training_jobs.py` finds, in a process of its own."""
    import json

    threads = str(options["settings"]["threads"])
    command = [sys.executable, str(JOBS), name, json.dumps(options)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=os.environ | {"OMP_NUM_THREADS": threads})
    found: Found = json.loads(done.stdout.splitlines()[-1])
    return found


def in_this_process(name: str, options: Found) -> Found:
    """The same here: quick, but other jobs have left their memory."""
    import training_jobs

    return training_jobs.run(name, options)


class Jobs:
    """The jobs of a setting, and what they found as a case."""

    def __init__(self, setting: Setting, options: argparse.Namespace) -> None:
        self.setting = setting
        on_gpu = options.device == "cuda"
        device = {"device": options.device, "threads": options.threads, "tiny": options.quick}
        settings = {"crop": setting.crop, "batch": setting.batch, **device}
        shared = {"network": setting.network, "norm": setting.norm, "settings": settings}
        turns = {"turns": options.turns, "least": options.least, "most": options.most}
        ways = [asdict(way) for way in setting.ways]
        effort = sum(self._turns(way, options) for way in setting.ways)
        self.times = Job("times", {**shared, "ways": ways, **turns}, effort + START)
        self.memory = {
            way.name: Job("memory", {**shared, "way": asdict(way)}, self._effort(way, 3) + START, together=not on_gpu)
            for way in setting.ways
            if setting.weighed and (on_gpu or COMPILED[0] not in way.options)
        }
        self.profiles = {}
        for number, way in enumerate(setting.ways):
            if on_gpu and way.name.partition(" [")[0] in PROFILED:
                path = Path(options.profile) / f"{setting.part}_{setting.network}_{setting.norm}_{number}.json"
                job = Job("profile", {**shared, "way": asdict(way), "path": str(path)}, self._effort(way, 5) + START)
                self.profiles[way.name] = job

    def _effort(self, way: Way, iterations: int) -> float:
        frames = clip_frames(way, self.setting.network) * self.setting.batch * (self.setting.crop / 64) ** 2
        return frames * COST[self.setting.network] * (min(iterations, 2) if way.steps >= LONG else iterations)

    def _turns(self, way: Way, options: argparse.Namespace) -> float:
        """Effort of all turns of a way, and of what comes before them."""
        iteration = self._effort(way, 1)
        turns = min(options.turns, max(2, math.ceil(options.most / (A_FRAME * iteration))))
        each = max(iteration, options.least / A_FRAME)
        compiling = 0 if COMPILED[0] not in way.options else 120 / A_FRAME
        return turns * each + (0 if way.steps > LONG else 2 * iteration) + compiling

    def all(self) -> list[Job]:
        return [self.times, *self.memory.values(), *self.profiles.values()]

    def case(self, results: Results) -> Case:
        memory, profiles = (
            {way: found for way, job in jobs.items() if (found := results.get(job)) is not None}
            for jobs in (self.memory, self.profiles)
        )
        return Case(self.setting, (results.get(self.times) or {"ways": {}})["ways"], memory, profiles)


def where(options: argparse.Namespace) -> str:
    cores = f"{available_cores()} of {os.cpu_count()} cores, {options.threads} thread(s) a process"
    versions = f"Python {platform.python_version()}, PyTorch {torch.__version__}"
    card = f", {torch.cuda.get_device_name()}" if options.device == "cuda" and torch.cuda.is_available() else ""
    return f"{platform.machine()} ({_processor()}){card}, {cores}, {versions}"


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor())
    units = ", ".join(["AVX512"] * torch.cpu._is_avx512_supported() + ["bf16 units"] * cpu_has_bf16_units())
    return f"{name}; {units}" if units else name


def load() -> str:
    return " ".join(f"{each:.2f}" for each in os.getloadavg())


def _threads(text: str) -> int:
    return available_cores() if text == "all" else int(text)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=tuple(TITLES), help=f"these networks (all, quick: {' '.join(QUICK)})")
    parser.add_argument("--norm", nargs="+", choices=NORMS, help="of both (quick: frozen alone)")
    parser.add_argument("--part", nargs="+", choices=PARTS, default=list(PARTS), help="see training_plan.py")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--crop", type=int, help="side of the pictures, for all")
    parser.add_argument("--batch", type=int, help="clips of an iteration (1, on a GPU 8)")
    parser.add_argument("--threads", type=_threads, default=1, help="of each process: a number, or all for one a core")
    parser.add_argument("--turns", type=int, default=3, help="measurements of each way")
    parser.add_argument("--least", type=float, default=0.5, help="seconds that a measurement takes, at least")
    parser.add_argument("--most", type=float, default=6.0, help="seconds of a way from which on two measurements are enough")
    parser.add_argument("--also", nargs="+", action="append", default=[], metavar="KEY VALUE", help="see above")
    parser.add_argument("--profile", metavar="FOLDER", help="of traces (GPU alone; runs/bench/traces)")
    parser.add_argument("--picture", metavar="FILE", help="PNG file: time and activations of every way")
    parser.add_argument("--results", metavar="FILE", help="where results are kept (runs/bench/training.jsonl; quick: nowhere)")
    parser.add_argument(
        "--quick",
        action="store_true",
        help=f"tiny networks, one turn, {LONG} steps at most, nothing compiled: to see that it runs",
    )
    parser.add_argument("overrides", nargs="*", metavar="KEY VALUE", help="options of our ways")
    options = parser.parse_args(arguments)
    on_gpu = options.device == "cuda"
    if options.profile and not on_gpu:
        parser.error("--profile looks for times in which a GPU waits, so it wants --device cuda")
    for pairs in (options.overrides, *options.also):
        if len(pairs) % 2 or not all(re.fullmatch(r"[A-Z][A-Z0-9_.]*", key) for key in pairs[::2]):
            parser.error(f"options of the config are pairs of a KEY and a VALUE, not {' '.join(pairs)}")
    options.only = options.only or list(QUICK if options.quick else TITLES)
    options.norm = options.norm or list(NORMS[:1] if options.quick else NORMS)
    options.profile = options.profile or "runs/bench/traces"
    options.results = Path(options.results or "runs/bench/training.jsonl") if options.results or not options.quick else None
    if options.quick:
        options.turns, options.least = 1, 0.0
    return options


def main(arguments: Sequence[str] | None = None, *, run: RunJob | None = None) -> None:
    """run: how a job is run; None: as is usual."""
    options = parse(arguments)
    on_gpu, place = options.device == "cuda", where(options)
    half_pays = on_gpu or cpu_has_bf16_units()
    chosen = {"networks": options.only, "norms": options.norm, "parts": options.part, "on_gpu": on_gpu, "quick": options.quick}
    own = {"crop": options.crop, "batch": options.batch, "overrides": options.overrides, "also": options.also}
    levers = {"half_pays": half_pays, "compiles": not options.quick}
    every = [Jobs(setting, options) for setting in plan(**chosen, **own, **levers)]
    results = Results.read(options.results, {"where": place, "code": code()})
    print(f"{date.today()}, {place}")
    print(f"{options.turns} turns of {options.least:g} s or more, 2 of ways that take {options.most:g} s; load {load()}")
    if results.ignored:
        print(f"{results.ignored} results in {results.path} are of another machine or other code, and are not used")
    run = run or (in_this_process if options.quick else in_a_process)
    settings = {"crop": 0, "batch": 0, "tiny": options.quick, "device": options.device, "threads": options.threads}
    matmul = Job("matmul_peak", {**(QUICK_MATMUL if options.quick else MATMUL), "settings": settings}, START)
    jobs = [job for each in every for job in each.all()]
    run_all([matmul, *jobs] if on_gpu else jobs, results, run, at_once=1 if options.quick else _at_once(options))
    peak = (results.get(matmul) or {})["peak"] if on_gpu else None
    print(f"load {load()}\n")
    print(report([each.case(results) for each in every], peak, options))
    if not half_pays:
        print("\nThis processor has neither AMX nor AVX-512 with bfloat16, so that bf16 was not measured.")


def _at_once(options: argparse.Namespace) -> int:
    return max(1, available_cores() // options.threads)


def report(cases: Sequence[Case], peak: float | None, options: argparse.Namespace) -> str:
    parts = ["These networks are tiny: their figures and verdicts mean nothing."] if options.quick else []
    if peak is not None:
        parts.append(f"bf16 products of matrices: {peak / 1e12:.1f} TFLOP/s at most")
    parts += [f"{case.setting.title}\n\n{table(case, peak)}" for case in cases]
    parts += ["\n".join(problems(cases))] if problems(cases) else []
    parts.append(targets(cases, peak))
    if peak is not None:
        parts.append(gaps_table(cases))
    if options.picture and not draw(cases, options.picture, on_gpu=peak is not None):
        parts.append(f"There is nothing to draw in {options.picture}.")
    return "\n\n".join(parts)


if __name__ == "__main__":
    main()
