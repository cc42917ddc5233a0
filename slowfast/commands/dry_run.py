"""What a training would be, without training: everything is built, and some batches are read and learned from on the way."""

from __future__ import annotations

import itertools
import tempfile
import time
from pathlib import Path

import torch
from fvcore.common.config import CfgNode

from slowfast.commands.model_cost import model_cost
from slowfast.config import ConfigError
from slowfast.datasets import ClipLoader, LaneLoader, build_loader
from slowfast.engine.preflight import check_run
from slowfast.engine.trainer import Trainer
from slowfast.engine.training import build_trainer
from slowfast.runtime.device import local_processes, take_place
from slowfast.runtime.interruption import StopRequest
from slowfast.runtime.peak_memory import peak_memory_bytes
from slowfast.runtime.tables import Cell, format_table
from slowfast.structures import ClipBatch, LaneBatch

BATCHES = 4
"""Of which the first is not timed: it waits for workers, kernels and memory."""

MIB, GB = 2**20, 1e9


def dry_run(cfg: CfgNode) -> str:
    """A table of what one process of the training would do. Nothing is left on the disk but what data sets that draw or fetch
    themselves write. Raises the errors that the run would have ended with, and ConfigError where nothing is trained."""
    if not cfg.TRAIN.ENABLE:
        raise ConfigError(key="TRAIN.ENABLE", value=False, why="a dry run is one of a training", right="True")
    processes = local_processes(cfg) * cfg.NUM_SHARDS
    with tempfile.TemporaryDirectory(prefix="slowfast-") as scratch:
        own = cfg.clone()
        own.defrost()
        own.OUTPUT_DIR = str(Path(scratch) / "run")
        own.TENSORBOARD.ENABLE = False
        own.freeze()
        place = take_place(own, local_rank=0, processes=local_processes(own))
        check_run(own, place)
        size = max(1, own.TRAIN.BATCH_SIZE // processes)
        with build_loader(
            own, "train", batch_size=size, world_size=processes, num_workers=place.loader_workers
        ) as loader:  # fmt: skip
            trainer = build_trainer(own, place, StopRequest(), loader=loader, val_loader=None)
            trainer.model.train()
            trainer.step.plan(0, own.SOLVER.MAX_EPOCH)
            reading, learning, shape = _times(trainer, place.device)
            rows = _rows(own, processes, loader, shape)
    cost = model_cost(own)
    slower = max(reading, learning) if place.loader_workers else reading + learning
    rows += [
        ("parameters, M", cost.parameters / 1e6),
        ("GFLOPs of a view in tests" if not own.DATA.LANE_PIECES else "GFLOPs of a step", cost.multiply_adds / GB),
        ("memory that crosses a step's border, kB", cost.memory_bytes / 1e3),
        ("ms a batch to read it" + (f" ({place.loader_workers} workers)" if place.loader_workers else ""), 1000 * reading),
        ("ms a batch to learn from it", 1000 * learning),
        ("peak memory of this process, MiB" if place.device.type == "cpu" else "peak memory of the GPU, MiB",
         peak_memory_bytes(place.device) / MIB),
        ("about minutes an epoch, without validation", slower * len(loader) / 60),
        ("about hours in all, without validation", slower * len(loader) * own.SOLVER.MAX_EPOCH / 3600),
    ]  # fmt: skip
    return format_table(("one process of this training" if processes > 1 else "this training", ""), rows)


def _times(trainer: Trainer, device: torch.device) -> tuple[float, float, ClipBatch | LaneBatch]:
    """Seconds to read a batch and to learn from it, and the last one."""
    reading = learning = 0.0
    batches = itertools.islice(trainer.loader.batches(0), BATCHES)
    number = 0
    while True:
        before = time.perf_counter()
        batch = next(batches, None)
        came = time.perf_counter()
        if batch is None:
            break
        trainer.step(trainer.model, batch.to(device), trainer.updater).loss.item()
        done = time.perf_counter()
        last, number = batch, number + 1
        if number > 1 or len(trainer.loader) == 1:
            reading, learning = reading + came - before, learning + done - came
    timed = max(number - 1, 1)
    return reading / timed, learning / timed, last


def _rows(
    cfg: CfgNode, processes: int, loader: ClipLoader | LaneLoader, batch: ClipBatch | LaneBatch
) -> list[tuple[str, Cell]]:
    shape = " x ".join(map(str, batch.frames.shape))
    return [
        ("network", f"{cfg.MODEL.MODEL_NAME} ({cfg.MODEL.ARCH})"),
        ("data set", f"{cfg.TRAIN.DATASET}: {len(loader.dataset.records)} videos, {loader.dataset.num_classes} classes"),
        ("a batch (clips, colours, frames, height, width)", shape),
        ("processes", processes),
        ("batches an epoch", len(loader)),
        ("epochs", cfg.SOLVER.MAX_EPOCH),
    ]
