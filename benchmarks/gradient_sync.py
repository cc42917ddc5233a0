"""What sending gradients between two processes of this machine costs, beside DistributedDataParallel.

The gradients of an update are found on random clips four ways, in turns: each process alone; sent after the last backward pass;
sent while it runs, as training does; and by PyTorch's own wrapper. Bytes and messages are counted, times are of the wall.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from slowfast.config import load_config
from slowfast.engine.gradient_sync import GradientSync
from slowfast.models import build_model
from slowfast.runtime.tables import format_table

WAYS = ("alone", "after the pass", "during the pass", "DistributedDataParallel")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cfg", default="configs/Kinetics/SLOWONLY.yaml", help="whose network is trained")
    parser.add_argument("--crop", type=int, default=64, help="pixels")
    parser.add_argument("--passes", type=int, default=1, help="backward passes an update")
    parser.add_argument("--turns", type=int, default=5)
    options = parser.parse_args()
    mp.spawn(process, (options,), nprocs=2)


def process(rank: int, options: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method="tcp://127.0.0.1:29533", rank=rank, world_size=2)
    cfg = load_config(options.cfg, ["DATA.TRAIN_CROP_SIZE", options.crop, "DATA.TRAIN_JITTER_SCALES", [options.crop] * 2])
    clip = [torch.randn(1, 3, cfg.DATA.NUM_FRAMES, options.crop, options.crop)]
    updates = {way: Update(way, build_model(cfg).train(), clip, options.passes) for way in WAYS}
    for update in updates.values():
        update()
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(options.turns):
        for way, update in updates.items():
            dist.barrier()
            begin = time.perf_counter()
            update()
            seconds[way].append(time.perf_counter() - begin)
    if rank == 0:
        report(seconds, updates["during the pass"])
    dist.destroy_process_group()


class Update:
    """Calling it makes the gradients of an update, and for all ways but the first averages them. messages: their elements."""

    def __init__(self, way: str, model: nn.Module, clip: list[Tensor], passes: int) -> None:
        self.way, self.model, self.clip, self.passes = way, model, clip, passes
        self.messages: list[int] = []
        self.wrapped = DistributedDataParallel(model, gradient_as_bucket_view=True) if way == WAYS[3] else None
        self.sync = GradientSync(list(model.parameters())) if way in WAYS[1:3] else None

    def __call__(self) -> None:
        with counting(self.messages):
            for number in range(self.passes):
                self.one_pass(last=number == self.passes - 1)
            if self.sync:
                self.sync.average(torch.zeros(()))
        if self.sync:
            self.sync.clear()
        else:
            self.model.zero_grad(set_to_none=self.wrapped is None)

    def one_pass(self, *, last: bool) -> None:
        if self.wrapped is None:
            if self.sync and last and self.way == WAYS[2]:
                self.sync.completes()
            self.model(self.clip).sum().backward()
            return
        self.wrapped.require_backward_grad_sync = last
        self.wrapped(self.clip).sum().backward()


class counting:  # noqa: N801 - used as a function
    """While the block runs, the elements of messages are noted anew."""

    def __init__(self, messages: list[int]) -> None:
        self.messages, self.send = messages, dist.all_reduce

    def __enter__(self) -> None:
        self.messages.clear()
        dist.all_reduce = self.noting

    def __exit__(self, *error: object) -> None:
        dist.all_reduce = self.send

    def noting(self, tensor: Tensor, *args: object, **options: object) -> object:
        self.messages.append(tensor.numel() * tensor.element_size())
        send: Callable[..., object] = self.send
        return send(tensor, *args, **options)


def report(seconds: dict[str, list[float]], update: Update) -> None:
    alone = statistics.median(seconds[WAYS[0]])
    rows = [
        [way, f"{1e3 * statistics.median(times):.0f}", f"{1e3 * min(times):.0f}", f"{statistics.median(times) / alone:.2f}"]
        for way, times in seconds.items()
    ]
    print(format_table(["gradients are sent", "ms an update, median", "least", "against alone"], rows))
    print(f"{len(update.messages)} messages, {sum(update.messages) / 1e6:.2f} MB an update and process")


if __name__ == "__main__":
    main()
