"""What saving costs a training: a network of SlowOnly R50's size, with momentum, on made-up clips, both ways of saving in turn.

python benchmarks/checkpoints.py [--saves 8] [--every 5] [--folder DIR]

It is a `CheckpointHook` that saves, between updates, and the loop is timed from outside: how long it stands still for a save.
What the writer computes meanwhile is counted as lost, too, as it is where no core is idle; waiting for the disk is not. Only
the time between saves is shorter than in a training: the cost is a share of a minute.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from slowfast.config import load_config
from slowfast.engine import checkpoint
from slowfast.engine.hooks import CheckpointHook
from slowfast.engine.optimizer import build_optimizer
from slowfast.models import build_model
from slowfast.runtime.background_writer import BackgroundWriter
from slowfast_tools import WAITING  # noqa: F401 - sets how threads wait, as in the tools

WAYS = {"in the background": True, "while training waits": False}
MINUTE = 60.0
SLOW_R50 = ("MODEL.MODEL_NAME", "ResNet", "MODEL.ARCH", "slow", "MODEL.NUM_CLASSES", 400, "DATA.NUM_FRAMES", 4)


@dataclass
class Measured:
    """Seconds of each save: blocked, for which the loop stands still; of them, copying, of processor time of the loop's thread;
    writing, from its beginning until the file is on the disk; processor, of the writer's thread, where it has one."""

    blocked: list[float] = field(default_factory=list)
    copying: list[float] = field(default_factory=list)
    writing: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)

    def cost(self) -> float:
        """Seconds of training that a save takes where no core is idle, so that what the writer computes is lost too."""
        return statistics.median(self.blocked) + statistics.median(self.processor)


class Writer(BackgroundWriter):
    """Measures each write."""

    def __init__(self, found: Measured, *, background: bool) -> None:
        super().__init__(background=background)
        self._found = found

    def start(self, write: Callable[[], None]) -> None:
        def timed() -> None:
            began, processor = time.perf_counter(), time.thread_time()
            write()
            self._found.writing.append(time.perf_counter() - began)
            self._found.processor.append(time.thread_time() - processor if self.background else 0.0)

        super().start(timed)


class Training:
    """As much of a trainer as a checkpoint reads; an iteration is one of a small clip."""

    def __init__(self, side: int) -> None:
        cfg = load_config(None, [*SLOW_R50, "NUM_GPUS", 0])
        torch.manual_seed(0)
        self.model = build_model(cfg).train()
        self.optimizer = build_optimizer(cfg, self.model)
        self.clip, self.label = torch.randn(1, 3, 4, side, side), torch.zeros(1, dtype=torch.long)
        self.step, self.epoch, self.num_epochs = SimpleNamespace(carries=False), 1, 1000

    def iteration(self) -> None:
        self.optimizer.zero_grad()
        nn.functional.cross_entropy(self.model([self.clip]), self.label).backward()
        self.optimizer.step()

    def state_dict(self) -> dict[str, Any]:
        return {
            "epoch": 1, "iteration": 1,
            "model_state": self.model.state_dict(), "optimizer_state": self.optimizer.state_dict(),
        }  # fmt: skip


def measure(training: Any, folder: Path, *, background: bool, saves: int, every: float) -> Measured:
    found = Measured()
    writer = Writer(found, background=background)
    hook = CheckpointHook(output_dir=folder, period=1, minutes=0, cfg_text="", writer=writer)
    for _ in range(saves):
        began = time.perf_counter()
        while time.perf_counter() - began < every:
            training.iteration()
        now, processor = time.perf_counter(), time.thread_time()
        hook.save_last(training)
        found.blocked.append(time.perf_counter() - now)
        found.copying.append(time.thread_time() - processor)
    hook.close()
    return found


def size(state: Any) -> int:
    if isinstance(state, Tensor):
        return state.nbytes
    if isinstance(state, dict):
        return sum(map(size, state.values()))
    return sum(map(size, state)) if isinstance(state, list | tuple) else 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--saves", type=int, default=8, help="each way")
    parser.add_argument("--every", type=float, default=5.0, help="seconds of training before each")
    parser.add_argument("--side", type=int, default=64, help="of pictures, in pixels")
    parser.add_argument("--folder", type=Path, help="on the disk to measure; default: that for temporary files")
    options = parser.parse_args()
    training = Training(options.side)
    for _ in range(3):
        training.iteration()
    print(
        f"{size(training.state_dict()) / 1e6:.0f} MB a save, {torch.get_num_threads()} threads, load {os.getloadavg()[0]:.1f}"
    )
    print(
        "| saved | blocked, ms: first | median (range) of the others | the loop's processor time, ms | written in, s | "
        "the writer's processor time, ms | cost at one save a minute |\n| --- | --: | --: | --: | --: | --: | --: |"
    )
    for name, background in WAYS.items():
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            found = measure(training, Path(folder), background=background, saves=options.saves, every=options.every)
            assert checkpoint.load(checkpoint.last_path(folder))["epoch"] == 1
        first, *blocked = (1e3 * seconds for seconds in found.blocked)
        print(
            f"| {name} | {first:.0f} | {statistics.median(blocked):.0f} ({min(blocked):.0f}–{max(blocked):.0f}) | "
            f"{1e3 * statistics.median(found.copying):.0f} | {statistics.median(found.writing):.2f} | "
            f"{1e3 * statistics.median(found.processor):.0f} | {100 * found.cost() / MINUTE:.2f} % |"
        )


if __name__ == "__main__":
    main()
