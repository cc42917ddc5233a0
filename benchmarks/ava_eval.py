"""Time and memory of scoring AVA: python benchmarks/ava_eval.py [--videos 64] [--reference-videos 4]

Writes made-up files of the size of the validation set (64 videos of 897 seconds, 92,468 boxes with 80 scores each), scores
them with tools/eval_ava.py, and scores a few videos also frame by frame, as the public evaluators do: ava_frame_by_frame.py.
Every scoring is a process of its own, so that its processor time and its largest memory can be told.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
SECONDS = range(902, 1799)
BOXES_PER_SECOND = 92_468 / (64 * 897)
NUM_ACTIONS = 80
LISTED = [number for number in range(1, NUM_ACTIONS + 1) if number % 4]  # 60 classes


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    cpu_sec: float
    wall_sec: float
    peak_mib: float


def write_files(folder: Path, *, num_videos: int, seed: int = 0) -> None:
    """A person has one to four actions; the detector finds four of five persons, and some that nobody annotated."""
    folder.mkdir()
    rng = np.random.default_rng(seed)
    frequency = 1 / np.arange(2, NUM_ACTIONS + 2)
    frequency = rng.permutation(frequency / frequency.sum())
    with (folder / "detections.csv").open("w") as detections, (folder / "truths.csv").open("w") as truths:
        for video in range(num_videos):
            for second in SECONDS:
                where = f"video_{video:05d},{second:04d}"
                for person in range(rng.poisson(BOXES_PER_SECOND)):
                    corner, size = rng.uniform(0, 0.5, 2), rng.uniform(0.1, 0.5, 2)
                    box = np.concatenate([corner, corner + size])
                    actions = 1 + rng.choice(NUM_ACTIONS, size=rng.integers(1, 5), replace=False, p=frequency)
                    if rng.random() < 0.8:
                        truths.writelines(f"{where},{_text(box)},{action},{person}\n" for action in actions)
                    logits = rng.normal(-4, 1.5, NUM_ACTIONS)
                    logits[actions - 1] += 2.5
                    found = _text(box + rng.normal(0, 0.03, 4))
                    scores = 1 / (1 + np.exp(-logits))
                    detections.writelines(f"{where},{found},{1 + k},{score:.6f}\n" for k, score in enumerate(scores))
    names = "".join(f'item {{\n  name: "action {number}"\n  id: {number}\n}}\n' for number in LISTED)
    (folder / "classes.pbtxt").write_text(names)


def _text(box: np.ndarray) -> str:
    return ",".join(f"{value:.3f}" for value in box)


def cost_of(command: list[str]) -> tuple[Cost, str]:
    """Processor time, wall time and largest resident memory of a process, and the last line that it prints."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    lines = process.stdout.read().splitlines()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    per_mib = 2**20 if sys.platform == "darwin" else 2**10
    wall = time.perf_counter() - start
    return Cost(cpu_sec=usage.ru_utime + usage.ru_stime, wall_sec=wall, peak_mib=usage.ru_maxrss / per_mib), lines[-1]


def ours(folder: Path) -> tuple[Cost, float]:
    options = {"detections": "detections.csv", "groundtruth": "truths.csv", "labelmap": "classes.pbtxt", "json": "result.json"}
    arguments = [text for name, file in options.items() for text in (f"--{name}", str(folder / file))]
    cost, _ = cost_of([sys.executable, "tools/eval_ava.py", *arguments])
    return cost, json.loads((folder / "result.json").read_text())["mAP"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=64)
    parser.add_argument("--reference-videos", type=int, default=4)
    parser.add_argument("--reference", type=Path, help=argparse.SUPPRESS)  # how this file starts itself
    options = parser.parse_args()
    if options.reference:
        from ava_frame_by_frame import frame_map

        print(frame_map(options.reference / "detections.csv", options.reference / "truths.csv", set(LISTED)))
        return
    with tempfile.TemporaryDirectory() as folder:
        whole, part = Path(folder) / "whole", Path(folder) / "part"
        write_files(part, num_videos=options.reference_videos)
        write_files(whole, num_videos=options.videos)
        slow, printed = cost_of([sys.executable, __file__, "--reference", str(part)])
        fast_part, part_map = ours(part)
        fast, whole_map = ours(whole)
    if abs(float(printed) - part_map) > 1e-9:
        raise SystemExit(f"the two disagree: {printed} frame by frame, {part_map} by tools/eval_ava.py")
    print(f"{date.today()}, {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"same mAP on {options.reference_videos} videos: {part_map:.6f}; on {options.videos}: {whole_map:.6f}")
    for name, cost, videos in (
        ("frame by frame", slow, options.reference_videos),
        ("ours", fast_part, options.reference_videos),
        ("ours", fast, options.videos),
    ):
        print(f"{name:15}{videos:3} videos {cost.cpu_sec:8.1f} s cpu {cost.wall_sec:8.1f} s {cost.peak_mib:8.0f} MiB at most")
    scaled = slow.cpu_sec * options.videos / options.reference_videos
    print(f"frame by frame, scaled to {options.videos} videos: {scaled:.0f} s cpu, {scaled / fast.cpu_sec:.1f} times ours")


if __name__ == "__main__":
    main()
