"""What training costs, in time and memory: clips, PGT over videos of several lengths, and end to end, beside two yardsticks.

    python benchmarks/training.py [KEY VALUE ...] [--only slow x3d] [--norm batchnorm] [--threads all] [--picture FILE.png]
    python benchmarks/training.py --device cuda --also TRAIN.PRECISION bf16 TRAIN.COMPILE True --also MODEL.EXECUTION 2d

KEY VALUE are options of the config for every one of our ways; each --also runs our clip and our 5 steps once more with the
options that follow it. Yardsticks (`training_yardsticks.py`) stay as they are.

For each network and norm all ways take turns in one process; medians of turns are printed, and their range. Memory is measured
in a process of its own for each. The clip is on the device before an iteration begins. On a GPU the table also has the share
of the bf16 matmul peak, which is measured first, and traces of our clip and our 5 steps are written (`--profile FOLDER`), with
a table of the times in which the GPU had nothing to do. What is computed again (exact gradient, checkpointing) counts as work.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import torch
from training_ways import LONG, NORMS, OUR_CLIP, THEIR_CLIP, TITLES, Way, all_ways, ours, theirs

import slowfast_tools  # noqa: F401  first of all: it says how threads wait, to the processes that are started as well
from slowfast.runtime.device import available_cores
from slowfast.runtime.tables import Cell, format_table

JOBS = Path(__file__).with_name("training_jobs.py")
MIB = 2**20
PROFILED = (OUR_CLIP, ours(5))
MATMUL = {"side": 8192, "repeats": 5}
QUICK_MATMUL = {"side": 256, "repeats": 1}

Found = dict[str, Any]
RunJob = Callable[[str, Found], Found]


@dataclass(frozen=True, slots=True)
class Case:
    """All ways of one network with one norm. times, memory: by the name of the way, what the jobs of these names found."""

    network: str
    norm: str
    times: Mapping[str, Found]
    memory: Mapping[str, Found]

    def problem(self, way: str) -> str:
        """Why there are no figures; empty where there are."""
        return str(self.times.get(way, {}).get("problem") or self.memory.get(way, {}).get("problem") or "")

    def ratio(self, kind: str, each: str, other: str) -> tuple[float, float, float] | None:
        """Median, lowest and highest of the ratios of a turn; None where one of the two was not run."""
        runs = [self.times.get(way, {}).get(kind) for way in (each, other)]
        if not all(runs):
            return None
        ratios = [one / another for one, another in zip(*runs, strict=True)]
        return statistics.median(ratios), min(ratios), max(ratios)

    def memory_ratio(self, kind: str, each: str, other: str) -> float | None:
        found = [self.memory.get(way, {}).get(kind) for way in (each, other)]
        return found[0] / found[1] if all(found) else None


def in_a_process(name: str, options: Found) -> Found:
    """What a job of `training_jobs.py` finds, in a process of its own."""
    what = options.get("way", {}).get("name", "")
    print(f"  {name} {options.get('network', '')} {options.get('norm', '')} {what}", file=sys.stderr, flush=True)
    threads = str(options["settings"]["threads"])
    command = [sys.executable, str(JOBS), name, json.dumps(options)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=os.environ | {"OMP_NUM_THREADS": threads})
    found: Found = json.loads(done.stdout.splitlines()[-1])
    return found


def measure(options: argparse.Namespace, ways: Sequence[Way], settings: Found, run: RunJob) -> Iterator[Case]:
    for network in options.only:
        for norm in options.norm:
            case = {"network": network, "norm": norm, "settings": settings}
            own = [way for way in ways if way.trains(network)]
            shared = {"ways": [asdict(way) for way in own], "turns": options.turns, "least": options.least}
            times = run("times", {**case, **shared})["ways"]
            weighed = own if not options.quick or network == options.only[0] else []
            jobs = [{**case, "way": asdict(way)} for way in weighed]
            alone = settings["device"] != "cpu"
            with ThreadPoolExecutor(1 if alone else max(1, available_cores() // settings["threads"])) as pool:
                found = list(pool.map(lambda job: run("memory", job), jobs))
            yield Case(network, norm, times, {way.name: each for way, each in zip(weighed, found, strict=True)})


def table(cases: Sequence[Case], peak: float | None) -> str:
    """One row for each way of each case. peak: operations a second of the card; None without one."""
    header = ["network", "norm", "training", "frames", "ms a frame", "range", "of the processor", "activations, MiB"]
    header += ["process, MiB"] if peak is None else ["of the allocator, MiB", "frames a second", "of bf16 peak, %"]
    rows: list[list[Cell]] = []
    for case in cases:
        for way, times in case.times.items():
            memory = case.memory.get(way, {})
            row: list[Cell] = [TITLES[case.network], _norm(case.norm), way]
            if case.problem(way):
                rows.append([*row, *[None] * (len(header) - len(row))])
                continue
            wall = statistics.median(times["wall"])
            spread = f"{1000 * min(times['wall']):.2f}–{1000 * max(times['wall']):.2f}"
            row += [times["frames"], 1000 * wall, spread, 1000 * statistics.median(times["processor"])]
            row += [memory["activations"] / MIB if memory else None, round(memory["process"] / MIB) if memory else None]
            if peak is not None:
                speed = memory["operations"] / (wall * times["frames"]) if memory else None
                row += [1 / wall, None if speed is None else 100 * speed / peak]
            rows.append(row)
    return format_table(header, rows)


def problems(cases: Sequence[Case]) -> list[str]:
    return [
        f"{TITLES[case.network]}, {_norm(case.norm)}, {way}: {case.problem(way)}"
        for case in cases
        for way in case.times
        if case.problem(way)
    ]


def comparisons(cases: Sequence[Case], *, on_gpu: bool) -> str:
    """Ratios, each with the target that this library has set itself; of processor time, on a GPU of the clock's."""
    kind = "wall" if on_gpu else "processor"
    rows: list[list[Cell]] = []
    for case in cases:
        about = f"{TITLES[case.network]}, {_norm(case.norm)}"
        rows += _time_rows(case, about, kind)
        for steps in (5, 20, 80):
            for memory, name, limit in (("activations", "activations", 1.0), ("process", "memory of the process", 1.05)):
                ratio = case.memory_ratio(memory, ours(steps), OUR_CLIP)
                if ratio is not None:
                    rows.append([about, f"{ours(steps)}, against our clip: {name}", f"{ratio:.3f}", f"at most {limit:.2f}",
                                 _verdict(ratio <= limit + 5e-4)])  # fmt: skip
    return format_table(["", "figure", "measured", "target", ""], rows)


