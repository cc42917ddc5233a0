"""What `training.py` measures, each in a process of its own:

    python benchmarks/training_jobs.py JOB '{"KEY": VALUE, ...}'

The last line it prints is a JSON object.
"""

from __future__ import annotations

import json
import logging
import math
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from gpu_trace import idle_times
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode
from training_ways import LONG, Way, config, random_frames
from training_yardsticks import Yardstick

from slowfast.commands.activation_meter import ActivationMeter
from slowfast.engine.compiling import compile_for_training, eager
from slowfast.engine.optimizer import build_optimizer
from slowfast.engine.tasks import build_train_step
from slowfast.engine.updater import Updater
from slowfast.errors import UserError
from slowfast.models import build_model
from slowfast.models.layers.norm import FrozenBatchNorm3d
from slowfast.models.normalize import Normalizer
from slowfast.models.pathways import PathwayPicker
from slowfast.runtime.device import take_place
from slowfast.runtime.peak_memory import peak_memory_bytes
from slowfast.structures import ClipBatch

Result = dict[str, Any]
Weights = dict[str, Tensor]
SETTLING_CROP = 64
PROFILED_ITERATIONS = 3
LEAST_TURNS = 2
PRODUCTS = {"aten::mm", "aten::addmm", "aten::bmm", "aten::baddbmm"}


class Contender(Protocol):
    """frames: of all clips of an iteration. run: an iteration, which may still go on in the device's queue when it returns."""

    model: torch.nn.Module
    optimizer: torch.optim.Optimizer
    frames: int
    run: Callable[[], None]


class Ours:
    """An iteration of what this library's trainer does with a batch that is on the device."""

    def __init__(self, cfg: Any, device: torch.device, start: Weights) -> None:
        self.model = build_model(cfg)
        self.model.load_state_dict(start)
        self.model.to(device).train()
        if cfg.TRAIN.COMPILE:
            compile_for_training(self.model, device)
        self.step = build_train_step(cfg)
        self.step.plan(0, cfg.SOLVER.MAX_EPOCH)
        self.optimizer = build_optimizer(cfg, self.model)
        self.updater = Updater.from_cfg(cfg, model=self.model, optimizer=self.optimizer, device=device)
        size, frames = cfg.TRAIN.BATCH_SIZE, cfg.DATA.NUM_FRAMES
        self.frames = size * frames
        self.batch = ClipBatch(
            frames=random_frames(cfg).to(device),
            times=torch.zeros((size, frames), device=device),
            labels=torch.zeros(size, dtype=torch.long, device=device),
            frame_labels=None,
            videos=torch.arange(size),
            views=torch.zeros(size, dtype=torch.long),
            names=tuple(map(str, range(size))),
        )

    def run(self) -> None:
        self.step(self.model, self.batch, self.updater)


def first_weights(network: str, norm: str, *, tiny: bool) -> Weights:
    """Random weights, with frozen norms that have the statistics of a random clip.

    Without these the activations of a network whose norms do nothing grow from block to block until the softmax is saturated;
    then gradients are too small for normal floats, and a processor takes many times as long.
    """
    cfg = config(Way(name=""), network, norm=norm, crop=SETTLING_CROP, batch=1, tiny=tiny)
    model = build_model(cfg).train()

    def settle(norm: FrozenBatchNorm3d, inputs: tuple[Tensor]) -> None:
        norm.running_mean.copy_(inputs[0].mean((0, 2, 3, 4)))
        norm.running_var.copy_(inputs[0].var((0, 2, 3, 4), correction=0))

    for module in model.modules():
        if isinstance(module, FrozenBatchNorm3d):
            module.register_forward_pre_hook(settle)
    frames = random_frames(cfg)
    with torch.no_grad():
        model(PathwayPicker.from_cfg(cfg).pick(Normalizer.from_cfg(cfg)(frames)))
    return model.state_dict()


class Bench:
    """Builds contenders on one device. settings: crop, batch, tiny (see `training_ways.config`), device, threads."""

    def __init__(self, settings: Result) -> None:
        self.shape = {key: settings[key] for key in ("crop", "batch", "tiny")}
        self.device = torch.device(settings["device"])
        self.threads = settings["threads"]
        torch.set_flush_denormal(True)  # random weights give numbers that trained ones do not, which cost many times as much

    def build(self, way: Result, network: str, norm: str) -> Contender:
        """Raises UserError for options that do not go together."""
        parsed = Way(**{**way, "options": tuple(way["options"])})
        cfg = config(parsed, network, norm=norm, **self.shape)
        self.take_place(cfg)
        torch.manual_seed(0)
        start = first_weights(network, norm, tiny=self.shape["tiny"])
        if parsed.kind == "ours":
            return Ours(cfg, self.device, start)
        return Yardstick(parsed, network, cfg, self.device, start)

    def take_place(self, cfg: Any) -> None:
        """What a training sets up on the device, and then the number of threads that was asked for."""
        if self.device.type == "cuda":
            on_gpu = cfg.clone()
            on_gpu.defrost()
            on_gpu.NUM_GPUS = 1
            take_place(on_gpu, local_rank=0, processes=1)
        torch.set_num_threads(self.threads)

    def wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize()


