"""How threads of OpenMP wait for each other, on a quiet machine and beside busy programs: training iterations, taking turns.

python benchmarks/waiting.py [--turns 5] [--iterations 20] [--busy 0 2 8]

Each measurement is a process of its own, with a thread for every core. By default threads spin for a while before they sleep;
the tools of this library ask for passive waiting (OMP_WAIT_POLICY) unless the environment says otherwise.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from slowfast_tools import WAITING

CONFIG = Path(__file__).parents[1] / "configs" / "LongCook" / "SLOWONLY_PGT.yaml"
POLICIES = {"as PyTorch comes": {}, "passive": {"OMP_WAIT_POLICY": "PASSIVE"}}
WARM_UP = 3


def training_iteration(config: Path, options: Sequence[Any] = ()) -> Callable[[], object]:
    """An iteration on a made-up batch, of the network and in the way that a config of LongCook says."""
    import torch

    from slowfast.config import load_config
    from slowfast.engine.optimizer import build_optimizer
    from slowfast.engine.tasks import build_train_step
    from slowfast.engine.updater import Updater
    from slowfast.models import build_model
    from slowfast.structures import ClipBatch

    cfg = load_config(config, ["NUM_GPUS", 0, *options])
    torch.manual_seed(0)
    model, step = build_model(cfg).train(), build_train_step(cfg)
    step.plan(0, cfg.SOLVER.MAX_EPOCH)
    updater = Updater.from_cfg(cfg, model=model, optimizer=build_optimizer(cfg, model), device=torch.device("cpu"))
    size, frames, side, classes = cfg.TRAIN.BATCH_SIZE, cfg.DATA.NUM_FRAMES, cfg.DATA.TRAIN_CROP_SIZE, cfg.MODEL.NUM_CLASSES
    batch = ClipBatch(
        frames=torch.randint(0, 256, (size, 3, frames, side, side), dtype=torch.uint8),
        times=torch.arange(frames).repeat(size, 1) / 6.0,
        labels=torch.zeros(size, classes),
        frame_labels=torch.zeros(size, frames, classes, dtype=torch.bool),
        videos=torch.arange(size),
        views=torch.zeros(size, dtype=torch.long),
        names=tuple(map(str, range(size))),
    )
    return lambda: step(model, batch, updater)


def measure(iterations: int) -> dict[str, float]:
    """Seconds of an iteration of the network and batch of `make demo`'s recipe: on the clock, and of processor time."""
    import torch

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    iteration = training_iteration(CONFIG)
    for _ in range(WARM_UP):
        iteration()
    clock, processor = time.perf_counter(), time.process_time()
    for _ in range(iterations):
        iteration()
    return {"clock": (time.perf_counter() - clock) / iterations, "processor": (time.process_time() - processor) / iterations}


@contextlib.contextmanager
def neighbours(number: int) -> Iterator[None]:
    """So many programs that compute without end."""
    programs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(number)]
    try:
        yield
    finally:
        for program in programs:
            program.kill()
            program.wait()


def run(policy: dict[str, str], iterations: int) -> dict[str, float]:
    environment = {name: value for name, value in os.environ.items() if name not in WAITING} | policy
    command = [sys.executable, __file__, "--measure", "--iterations", str(iterations)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=5, help="measurements of each kind")
    parser.add_argument("--iterations", type=int, default=20, help="of each measurement")
    parser.add_argument("--busy", type=int, nargs="+", default=[0, 2, 8], help="numbers of programs beside it")
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.iterations)))
        return
    found: dict[tuple[int, str], list[dict[str, float]]] = {}
    print(f"load before: {os.getloadavg()[0]:.2f}")
    for _ in range(options.turns):
        for busy in options.busy:
            with neighbours(busy):
                for name, policy in POLICIES.items():
                    found.setdefault((busy, name), []).append(run(policy, options.iterations))
    print("| busy programs | threads wait | s an iteration, median (range) | processor time, s |\n| --: | --- | --: | --: |")
    for (busy, name), runs in found.items():
        clock = [one["clock"] for one in runs]
        processor = statistics.median(one["processor"] for one in runs)
        print(f"| {busy} | {name} | {statistics.median(clock):.3f} ({min(clock):.3f}–{max(clock):.3f}) | {processor:.3f} |")


if __name__ == "__main__":
    main()
