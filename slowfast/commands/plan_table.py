"""A plan as tables of text, at most 100 columns wide."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from slowfast.commands.plan import Plan
from slowfast.commands.plan_fit import RESERVE
from slowfast.commands.plan_time import compute_seconds
from slowfast.runtime.tables import Cell, format_table

WIDTH = 100
GROUPS = (1, 8, 64)
"""Numbers of GPUs, or of processes on the wire, that are told."""

MIB, GB = 2**20, 1e9
HOUR = 3600.0

NOTHING = "nothing: not even one clip fits"


def plan_text(plan: Plan) -> str:
    """All sections, one below the other."""
    parts = [_head(plan), _network(plan), _memory(plan), _time(plan), _wire(plan), *_fit(plan)]
    return "\n\n".join(parts)


def _head(plan: Plan) -> str:
    cfg = plan.cfg
    share = f"{plan.clips} clips" if plan.processes == 1 else f"{plan.clips} clips in each of {plan.processes} processes"
    text = (
        f"{cfg.MODEL.MODEL_NAME} ({cfg.MODEL.ARCH}), {cfg.DATA.NUM_FRAMES} frames of {cfg.DATA.TRAIN_CROP_SIZE} x "
        f"{cfg.DATA.TRAIN_CROP_SIZE}, {share}; measured on {plan.few.device} with {plan.memory.sizes[0]} and "
        f"{plan.memory.sizes[1]} made-up clips. Figures are estimates."
    )
    if cfg.TRAIN.COMPILE:
        text += " TRAIN.COMPILE was left out, so that times and memory are those of the network as it is."
    if cfg.BN.NORM_TYPE == "sync_batchnorm" and plan.processes > 1:
        text += " What sync_batchnorm sends at every norm is not counted."
    return _wrapped(text)


def _network(plan: Plan) -> str:
    rows: list[Sequence[Cell]] = [
        ("parameters, M", plan.parameters / 1e6),
        ("of them trained, M", plan.trained / 1e6),
        ("multiply-adds of a training clip, forward and back, G", plan.multiply_adds / 1e9),
        ("updates of the weights an iteration", plan.few.updates / plan.cfg.TRAIN.ACCUMULATE),
    ]
    if plan.carried_bytes:
        rows.append(("carried from step to step for a clip, MiB", plan.carried_bytes / MIB))
    return format_table(("network", ""), rows)


def _memory(plan: Plan) -> str:
    memory, clips, kept = plan.memory, plan.clips, plan.memory.kept
    optimizer = plan.cfg.SOLVER.OPTIMIZING_METHOD
    rows: list[Sequence[Cell]] = [
        ("weights", kept.weights / MIB),
        (f"state of the optimizer ({optimizer})", kept.optimizer / MIB),
        ("average of the weights", kept.average / MIB),
        ("gradients of several processes, in the buffers that are sent", kept.sending / MIB),
        ("frames of two batches", memory.batches(clips) / MIB),
        ("an iteration at its most: activations, gradients, results in passing", memory.iteration(clips) / MIB),
        ("  of which kept for the way back", memory.saved(clips) / MIB),
        ("  gradients of one process, at the end of the way back", 0.0 if kept.sending else kept.gradients / MIB),
        ("all tensors", memory.tensors(clips) / MIB),
    ]
    process = memory.process(clips)
    if process is not None:
        rows += [
            ("interpreter and libraries, before there is a network", memory.fixed / MIB),
            ("process at its peak, with what kernels and the C library add", process / MIB),
        ]
    if plan.probed is not None and memory.growth is not None:
        peak = plan.probed.fixed_bytes + plan.probed.growth_bytes
        rows.append((f"  as the probe with {plan.probed.clips} clips found", peak / MIB))
    rows.append(("a checkpoint, on the disk", kept.checkpoint / MIB))
    return format_table((f"memory of a process, {clips} clips", "MiB"), rows)


def _time(plan: Plan) -> str:
    samples, epochs = plan.samples, plan.cfg.SOLVER.MAX_EPOCH
    known = f"{samples.count} samples ({samples.source})" if samples.source else f"{samples.count} samples"
    rows: list[Sequence[Cell]] = []
    if plan.probe is not None:
        probe = plan.probe
        epoch = probe.epoch(samples.count, processes=plan.processes)
        rows += [
            (f"an iteration here, {probe.clips} clips (median of {len(probe.seconds)}), seconds", probe.iteration),
            (f"an epoch here, {plan.processes} such processes, hours", epoch / HOUR),
            (f"{epochs} epochs here, hours", epochs * epoch / HOUR),
        ]
    for gpus in GROUPS:
        seconds = compute_seconds(
            multiply_adds=plan.multiply_adds, samples=samples.count, gpus=gpus, flops=plan.wanted.flops,
            efficiency=plan.wanted.efficiency,
        )  # fmt: skip
        rows.append((f"{epochs} epochs on {gpus} GPU{'s' if gpus > 1 else ''}, hours", epochs * seconds / HOUR))
    text = format_table((f"time, epochs of {known}", ""), rows, decimals=3)
    note = (
        f"Loading is not counted, nor validation. A GPU does {plan.wanted.flops / 1e12:g}e12 operations a second (--flops), "
        f"and training uses {plan.wanted.efficiency:.0%} of them (--efficiency)."
    )
    if not samples.source:
        note += " How many samples an epoch has is not known without the data: --samples says it."
    return f"{text}\n{_wrapped(note)}"


def _wire(plan: Plan) -> str:
    wire, bandwidth = plan.wire, plan.wanted.bandwidth
    rows: list[Sequence[Cell]] = [
        (f"{count} processes", wire.bytes_sent(count) / MIB, wire.parts_sent(count), wire.seconds(count, bandwidth=bandwidth))
        for count in (2, *GROUPS[1:])
    ]
    head = ("wire, an update of each process", "MiB sent", "sends", "seconds")
    text = format_table(head, rows, decimals=3)
    note = (
        f"In {len(wire.messages)} ring all-reduces: gradients in buckets, and {wire.messages[-1]} bytes of facts. Seconds are "
        f"at {bandwidth / GB:g} GB/s (--bandwidth), without latencies; buckets leave while the last backward pass runs."
    )
    return f"{text}\n{_wrapped(note)}"


def _fit(plan: Plan) -> Iterator[str]:
    if plan.wanted.fit is None:
        return
    size = plan.wanted.fit
    names = {"gpu": f"GPU (all tensors and {RESERVE / GB:g} GB)", "process": "process on this CPU"}
    rows: list[Sequence[Cell]] = [(names[name], fit.clips, fit.bytes_needed / GB) for name, fit in plan.fits.items()]
    yield format_table((f"what fits into {size / GB:g} GB", "clips a process", "GB"), rows)
    lines = [f"{names[name]}: {fit.line()}" for name, fit in plan.fits.items() if fit.clips]
    yield "Set, with the learning rate in proportion to the batch:\n" + "\n".join(map(_wrapped, lines or [NOTHING]))
    taken = [length for length in plan.lengths if not length.refused]
    if taken:
        lengths: list[Sequence[Cell]] = [
            (length.options or "as configured", length.frames, length.tensors / MIB, length.clips) for length in taken
        ]
        yield format_table(("other steps", "frames", f"MiB, {plan.clips} clips", "clips that fit"), lengths)
    for length in plan.lengths:
        if length.refused:
            yield _wrapped(f"{length.options}: {length.refused}")


def _wrapped(text: str) -> str:
    return textwrap.fill(text, width=WIDTH, break_long_words=False, break_on_hyphens=False)