def _time_rows(case: Case, about: str, kind: str) -> Iterator[list[Cell]]:
    pairs = [(THEIR_CLIP, OUR_CLIP, 1.05, True)]
    pairs += [(theirs(steps), ours(steps), 1.25, True) for steps in (5, 10)]
    pairs += [(ours(steps), OUR_CLIP, 1.03, False) for steps in (5, 10, 20, 80)]
    for each, other, limit, more in pairs:
        found = case.ratio(kind, each, other)
        if found is None:
            continue
        ratio, least, most = found
        name = f"{other} is faster than {each}" if more else f"{each}, against our clip: time a frame"
        passed = ratio >= limit if more else ratio <= limit
        target = f"at {'least' if more else 'most'} {limit:.2f}"
        yield [about, name, f"{ratio:.2f} ({least:.2f}–{most:.2f})", target, _verdict(passed)]


def _verdict(passed: bool) -> str:
    return "pass" if passed else "MISSED"


def gaps_table(found: Mapping[tuple[str, str, str], Found]) -> str:
    """Of each trace: how long the GPU was busy, and its longest waits."""
    rows: list[list[Cell]] = []
    for (network, norm, way), each in found.items():
        if "problem" in each:
            rows.append([TITLES[network], _norm(norm), way, None, each["problem"]])
            continue
        gaps = "; ".join(f"{gap['microseconds']:.0f} us before {gap['before'][:40]}" for gap in each["gaps"])
        rows.append([TITLES[network], _norm(norm), way, None if each["busy"] is None else 100 * each["busy"], gaps])
    return format_table(["network", "norm", "training", "GPU busy, %", "longest gaps"], rows, decimals=1)


def draw(cases: Sequence[Case], path: str) -> None:
    """Time a frame and activations of every way as multiples of PySlowFast's clip, of the first norm."""
    from slowfast.visualization.canvas import BLUE, FAINT, GREEN, GREY, ORANGE, SKY, bare, figure

    shown = [case for case in cases if case.norm == cases[0].norm]
    ways = list(dict.fromkeys(way for case in shown for way in case.times))
    with figure(path, width=9.0, height=1.2 + 0.3 * len(ways)) as canvas:
        panels = canvas.subplots(1, 2, sharey=True)
        for axes, title in zip(panels, ("time a frame", "saved activations"), strict=True):
            for case, colour, marker in zip(shown, (BLUE, ORANGE, GREEN, SKY), "osD^", strict=False):
                if title == "time a frame":
                    values = [(case.ratio("wall", way, THEIR_CLIP) or (None,))[0] for way in ways]
                else:
                    values = [case.memory_ratio("activations", way, THEIR_CLIP) for way in ways]
                known = [(value, place) for place, value in enumerate(values) if value is not None]
                axes.scatter(*zip(*known, strict=True), color=colour, marker=marker, label=TITLES[case.network], s=22, zorder=3)
            axes.axvline(1, color=GREY, linewidth=0.8)
            axes.set_xscale("log", base=2)
            axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
            axes.grid(axis="y", color=FAINT)
            axes.set_title(title, loc="left")
            axes.set_xlabel("times PySlowFast's clip")
            bare(axes, keep=("bottom",))
        panels[0].set_yticks(range(len(ways)), ways)
        panels[0].invert_yaxis()
        panels[1].legend(frameon=False, loc="lower right")
        canvas.tight_layout()


