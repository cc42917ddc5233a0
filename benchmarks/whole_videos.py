"""Whole videos: what their length costs, what exact gradients cost, and whether results depend on how a video is fed.

    python benchmarks/whole_videos.py [--only length gradient evaluation] [--minutes 1 5 20 60] [--picture FILE.png]

Draws up videos of the given lengths (the first minute over and over, so that a minute costs the same in all of them), measures
each figure in a process of its own or, where speeds are compared, in turns within one, and prints a table with the targets.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from made_up_videos import FPS, write_video
from numpy.typing import NDArray

from slowfast.runtime.tables import format_table

JOBS = Path(__file__).with_name("whole_video_jobs.py")
MIB = 2**20
PASSES_OF_A_MINUTE = 60
CROP = 64
"""Of Slow R50, in pixels: 224 would take hours on one core. Ratios of activations hardly depend on it."""
LARGEST_GIB = 6.0
"""End to end is not run where a line through what was measured says that it would take more."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. limit: what `value` must not be above; None: a figure without a target. unit: "x", "%", ..."""

    name: str
    value: float
    limit: float | None = None
    unit: str = ""
    detail: str = ""

    @property
    def verdict(self) -> str:
        return "" if self.limit is None else "pass" if self.value <= self.limit else "MISSED"

    def row(self) -> list[Any]:
        limit = "" if self.limit is None else f"{self.limit:g}{self.unit}"
        return [self.name, f"{self.value:.3g}{self.unit}", limit, self.verdict, self.detail]


@dataclass(frozen=True, slots=True)
class Run:
    """A training on a video of so many minutes. peak: bytes of the process. speed: frames a second."""

    minutes: int
    peak: float
    speed: float


def job(name: str, **options: Any) -> dict[str, Any]:
    """What a job of `whole_video_jobs.py` finds, in a process of its own, on one thread."""
    command = [sys.executable, str(JOBS), name, json.dumps(options)]
    print(f"  {name} {json.dumps(options)}", file=sys.stderr, flush=True)
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def make_video(folder: Path, minutes: int, minute: Path) -> str:
    """A data set of one video: `minute`, over and over, without encoding it again. Returns the folder."""
    own = folder / f"{minutes}_minutes"
    own.mkdir()
    with av.open(str(own / "video.mp4"), "w") as container, av.open(str(minute)) as source:
        stream = container.add_stream_from_template(source.streams.video[0])
        packets = [packet for packet in source.demux(video=0) if packet.dts is not None]
        second = int(1 / source.streams.video[0].time_base)
        places = [(packet.pts, packet.dts) for packet in packets]
        for number in range(minutes):
            for packet, (pts, dts) in zip(packets, places, strict=True):
                packet.stream = stream
                packet.pts, packet.dts = pts + 60 * number * second, dts + 60 * number * second
                packet.time_base = source.streams.video[0].time_base
                container.mux(packet)
    for split in ("train", "val", "test"):
        (own / f"{split}.csv").write_text("video.mp4 3\n")
    return str(own)