def times(network: str, norm: str, ways: Sequence[Result], turns: int, least: float, most: float, settings: Result) -> Result:
    """Seconds a frame of every way, on the clock and of the processor, in turns; each turn of a way lasts `least` seconds or an
    iteration, whichever is longer. A way that has taken `most` seconds has no more turns than two. One that cannot be run has
    the reason instead."""
    bench, found = Bench(settings), {}
    contenders: dict[str, tuple[Contender, int]] = {}
    for way in ways:
        try:
            contender = bench.build(way, network, norm)
            contenders[way["name"]] = contender, _iterations(contender, way, least, bench)
        except (UserError, torch.OutOfMemoryError) as error:
            found[way["name"]] = {"problem": _one_line(error)}
            contender = None
    for name, (contender, _) in contenders.items():
        found[name] = {"frames": contender.frames, "wall": [], "processor": []}
    spent = dict.fromkeys(contenders, 0.0)
    for turn in range(turns):
        order = [name for name in contenders if turn < LEAST_TURNS or spent[name] < most]
        for name in order if turn % 2 == 0 else reversed(order):
            contender, iterations = contenders[name]
            wall, processor = _measured(contender, iterations, bench)
            spent[name] += wall
            found[name]["wall"].append(wall / iterations / contender.frames)
            found[name]["processor"].append(processor / iterations / contender.frames)
    return {"ways": {way["name"]: found[way["name"]] for way in ways}}


def _iterations(contender: Contender, way: Result, least: float, bench: Bench) -> int:
    """How many last `least` seconds, after some that do not count: kernels are chosen, graphs compiled, the optimizer's state
    made. Of a long video there is one; a shorter one has met the shapes of its steps before."""
    if way["steps"] > LONG:
        return 1
    first, _ = _measured(contender, 1, bench)
    if not least:
        return 1
    usual = _measured(contender, 1, bench)[0] if first < 2 * least or way["options"] else first
    return max(1, math.ceil(least / usual))


def memory(network: str, norm: str, way: Result, settings: Result) -> Result:
    """The peak of this process (on a GPU: of its allocator) after two iterations, of long videos one, with all that the
    optimizer keeps; in another iteration that of what autograd saves; on a GPU in one more the floating-point operations."""
    bench = Bench(settings)
    try:
        contender = bench.build(way, network, norm)
        make_state(contender)
        for _ in range(1 if way["steps"] >= LONG else 2):
            contender.run()
        bench.wait()
        process = peak_memory_bytes(bench.device)
        with ActivationMeter(exclude=contender.model) as meter:
            contender.run()
        operations = None
        if bench.device.type == "cuda":
            # A compiled graph hides its operations, so that the same ones are counted without it.
            with eager(), FlopCounterMode(display=False) as counter:
                contender.run()
            operations = counter.get_total_flops()
    except (UserError, torch.OutOfMemoryError) as error:
        return {"problem": _one_line(error)}
    return {"process": process, "activations": meter.peak_bytes, "operations": operations, "frames": contender.frames}


def make_state(contender: Contender) -> None:
    """Has the optimizer make all that it keeps, which it does at the first update."""
    for parameter in contender.model.parameters():
        if parameter.requires_grad:
            parameter.grad = torch.zeros_like(parameter)
    contender.optimizer.step()
    contender.optimizer.zero_grad(set_to_none=True)


def matmul_peak(side: int, repeats: int, settings: Result) -> Result:
    """The most operations a second that products of two bf16 matrices reached."""
    bench = Bench(settings)
    left, right = (torch.randn((side, side), device=bench.device).bfloat16() for _ in range(2))
    seconds = []
    for _ in range(repeats + 1):
        bench.wait()
        begun = time.perf_counter()
        for _ in range(10):
            left @ right
        bench.wait()
        seconds.append((time.perf_counter() - begun) / 10)
    return {"peak": 2 * side**3 / min(seconds[1:])}


def profile(network: str, norm: str, way: Result, path: str, settings: Result) -> Result:
    """Writes a trace of some iterations, and finds when the GPU had nothing to do, and how many seconds of an iteration it took
    for convolutions and products of matrices (`convolutions`: the time of kernels that these operators started)."""
    bench = Bench(settings)
    try:
        contender = bench.build(way, network, norm)
        for _ in range(2):
            contender.run()
        bench.wait()
        activities = [torch.profiler.ProfilerActivity.CPU]
        if torch.cuda.is_available():
            activities.append(torch.profiler.ProfilerActivity.CUDA)
        with torch.profiler.profile(activities=activities) as profiler:
            for number in range(PROFILED_ITERATIONS):
                with torch.profiler.record_function(f"iteration {number}"):
                    contender.run()
            bench.wait()
    except (UserError, torch.OutOfMemoryError) as error:
        return {"problem": _one_line(error)}
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    profiler.export_chrome_trace(path)
    idle = idle_times(json.loads(Path(path).read_text(encoding="utf-8"))["traceEvents"])
    own = [(event.key, event.self_device_time_total) for event in profiler.key_averages()]
    seconds = sum(time for name, time in own if name in PRODUCTS or "convolution" in name) / 1e6
    return {**idle, "convolutions": seconds / PROFILED_ITERATIONS}


def _measured(contender: Contender, iterations: int, bench: Bench) -> tuple[float, float]:
    """Seconds of so many iterations: on the clock, of the processor."""
    bench.wait()
    begun = time.perf_counter(), time.process_time()
    for _ in range(iterations):
        contender.run()
    bench.wait()
    return time.perf_counter() - begun[0], time.process_time() - begun[1]


def _one_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0]


JOBS: dict[str, Callable[..., Result]] = {job.__name__: job for job in (times, memory, matmul_peak, profile)}


def run(name: str, options: Result) -> Result:
    logging.disable(logging.WARNING)
    return {**JOBS[name](**options), "cores": sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []}


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1], json.loads(sys.argv[2]))))