def _norm(norm: str) -> str:
    return {"frozen_batchnorm": "frozen", "batchnorm": "plain"}[norm]


def where(settings: Found) -> str:
    cores = f"{available_cores()} of {os.cpu_count()} cores, {settings['threads']} thread(s) a process"
    versions = f"Python {platform.python_version()}, PyTorch {torch.__version__}"
    card = f", {torch.cuda.get_device_name()}" if settings["device"] == "cuda" and torch.cuda.is_available() else ""
    return f"{date.today()}, {platform.machine()}{card}, {cores}, {versions}"


def load() -> str:
    return " ".join(f"{each:.2f}" for each in os.getloadavg())


def _threads(text: str) -> int:
    return available_cores() if text == "all" else int(text)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=tuple(TITLES), default=list(TITLES), help="these networks")
    parser.add_argument("--norm", nargs="+", choices=NORMS, default=list(NORMS))
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--crop", type=int, help="side of the pictures (64, on a GPU 224)")
    parser.add_argument("--batch", type=int, help="clips of an iteration (1, on a GPU 8)")
    parser.add_argument("--threads", type=_threads, default=1, help="of each process: a number, or all for one a core")
    parser.add_argument("--turns", type=int, default=3, help="measurements of each way")
    parser.add_argument("--least", type=float, default=0.5, help="seconds that a measurement takes, at least")
    parser.add_argument("--also", nargs="+", action="append", default=[], metavar="KEY VALUE", help="see above")
    parser.add_argument("--profile", metavar="FOLDER", help="of traces (GPU alone; training_traces)")
    parser.add_argument("--picture", metavar="FILE", help="PNG file: time and activations of every way")
    parser.add_argument(
        "--quick", action="store_true", help=f"tiny networks, one turn, {LONG} steps at most: to see that it runs"
    )
    parser.add_argument("overrides", nargs="*", metavar="KEY VALUE", help="options of our ways")
    options = parser.parse_args(arguments)
    on_gpu = options.device == "cuda"
    if options.profile and not on_gpu:
        parser.error("--profile looks for times in which a GPU waits, so it wants --device cuda")
    for pairs in (options.overrides, *options.also):
        if len(pairs) % 2 or not all(re.fullmatch(r"[A-Z][A-Z0-9_.]*", key) for key in pairs[::2]):
            parser.error(f"options of the config are pairs of a KEY and a VALUE, not {' '.join(pairs)}")
    options.crop = options.crop or (32 if options.quick else 224 if on_gpu else 64)
    options.batch = options.batch or (1 if options.quick or not on_gpu else 8)
    options.profile = options.profile or "training_traces"
    if options.quick:
        options.turns, options.least = 1, 0.0
    return options


def main(arguments: Sequence[str] | None = None, *, run: RunJob = in_a_process) -> None:
    options = parse(arguments)
    on_gpu = options.device == "cuda"
    settings = {key: getattr(options, key) for key in ("crop", "batch", "device", "threads")} | {"tiny": options.quick}
    ways = all_ways(on_gpu=on_gpu, overrides=options.overrides, also=options.also)
    if options.quick:
        ways = [way for way in ways if way.steps <= LONG]
    print(where(settings))
    print(f"crop {options.crop}, batch {options.batch}, {options.turns} turns of {options.least:g} s or more; load {load()}")
    peak = None
    if on_gpu:
        peak = run("matmul_peak", {**(QUICK_MATMUL if options.quick else MATMUL), "settings": settings})["peak"]
        print(f"bf16 products of matrices: {peak / 1e12:.1f} TFLOP/s at most")
    cases = []
    for case in measure(options, ways, settings, run):
        cases.append(case)
        print(table([case], peak), flush=True)
    print(f"\nload {load()}\n")
    if options.quick:
        print("These networks are tiny: their figures and verdicts mean nothing.\n")
    print("\n".join([table(cases, peak), "", *problems(cases), "", comparisons(cases, on_gpu=on_gpu)]))
    if on_gpu:
        print("\n" + gaps_table(profiles(options, ways, settings, run)))
    if options.picture:
        draw(cases, options.picture)


def profiles(
    options: argparse.Namespace, ways: Sequence[Way], settings: Found, run: RunJob
) -> dict[tuple[str, str, str], Found]:
    """Traces of what PROFILED names, with every set of options."""
    found = {}
    for network in options.only:
        for norm in options.norm:
            for number, way in enumerate(ways):
                if way.name.partition(" [")[0] in PROFILED:
                    path = str(Path(options.profile) / f"{network}_{norm}_{number}.json")
                    job = {"network": network, "norm": norm, "way": asdict(way), "path": path, "settings": settings}
                    found[network, norm, way.name] = run("profile", job)
    return found


if __name__ == "__main__":
    main()
