"""A process of its own that trains for some iterations on made-up clips, and what it used: of memory, of time, of tensors."""

from __future__ import annotations

import json
import os
import tempfile
import time
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
from fvcore.common.config import CfgNode
from torch import nn
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop_count, sdpa_flop_count

from slowfast.commands.activation_meter import ActivationMeter
from slowfast.commands.plan_batches import made_batch
from slowfast.config import load_projects
from slowfast.engine.optimizer import build_optimizer, trainable
from slowfast.engine.tasks import build_train_step
from slowfast.engine.updater import Updater
from slowfast.engine.weight_average import WeightAverage
from slowfast.errors import UserError
from slowfast.models import build_model
from slowfast.runtime.children import obey_parent, starting_children
from slowfast.runtime.device import take_place
from slowfast.runtime.peak_memory import peak_memory_bytes

_SECONDS_TO_END = 5.0

_KINETO = {"cpu": 0, "cuda": 1}
"""Numbers of devices in the profiler's traces."""


class PlanError(UserError, RuntimeError):
    """A plan cannot be made. The text says what was tried and what would be right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a process used that trained on batches of `clips` samples.

    device: "cpu" or "cuda". fixed_bytes: its peak memory before there was a network, with all libraries and their kernels;
    growth_bytes: by how much the peak rose above that. iteration_bytes: the most that tensors of an iteration took together,
    gradients among them, besides what was there before; 0 where that was not counted. saved_bytes: the most that autograd
    kept for the way back. optimizer_bytes: of its state. frame_bytes: of one batch, as bytes. multiply_adds: of an iteration,
    with the way back. updates: of the weights, an iteration. seconds: of each iteration.
    """

    clips: int
    device: str
    fixed_bytes: int
    growth_bytes: int
    iteration_bytes: int
    saved_bytes: int
    optimizer_bytes: int
    frame_bytes: int
    multiply_adds: int
    updates: int
    seconds: tuple[float, ...]


def measured(
    cfg: CfgNode, *, clips: int, iterations: int = 2, limit: float = 0.0, counted: bool = True, stay: bool = False
) -> Measured:
    """Trains in a process of its own: on the first GPU where the config wants one and there is one, else on the CPU.

    iterations: of which memory is the peak and times are told, fewer where `limit` seconds are over before. counted: whether
    further iterations count tensors and multiply-adds. stay: whether gradients lie in buffers that outlive an iteration, as
    those of several processes do. Raises PlanError, with the text of the user's error where it was one.
    """
    context = get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    own = cfg.clone()
    own.defrost()
    own.NUM_GPUS = int(torch.cuda.is_available() and cfg.NUM_GPUS != 0)
    own.freeze()
    process = context.Process(target=_report, args=(theirs, own, clips, iterations, limit, counted, stay))
    with starting_children(spawned=True):
        process.start()
    theirs.close()
    try:
        kind, content = ours.recv()
    except EOFError:
        kind, content = "ended", ""
    finally:
        process.join(_SECONDS_TO_END)
        process.kill()
        process.join()
    if kind == "measured":
        return Measured(**content)
    if kind == "refused":
        raise PlanError(content)
    raise PlanError(
        f"a training with {clips} clips a process was tried and ended with code {process.exitcode}{content}; right would be a "
        "smaller TRAIN.BATCH_SIZE or DATA.TRAIN_CROP_SIZE where this machine has too little memory"
    )


def _report(pipe: Connection, cfg: CfgNode, *options: Any) -> None:
    """In the process: measures, and sends what was found or went wrong."""
    obey_parent()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # the profiler's own lines
    try:
        load_projects()
        pipe.send(("measured", _measure(cfg, *options)))
    except UserError as error:
        pipe.send(("refused", str(error)))
    except torch.OutOfMemoryError as error:
        pipe.send(("ended", f" ({str(error).splitlines()[0]})"))
    except Exception as error:
        pipe.send(("ended", f" ({type(error).__name__}: {error})"))


def _measure(cfg: CfgNode, clips: int, iterations: int, limit: float, counted: bool, stay: bool) -> dict[str, Any]:
    place = take_place(cfg, local_rank=0, processes=1 if cfg.NUM_GPUS else max(1, cfg.NUM_PROCS))
    _warm_up(place.device)
    fixed = peak_memory_bytes(place.device)
    training = _Training(cfg, place.device, clips, stay=stay)
    begun, seconds = time.perf_counter(), []
    for number in range(iterations):
        before = time.perf_counter()
        training.iterate(holds=number == 0 and cfg.TRAIN.ACCUMULATE > 1)
        seconds.append(time.perf_counter() - before)
        if limit and number and time.perf_counter() - begun > limit:
            break
    peak = peak_memory_bytes(place.device)
    training.updates = 0
    iteration = saved = multiply_adds = 0
    if counted:
        iteration = _tensors(training)
        training.updates = 0
        with ActivationMeter(exclude=training.model) as meter:
            training.iterate()
        saved = meter.peak_bytes
        multiply_adds = _multiply_adds(training)
    return {
        "clips": clips,
        "device": place.device.type,
        "fixed_bytes": fixed,
        "growth_bytes": peak - fixed,
        "iteration_bytes": iteration,
        "saved_bytes": saved,
        "optimizer_bytes": optimizer_bytes(training.optimizer),
        "frame_bytes": training.ahead.frames.nbytes,
        "multiply_adds": multiply_adds,
        "updates": training.updates // 2 if counted else 0,
        "seconds": tuple(seconds),
    }


