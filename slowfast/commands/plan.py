"""What a training needs before anything of it is there: parameters, operations, memory, time and bytes on the wire.

No data is read. A process of its own trains twice on a few made-up clips, at two batch sizes; lines through what it used
tell what other batches would.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from fvcore.common.config import CfgNode
from torch import nn

from slowfast.commands import plan_process
from slowfast.commands.activation_meter import ActivationMeter
from slowfast.commands.plan_fit import RESERVE, Fit, fitted
from slowfast.commands.plan_lengths import Length, other_lengths
from slowfast.commands.plan_memory import Kept, Memory, sizes_to_measure
from slowfast.commands.plan_process import Measured, PlanError
from slowfast.commands.plan_time import Probe, Samples
from slowfast.commands.plan_wire import Wire
from slowfast.config import ConfigError
from slowfast.engine.clip_shapes import shape_of_batch
from slowfast.engine.optimizer import trainable
from slowfast.engine.steps import with_short_clips
from slowfast.engine.tasks import build_train_step
from slowfast.models import build_model
from slowfast.runtime.device import local_processes

PROBE_SECONDS = 120.0
"""After which a probe ends, whatever it was to do; it has fewer clips where one iteration would take a quarter of it."""

Load = Callable[[Sequence[object]], CfgNode]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is asked of a plan. fit: bytes of memory to fill, or None. processes: that share the batch; None: as configured.
    samples: of an epoch; None: as published. iterations: of the probe; 0: none. flops: operations a second of a GPU, of which
    training uses the part `efficiency`. bandwidth: bytes a second between processes."""

    fit: int | None = None
    processes: int | None = None
    samples: int | None = None
    iterations: int = 20
    flops: float = 100e12
    efficiency: float = 0.4
    bandwidth: float = 10e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A training by `cfg` of `processes`, with `clips` samples each. few: what was measured with the fewest clips. trained: of
    the parameters. probe, probed: times of a training with as many clips, and its memory; None without. fits: by what has to
    fit into `wanted.fit`."""

    cfg: CfgNode
    wanted: Wanted
    processes: int
    clips: int
    parameters: int
    trained: int
    carried_bytes: int
    few: Measured
    memory: Memory
    wire: Wire
    samples: Samples
    probed: Measured | None = None
    fits: dict[str, Fit] = field(default_factory=dict)
    lengths: tuple[Length, ...] = ()

    @property
    def probe(self) -> Probe | None:
        return None if self.probed is None else Probe(clips=self.probed.clips, seconds=self.probed.seconds)

    @property
    def multiply_adds(self) -> float:
        """Of a sample in training."""
        return self.few.multiply_adds / self.few.clips

    def facts(self) -> dict[str, Any]:
        """All figures, for a file of JSON; bytes, seconds and multiply-adds."""
        clips = self.clips
        return {
            "network": {
                "parameters": self.parameters, "trained": self.trained, "multiply_adds": self.multiply_adds,
                "carried_bytes": self.carried_bytes,
            },
            "batch": {"clips": clips, "processes": self.processes, "updates_an_iteration": self.few.updates},
            "memory": {
                **asdict(self.memory.kept), "batches": self.memory.batches(clips),
                "iteration": self.memory.iteration(clips), "saved": self.memory.saved(clips),
                "tensors": self.memory.tensors(clips), "process": self.memory.process(clips), "fixed": self.memory.fixed,
                "measured_with": self.memory.sizes,
            },
            "wire": {"messages": self.wire.messages},
            "samples": asdict(self.samples),
            "probe": None if self.probed is None else asdict(self.probed),
            "fits": {name: asdict(fit) for name, fit in self.fits.items()},
            "lengths": [asdict(length) for length in self.lengths],
            "wanted": asdict(self.wanted),
        }  # fmt: skip


def make_plan(load: Load, wanted: Wanted, *, tell: Callable[[str], None] = print) -> Plan:
    """load: the config, with further options behind its own. tell: hears what takes a while.

    Raises ConfigError and PlanError."""
    cfg = load(())
    if not cfg.TRAIN.ENABLE:
        raise ConfigError(key="TRAIN.ENABLE", value=False, why="a plan is one of a training", right="True")
    processes = wanted.processes or configured_processes(cfg)
    if cfg.TRAIN.BATCH_SIZE % processes:
        raise PlanError(
            f"TRAIN.BATCH_SIZE {cfg.TRAIN.BATCH_SIZE} cannot be shared by {processes} processes; right would be "
            f"{max(1, cfg.TRAIN.BATCH_SIZE // processes) * processes}"
        )
    clips = cfg.TRAIN.BATCH_SIZE // processes
    with torch.device("meta"):
        model = build_model(cfg)
    kept = Kept.of(cfg, model, processes=processes)
    sizes = sizes_to_measure(saved_each=saved_on_shapes(cfg, model), weights=kept.weights, batch=clips)
    tell(f"training with {sizes[0]} and {sizes[1]} clips ...")
    few, more = (plan_process.measured(cfg, clips=size, stay=processes > 1) for size in sizes)
    memory = Memory.between(kept, few, more)
    probed = None
    if wanted.iterations:
        each = min(few.seconds) / few.clips
        size = clips if each * clips <= PROBE_SECONDS / 4 else min(clips, more.clips)
        tell(f"probing with {size} clips ...")
        probed = plan_process.measured(
            cfg, clips=size, iterations=wanted.iterations, limit=PROBE_SECONDS, counted=False, stay=processes > 1
        )
    fits = {} if wanted.fit is None else fits_of(cfg, memory, wanted.fit, processes)
    lengths = () if wanted.fit is None else other_lengths(load, cfg, wanted.fit, clips=clips, memory=memory, tell=tell)
    return Plan(
        cfg=cfg,
        wanted=wanted,
        processes=processes,
        clips=clips,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        trained=kept.gradients // 4,
        carried_bytes=getattr(model, "memory_bytes", 0),
        few=few,
        memory=memory,
        wire=Wire.of(list(trainable(model))),
        samples=Samples.of(cfg, wanted.samples),
        probed=probed,
        fits=fits,
        lengths=lengths,
    )


def configured_processes(cfg: CfgNode) -> int:
    """Of the whole run; GPUs that are configured by number need not be here."""
    here = int(cfg.NUM_GPUS) if cfg.NUM_GPUS > 0 else local_processes(cfg)
    return here * int(cfg.NUM_SHARDS)


def fits_of(cfg: CfgNode, memory: Memory, size: int, processes: int) -> dict[str, Fit]:
    """Of a GPU, and where the CPU was measured, of a process on it."""
    fits = {"gpu": fitted(cfg, lambda clips: memory.tensors(clips) + RESERVE, size, processes=processes)}
    if memory.growth is not None:
        fits["process"] = fitted(cfg, lambda clips: memory.process(clips) or 0, size, processes=processes)
    return fits


def saved_on_shapes(cfg: CfgNode, model: nn.Module) -> int:
    """Bytes that autograd keeps of one clip, from shapes alone; 0 where the network does not run on them. The model then
    has the memory that its steps carry."""
    step, short = with_short_clips(build_train_step, cfg)
    try:
        with ActivationMeter(exclude=model) as meter:
            step.forward_only(model.train(), shape_of_batch(short, side=cfg.DATA.TRAIN_CROP_SIZE))
    except (RuntimeError, ValueError, NotImplementedError):  # the training that follows says what is wrong, if anything is
        return 0
    return meter.peak_bytes
