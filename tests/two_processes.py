"""Two processes that talk to each other, forked from the one that tests: they start in no time."""

import multiprocessing
import os
import traceback
from collections.abc import Callable
from pathlib import Path

import torch
import torch.distributed as dist


def in_two_processes(job: Callable[[], None], folder: Path) -> None:
    """Runs `job` on both, joined by gloo, and fails with the traceback of whichever fails."""
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_run, args=(rank, job, folder)) for rank in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        process.kill()
        process.join()
    said = "\n".join(path.read_text() for path in sorted(folder.glob("failed*")))
    assert [process.exitcode for process in processes] == [0, 0], said


def _run(rank: int, job: Callable[[], None], folder: Path) -> None:
    try:
        torch.set_num_threads(1)
        dist.init_process_group("gloo", init_method=f"file://{folder / 'meeting'}", rank=rank, world_size=2)
        job()
        dist.destroy_process_group()
    except BaseException:
        (folder / f"failed{rank}").write_text(traceback.format_exc())
        os._exit(1)
    os._exit(0)