class _Training:
    """A training without data, hooks and files. ahead: the next batch, which waits beside that which is learned from."""

    def __init__(self, cfg: CfgNode, device: torch.device, clips: int, *, stay: bool) -> None:
        self._cfg, self.device, self._clips = cfg, device, clips
        self.model = build_model(cfg).to(device).train()
        self.step = build_train_step(cfg)
        self.optimizer = build_optimizer(cfg, self.model)
        self._updater = Updater.from_cfg(cfg, model=self.model, optimizer=self.optimizer, device=device)
        self._average = WeightAverage(self.model, decay=cfg.TRAIN.EMA_DECAY) if cfg.TRAIN.EMA_DECAY else None
        self._frames = self.step.plan(cfg.SOLVER.MAX_EPOCH - 1, cfg.SOLVER.MAX_EPOCH).clip_frames
        self._gradients = [(one, torch.zeros_like(one)) for one in trainable(self.model)] if stay else []
        self.ahead = self.batch()
        self.updates = 0
        self.optimizer.register_step_post_hook(self._count)

    def iterate(self, *, holds: bool = False) -> None:
        batch, self.ahead = self.ahead, self.batch()
        self.learn(batch, holds=holds)
        if self._average is not None:
            self._average.update()

    def learn(self, batch: Any, *, holds: bool = False) -> None:
        self._updater.holds = holds
        for parameter, gradient in self._gradients:
            parameter.grad = gradient.zero_()
        self.step(self.model, batch, self._updater).loss.item()

    def batch(self) -> Any:
        return made_batch(self._cfg, clips=self._clips, frames=self._frames).to(self.device)

    def _count(self, *_: object) -> None:
        self.updates += 1


def optimizer_bytes(optimizer: torch.optim.Optimizer) -> int:
    """Of the state that it keeps now."""
    states = (value for state in optimizer.state.values() for value in state.values())
    return sum(value.nbytes for value in states if isinstance(value, torch.Tensor))


def _warm_up(device: torch.device) -> None:
    """Loads what computing needs of libraries, with a network of no size."""
    network = nn.Sequential(nn.Conv3d(3, 8, 3), nn.BatchNorm3d(8), nn.ReLU(), nn.AdaptiveAvgPool3d(1), nn.Flatten())
    network.append(nn.Linear(8, 2)).to(device)
    optimizer = torch.optim.AdamW(network.parameters(), fused=True)
    network(torch.rand(1, 3, 4, 8, 8, device=device)).sum().backward()
    optimizer.step()


def _tensors(training: _Training) -> int:
    """The most bytes that tensors of one iteration, its batches left out, have together on the device."""
    device = training.device.type
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if device == "cuda" else [])]
    batch = training.batch()
    with profile(activities=activities, profile_memory=True) as profiled:
        training.learn(batch)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "trace.json"
        profiled.export_chrome_trace(str(file))
        events = json.loads(file.read_text())["traceEvents"]
    memory = [
        event for event in events if event.get("name") == "[memory]" and event["args"].get("Device Type") == _KINETO[device]
    ]
    live = most = 0
    for event in sorted(memory, key=lambda event: float(event["ts"])):
        live += int(event["args"]["Bytes"])
        most = max(most, live)
    return most


def _multiply_adds(training: _Training) -> int:
    """Of an iteration, with the way back. PyTorch's counter does not know the attention of CPUs, which costs what others do."""
    aten: Any = torch.ops.aten
    known = {
        aten._scaled_dot_product_flash_attention_for_cpu: _attention,
        aten._scaled_dot_product_flash_attention_for_cpu_backward: _attention_back,
    }
    with FlopCounterMode(display=False, custom_mapping=known) as counter:
        training.iterate()
    return int(counter.get_total_flops()) // 2


def _attention(query: Any, key: Any, value: Any, *_: object, **more: object) -> int:
    """From shapes."""
    return int(sdpa_flop_count(query, key, value))  # type: ignore[no-untyped-call]


def _attention_back(gradient: Any, query: Any, key: Any, value: Any, *_: object, **more: object) -> int:
    return int(sdpa_backward_flop_count(gradient, query, key, value))  # type: ignore[no-untyped-call]