def passes(minutes: int) -> int:
    """Epochs after which all videos were read for an hour, so that all trainings make equally many updates."""
    return max(1, PASSES_OF_A_MINUTE // minutes)


def measure_length(folders: dict[int, str]) -> tuple[list[Figure], list[Run], list[Run]]:
    """What a training on the longest video costs beside one on the shortest; trainings by length, PGT and end to end."""
    pgt = [_run(minutes, job("train", folder=folder, epochs=passes(minutes), workers=0)) for minutes, folder in folders.items()]
    short, long = min(folders), max(folders)
    turns = job("alternate", folders=[folders[long], folders[short]], epochs=[passes(long), passes(short)], updates=8)["turns"][
        1:
    ]
    watched = job("train", folder=folders[long], epochs=passes(long), workers=1)
    waited, updating = watched["waited"] / watched["seconds"], watched["processor"] / watched["seconds"]
    peaks = pgt[-1].peak / pgt[0].peak
    figures = [
        Figure(f"training, {long} min against {short} min: peak memory", peaks, 1.05, "x", _peaks(pgt[-1].peak, pgt[0].peak)),
        Figure(
            f"training, {long} min against {short} min: time a frame",
            statistics.median(each / other for each, other in turns),
            1.05,
            "x",
            f"median of {len(turns)} turns; {_ms([each for each, _ in turns])} against {_ms([other for _, other in turns])} ms",
        ),
        Figure(
            f"training, {long} min, one worker: share of time waiting for decoding",
            100 * waited,
            2,
            "%",
            f"{watched['frames'] / watched['seconds']:.0f} frames a second; computing kept {updating:.0%} of a core busy",
        ),
    ]
    return figures, pgt, _end_to_end(folders)


def _run(minutes: int, found: dict[str, Any]) -> Run:
    return Run(minutes, found["process"], found["frames"] / found["processor"])


def _end_to_end(folders: dict[int, str]) -> list[Run]:
    runs: list[Run] = []
    for minutes, folder in folders.items():
        if len(runs) > 1:
            first, last = runs[0], runs[-1]
            slope = (last.peak - first.peak) / (last.minutes - first.minutes)
            if last.peak + slope * (minutes - last.minutes) > LARGEST_GIB * 2**30:
                break
        runs.append(_run(minutes, job("end_to_end", folder=folder, epochs=max(2, 10 // minutes))))
    return runs


def measure_gradient() -> list[Figure]:
    """Exact gradients beside truncated ones at 20 steps, and beside one graph over 80."""
    times = job("gradient_times", steps=20, repeats=5, crop=CROP)["seconds"]
    truncated, exact = (job("gradient_memory", kind=kind, steps=20, crop=CROP) for kind in ("truncated", "exact"))
    long = job("gradient_memory", kind="exact", steps=80, crop=CROP)["activations"]
    whole = job("end_to_end_activations", steps=80, crop=CROP)["activations"]
    pairs = list(zip(times["exact"], times["truncated"], strict=True))
    against = "exact gradient against truncated, 20 steps"
    return [
        Figure(
            f"{against}: processor time",
            statistics.median(each[0] / other[0] for each, other in pairs),
            1.45,
            "x",
            f"median of {len(pairs)} turns; wall time {statistics.median(each[1] / other[1] for each, other in pairs):.3g}x",
        ),
        Figure(
            f"{against}: activations",
            exact["activations"] / truncated["activations"],
            1.10,
            "x",
            _peaks(exact["activations"], truncated["activations"]),
        ),
        Figure(
            f"{against}: memory of the process",
            exact["process"] / truncated["process"],
            1.10,
            "x",
            _peaks(exact["process"], truncated["process"]),
        ),
        Figure("exact gradient against end to end, 80 steps: activations", long / whole, 0.1, "x", _peaks(long, whole)),
    ]


def measure_evaluation(folders: dict[int, str], scratch: Path) -> list[Figure]:
    """Memory by length, and whether the scores of the longest video depend on how it is fed."""
    short, long = min(folders), max(folders)
    folder, at_once, in_others = folders[long], str(scratch / "at_once.npy"), str(scratch / "in_others.npy")
    before = job("evaluation", folder=folders[short], pieces=5, scores=str(scratch / "short.npy"))
    whole = job("evaluation", folder=folder, pieces=5, scores=at_once)
    job("evaluation", folder=folder, pieces=7, scores=in_others)
    parts, memory = [], ""
    borders = [0, whole["steps"] // 3, whole["steps"] // 2, whole["steps"]]
    for first, stop in itertools.pairwise(borders):
        left, scores = str(scratch / f"{stop}.pt"), str(scratch / f"{stop}.npy")
        job(
            "evaluation_of_a_part",
            folder=folder,
            first=first,
            stop=stop,
            memory_before=memory,
            memory_after=left,
            scores=scores,
        )
        parts.append(np.load(scores))
        memory = left
    wanted = np.load(at_once)
    detail = f"{len(wanted)} steps, scores of {wanted.min():.3f} to {wanted.max():.3f}"
    return [
        Figure(
            f"evaluation, {long} min against {short} min: peak memory",
            whole["process"] / before["process"],
            1.05,
            "x",
            _peaks(whole["process"], before["process"]),
        ),
        Figure(
            "evaluation in batches of 7 steps against 5: largest difference",
            _difference(np.load(in_others), wanted),
            0,
            "",
            detail,
        ),
        Figure(
            "evaluation by three processes, each from a saved memory, against one: largest difference",
            _difference(np.concatenate(parts), wanted),
            0,
            "",
            f"{Path(memory).stat().st_size / 2**10:.0f} KiB of memory; file opened at steps {borders[1]} and {borders[2]}",
        ),
    ]


def _difference(scores: NDArray[np.float32], wanted: NDArray[np.float32]) -> float:
    return math.inf if scores.shape != wanted.shape else float(np.abs(scores.astype(np.float64) - wanted).max())


def draw(pgt: Sequence[Run], end_to_end: Sequence[Run], path: str) -> None:
    """Memory and speed by the length of the video."""
    from slowfast.visualization.canvas import BLUE, ORANGE, bare, figure

    with figure(path, width=8.0, height=3.2) as canvas:
        panels = canvas.subplots(1, 2)
        for axes, title, value in (
            (panels[0], "Peak memory of the process (MiB)", lambda run: run.peak / MIB),
            (panels[1], "Frames a second of one core", lambda run: run.speed),
        ):
            for runs, name, colour in ((pgt, "PGT", BLUE), (end_to_end, "end to end", ORANGE)):
                minutes, values = [run.minutes for run in runs], [value(run) for run in runs]
                axes.plot(minutes, values, marker="o", color=colour, label=name)
            axes.set_xscale("log")
            axes.set_xticks([run.minutes for run in pgt], [str(run.minutes) for run in pgt])
            axes.minorticks_off()
            axes.set_ylim(bottom=0)
            axes.set_xlabel("minutes of video")
            axes.set_title(title, loc="left")
            bare(axes, keep=("left", "bottom"))
        panels[0].legend(frameon=False)
        canvas.tight_layout()


def _peaks(each: float, other: float) -> str:
    return f"{each / MIB:.0f} against {other / MIB:.0f} MiB"


def _ms(seconds: Sequence[float]) -> str:
    return f"{1000 * statistics.median(seconds):.2f}"


def where() -> str:
    versions = f"Python {platform.python_version()}, PyTorch {torch.__version__}"
    return f"{date.today()}, {platform.machine()}, {os.cpu_count()} cores, {versions}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = ("length", "gradient", "evaluation")
    parser.add_argument("--only", nargs="+", choices=parts, default=parts)
    parser.add_argument("--minutes", nargs="+", type=int, default=[1, 5, 20, 60], help="lengths of the videos")
    parser.add_argument("--picture", metavar="FILE", help="PNG file: memory and speed by length")
    options = parser.parse_args()
    print(where())
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as scratch:
        minute = Path(scratch) / "minute.mp4"
        write_video(minute, width=128, height=96, seconds=60, gop=2 * FPS, seed=0)
        folders = {minutes: make_video(Path(scratch), minutes, minute) for minutes in sorted(options.minutes)}
        if "length" in options.only:
            found, pgt, end_to_end = measure_length(folders)
            figures += found
            rows = [
                [name, run.minutes, run.peak / MIB, run.speed]
                for name, runs in (("PGT", pgt), ("end to end", end_to_end))
                for run in runs
            ]
            print(
                format_table(
                    ["training", "minutes", "peak memory of the process, MiB", "frames a second of processor time"],
                    rows,
                    decimals=0,
                )
            )
            if options.picture:
                draw(pgt, end_to_end, options.picture)
        if "gradient" in options.only:
            figures += measure_gradient()
        if "evaluation" in options.only:
            figures += measure_evaluation(folders, Path(scratch))
    print(format_table(["figure", "measured", "target", "verdict", "of which"], [figure.row() for figure in figures]))


if __name__ == "__main__":
    main()
