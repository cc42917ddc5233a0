"""Training iterations with memory that is freed kept by the process (`slowfast.runtime.allocator`), and handed back, in turns.

python benchmarks/allocator.py [--turns 3] [--iterations 10]

Each measurement is a process of its own, with one thread; of its processor time the median iteration counts.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from waiting import WARM_UP, training_iteration

CONFIGS = Path(__file__).parents[1] / "configs" / "LongCook"
WAYS = {"handed back": False, "kept": True}


def slow_r50(side: int, clips: int) -> tuple[str, list[Any]]:
    """Slow R50, 8 frames, frozen norms."""
    return "SLOWONLY_CLIP", [
        "RESNET.DEPTH", 50, "RESNET.TRANS_FUNC", "bottleneck_transform", "RESNET.WIDTH_PER_GROUP", 64,
        "BN.NORM_TYPE", "frozen_batchnorm", "TRAIN.BATCH_SIZE", clips,
        "DATA.TRAIN_JITTER_SCALES", [side, side], "DATA.TRAIN_CROP_SIZE", side, "DATA.TEST_CROP_SIZE", side,
    ]  # fmt: skip


WORK: dict[str, tuple[str, list[Any]]] = {
    "`make demo`": ("SLOWONLY_EXACT", []),
    "Slow R50, 64 pixels, 1 clip": slow_r50(64, 1),
    "Slow R50, 112 pixels, 1 clip": slow_r50(112, 1),
    "Slow R50, 112 pixels, 4 clips": slow_r50(112, 4),
}


def measure(work: str, keeps: bool, iterations: int) -> dict[str, float]:
    """Milliseconds and page faults of an iteration, and the peak of the process in MiB."""
    import torch

    from slowfast.runtime.allocator import keep_freed_memory
    from slowfast.runtime.peak_memory import peak_memory_bytes

    torch.set_num_threads(1)
    if keeps and not keep_freed_memory():
        raise SystemExit("nothing can be kept here: the C library is not glibc, or the environment says otherwise")
    config, options = WORK[work]
    iteration = training_iteration(CONFIGS / f"{config}.yaml", options)
    for _ in range(WARM_UP):
        iteration()
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    times = []
    for _ in range(iterations):
        started = time.process_time()
        iteration()
        times.append(time.process_time() - started)
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults
    peak = peak_memory_bytes(torch.device("cpu")) / 2**20
    return {"ms": 1000 * statistics.median(times), "faults": faults / iterations, "peak": peak}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=3, help="measurements of each kind")
    parser.add_argument("--iterations", type=int, default=10, help="of each measurement")
    parser.add_argument("--measure", nargs=2, metavar=("WORK", "WAY"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        work, way = options.measure
        print(json.dumps(measure(work, WAYS[way], options.iterations)))
        return
    print(
        "| training iteration | ms, handed back | ms, kept | ratio | page faults | MiB |\n| --- | --: | --: | --: | --: | --: |"
    )
    for work in WORK:
        found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
        for _ in range(options.turns):
            for way, runs in found.items():
                command = [sys.executable, __file__, "--iterations", str(options.iterations), "--measure", work, way]
                done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
                runs.append(json.loads(done.stdout.splitlines()[-1]))
        before, after = (
            {name: statistics.median(run[name] for run in runs) for name in ("ms", "faults", "peak")} for runs in found.values()
        )
        print(
            f"| {work} | {before['ms']:.0f} | {after['ms']:.0f} | {before['ms'] / after['ms']:.2f} "
            f"| {before['faults']:.0f}, {after['faults']:.0f} | {before['peak']:.0f}, {after['peak']:.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
