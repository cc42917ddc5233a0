"""What evaluation in steps costs, beside one pass of the same network over the same frames and beside the original's way.

    python benchmarks/inference.py [--crop 64 112 224] [--steps 10] [--step-len 8] [--at-once 1 2 4] [--turns 7] [KEY VALUE ...]

Slow R50 with frozen norms, one clip, random weights. All ways take turns in one process; processor time, medians and range of
turns, and ratios to the one pass of the same turn. The peak of memory is that of a process of its own for each way, with what
it had before the network ran. `--at-once` are values of PGT.EVAL_STEPS_AT_ONCE; KEY VALUE are options of the config for all of
ours. The original's way (`training_yardsticks.py`) has its clip as float numbers before the time is taken.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import torch
from execution import NETWORKS
from torch import Tensor
from training_yardsticks import Memory, as_others_run, forget, remember

import slowfast_tools  # noqa: F401  first of all: it says how threads wait, to the processes that are started as well
from slowfast.config import load_config
from slowfast.engine.tasks import build_eval_step
from slowfast.models import build_model
from slowfast.models.folding import norms_folded
from slowfast.runtime.allocator import keep_freed_memory
from slowfast.runtime.peak_memory import peak_memory_bytes
from slowfast.runtime.tables import Cell, format_table
from slowfast.structures import ClipBatch

MIB = 2**20
ONE_PASS, ORIGINAL = "one pass", "in steps, the original's way"
Settings = dict[str, Any]


def in_steps(at_once: int) -> str:
    return f"in steps, {at_once} at once" if at_once > 1 else "in steps"


def build(way: str, settings: Settings, until: ExitStack) -> Callable[[], Tensor]:
    """What scores the clip in this way. until: when it ends, norms are no longer folded."""
    crop, at_once = settings["crop"], {in_steps(number): number for number in settings["at_once"]}.get(way)
    options = [
        "NUM_GPUS", 0, "LOG_MODEL_INFO", False, "REPORT.ENABLE", False, "TRAIN.DATASET", "kinetics", *NETWORKS["slow"],
        "MODEL.NUM_CLASSES", 400, "BN.NORM_TYPE", "frozen_batchnorm", "DATA.TRAIN_CROP_SIZE", crop, "DATA.TEST_CROP_SIZE", crop,
        "DATA.NUM_FRAMES", 0, "PGT.ENABLE", True, "PGT.STEPS", settings["steps"], "PGT.STEP_LEN", [settings["step_len"]],
        "PGT.OVERLAP", [1], "PGT.CACHE", "max", "PGT.CACHE_MOMENTUM", 0.25, "PGT.PG_EVAL", way != ONE_PASS,
        *(["PGT.EVAL_STEPS_AT_ONCE", at_once] if at_once is not None else []), *settings["overrides"],
    ]  # fmt: skip
    cfg = load_config(None, options)
    torch.manual_seed(0)
    frames = torch.randint(0, 256, (1, 3, cfg.DATA.NUM_FRAMES, crop, crop), dtype=torch.uint8)
    if way == ORIGINAL:
        return _original(cfg, frames)
    model, step = build_model(cfg).eval(), build_eval_step(cfg)
    batch = ClipBatch(
        frames=frames,
        times=torch.zeros(frames.shape[0:3:2]),
        labels=torch.zeros(1, dtype=torch.long),
        frame_labels=None,
        videos=torch.arange(1),
        views=torch.zeros(1, dtype=torch.long),
        names=("clip",),
    )
    until.enter_context(norms_folded(model))  # once in an evaluation
    return lambda: step(model, batch).scores


def _original(cfg: Any, frames: Tensor) -> Callable[[], Tensor]:
    from pgt.fit import schedule_of

    ranges = schedule_of(cfg).ranges()
    plain = cfg.clone()
    plain.defrost()
    plain.PGT.ENABLE, plain.MODEL.EXECUTION = False, "3d"
    model = build_model(plain).eval()
    as_others_run(model)
    remember(model, tuple(cfg.PGT.OVERLAP), Memory())
    clip = frames.float().div(255)

    def score() -> Tensor:
        forget(model)
        return torch.stack([model([clip[:, :, start:stop]]) for start, stop in ranges]).sum(0)

    return score


def memory(way: str, settings: Settings) -> None:
    """Prints the peak of this process in bytes, and what it was before."""
    with ExitStack() as until:
        score = build(way, settings, until)
        before = peak_memory_bytes(torch.device("cpu"))
        score()
        score()
    print(json.dumps([peak_memory_bytes(torch.device("cpu")), before]))


def memory_of(way: str, settings: Settings) -> tuple[int, int]:
    command = [sys.executable, __file__, "--memory", json.dumps({"way": way, "settings": settings})]
    environment = os.environ | {"OMP_NUM_THREADS": str(settings["threads"])}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
    peak, before = json.loads(done.stdout.splitlines()[-1])
    return peak, before


def compare(settings: Settings, turns: int) -> str:
    """The table of one size of pictures."""
    ways = [ONE_PASS, *map(in_steps, settings["at_once"]), ORIGINAL]
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    with ExitStack() as until:
        scorers = {way: build(way, settings, until) for way in ways}
        for turn in range(turns + 1):
            for way in ways if turn % 2 == 0 else reversed(ways):
                begun = time.process_time()
                scorers[way]()
                if turn:  # the first does not count: kernels are chosen, memory is asked for
                    seconds[way].append(time.process_time() - begun)
    rows: list[list[Cell]] = []
    for way in ways:
        peak, before = memory_of(way, settings)
        taken = seconds[way]
        ratios = [
            statistics.median(one / other for one, other in zip(taken, seconds[base], strict=True))
            for base in (ONE_PASS, ORIGINAL)
        ]
        spread = f"{1000 * min(taken):.0f}–{1000 * max(taken):.0f}"
        size = [round(peak / MIB), round((peak - before) / MIB)]
        rows.append([settings["crop"], way, 1000 * statistics.median(taken), spread, ratios[0], 1 / ratios[1], *size])
    header = ["crop", "evaluation", "ms", "range", "of one pass", "times faster than the original", "process, MiB", "more, MiB"]
    return format_table(header, rows)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--crop", type=int, nargs="+", default=[64, 112, 224], help="sides of the pictures")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--step-len", type=int, default=8, help="frames of a step, one of which the memory stands for")
    parser.add_argument("--at-once", type=int, nargs="+", default=[1, 2, 4], help="steps that the network runs at once")
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--memory", help=argparse.SUPPRESS)
    parser.add_argument("overrides", nargs="*", metavar="KEY VALUE", help="options of our ways")
    options = parser.parse_args(arguments)
    logging.disable(logging.WARNING)
    torch.set_num_threads(options.threads)
    torch.set_grad_enabled(False)
    keep_freed_memory()
    if options.memory:
        memory(**json.loads(options.memory))
        return
    settings = {key: getattr(options, key) for key in ("steps", "step_len", "at_once", "threads", "overrides")}
    for crop in options.crop:
        print(compare(settings | {"crop": crop}, options.turns))
        print(f"load {' '.join(f'{each:.2f}' for each in os.getloadavg())}", flush=True)


if __name__ == "__main__":
    main()
