"""Where a process computes, and how many threads it may keep busy there."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass

import torch
from fvcore.common.config import CfgNode

from slowfast.config import ConfigError
from slowfast.runtime.allocator import keep_freed_memory

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ThreadPlan:
    """Threads of one process. fits: whether all processes together keep no more threads busy than there are cores."""

    torch_threads: int
    loader_workers: int
    fits: bool


@dataclass(frozen=True, slots=True)
class Place:
    """What a process has at its disposal: a device, and a number of processes that load data for it."""

    device: torch.device
    loader_workers: int


def plan_threads(*, cores: int, processes: int, num_workers: int, on_gpu: bool) -> ThreadPlan:
    """Shares `cores` out to `processes`, each with its torch threads and loader workers (`num_workers`; -1: we choose).

    A network on a CPU costs many times what decoding its clips costs: loading gets a quarter of the cores, and at least one
    if computing keeps one. A process that computes on a GPU needs one core to feed it; loading gets the others. Without
    workers, loading and computing take turns, which costs no further thread.
    """
    share = cores // processes
    if num_workers >= 0:
        workers = num_workers
    elif on_gpu:
        workers = max(1, share - 1)
    else:
        workers = max(1, share // 4) if share > 1 else 0
    threads = max(1, share - workers)
    return ThreadPlan(threads, workers, fits=(threads + workers) * processes <= cores)


def available_cores() -> int:
    """Cores that this process may run on, which can be fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def uses_gpu(cfg: CfgNode) -> bool:
    return cfg.NUM_GPUS > 0 or (cfg.NUM_GPUS == -1 and torch.cuda.is_available())


def local_processes(cfg: CfgNode) -> int:
    """Processes on this machine: one for each GPU, or NUM_PROCS on the CPU. Raises ConfigError for GPUs that are not there."""
    if not uses_gpu(cfg):
        return int(cfg.NUM_PROCS)
    there = torch.cuda.device_count()
    if there < cfg.NUM_GPUS:
        raise ConfigError(
            key="NUM_GPUS", value=cfg.NUM_GPUS, why=f"this machine has {there} usable GPUs",
            right=f"at most {there}" if there else "0, to compute on the CPU",
        )  # fmt: skip
    return there if cfg.NUM_GPUS == -1 else int(cfg.NUM_GPUS)


def take_place(cfg: CfgNode, *, local_rank: int, processes: int) -> Place:
    """Chooses this process's device and sets the number of torch's threads; `processes` counts those on this machine.

    On a CPU, memory that is freed stays with the process (`keep_freed_memory`).
    """
    on_gpu = uses_gpu(cfg)
    cores = available_cores()
    plan = plan_threads(cores=cores, processes=processes, num_workers=cfg.DATA_LOADER.NUM_WORKERS, on_gpu=on_gpu)
    torch.set_num_threads(plan.torch_threads)
    if not plan.fits and local_rank == 0:
        logger.warning(
            "%d process(es) with %d torch thread(s) and %d loader worker(s) each want more than the %d core(s) there are; "
            "expect them to slow each other down (DATA_LOADER.NUM_WORKERS -1 chooses a number that fits)",
            processes, plan.torch_threads, plan.loader_workers, cores,
        )  # fmt: skip
    if not on_gpu:
        keep_freed_memory()
        return Place(torch.device("cpu"), plan.loader_workers)
    torch.cuda.set_device(local_rank)
    _set_up_gpu(tf32=cfg.TF32, tell=local_rank == 0)
    return Place(torch.device("cuda", local_rank), plan.loader_workers)


def _set_up_gpu(*, tf32: bool, tell: bool) -> None:
    torch.set_float32_matmul_precision("high" if tf32 else "highest")
    torch.backends.cudnn.allow_tf32 = tf32
    torch.backends.cudnn.benchmark = True  # clips of a training have one shape, or a few
    if tell:
        logger.info(
            "float32 products on the GPU: %s; cuDNN tries its kernels for each new shape and takes the fastest, so that two "
            "runs can differ in the last digits",
            "TF32" if tf32 else "full precision (TF32 False)",
        )  # fmt: skip
