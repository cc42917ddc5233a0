"""What a network remembers, operator by operator, and what was not given a memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from pgt.cell import Cell
from pgt.operators import (
    CausalClassTokenMean,
    CausalPositions,
    CompressedClipAttention,
    CompressedPooledAttention,
    MarkovAttention,
    MarkovClassTokenMean,
    MarkovClipAttention,
    MarkovHeadPool,
    MarkovPooledAttention,
    MarkovTimeAttention,
    MarkovTimePool,
    along_time,
)
from pgt.operators.foreign_tokens import MarkovForeignAttention
from pgt.operators.token_memory import ENTRIES
from pgt.site import pathway_of
from pgt.wrapper import ProgressiveModel
from slowfast.models.resnet.lateral import FuseFastToSlow
from slowfast.models.roi_head import RoIHead
from slowfast.runtime.tables import format_table

ATTENTION = (
    MarkovAttention,
    MarkovClipAttention,
    MarkovTimeAttention,
    MarkovPooledAttention,
    CompressedClipAttention,
    CompressedPooledAttention,
    MarkovForeignAttention,
)
WHOLE_TIME = (MarkovTimePool, MarkovHeadPool, MarkovClassTokenMean, CausalClassTokenMean, *ATTENTION)
FAST = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorSummary:
    """One temporal operator that remembers.

    pathway: whose frames it reads; a lateral connection reads those of the Fast pathway. kernel, stride: along time; None for
    operators over all of time. memory_shape: (B, C, F, H, W), known once a step has run. alone: frames of its pathway's input
    that one of its outputs depends on within a step, as far as stacked windows reach; None: the whole step. with_memory: the
    same over the whole video; None: every frame so far. What arrives from another pathway is not counted.
    """

    path: str
    kind: str
    pathway: int
    kernel: int | None
    stride: int | None
    memory_shape: tuple[int, ...] | None
    memory_bytes: int | None
    alone: int | None
    with_memory: int | None


@dataclass(frozen=True, slots=True)
class Summary:
    """operators: those that remember. forgetful: by path, what looks across time and was not given a memory, with the reason.

    Printed, it is a table.
    """

    operators: tuple[OperatorSummary, ...]
    forgetful: dict[str, str]

    @property
    def memory_bytes(self) -> int | None:
        """Bytes that go from step to step; None where no step was run."""
        sizes = [operator.memory_bytes for operator in self.operators if operator.memory_bytes is not None]
        return sum(sizes) if sizes else None

    def __str__(self) -> str:
        several = len({operator.pathway for operator in self.operators}) > 1
        measured = any(operator.memory_shape is not None for operator in self.operators)
        header = ["operator", "kind", "kernel", "stride", "frames in a step", "with memory"]
        header += ["memory B x C x F x H x W", "bytes"] if measured else []
        rows = [_cells(operator, measured=measured) for operator in self.operators]
        if several:
            header.insert(1, "pathway")
            for row, operator in zip(rows, self.operators, strict=True):
                row.insert(1, operator.pathway)
        lines = [format_table(header, rows)]
        if self.memory_bytes is not None:
            lines.append(f"{self.memory_bytes} bytes go from step to step")
        if self.forgetful:
            lines += ["without memory:", *(f"    {path}: {why}" for path, why in self.forgetful.items())]
        return "\n".join(lines)


def summary(model: ProgressiveModel, inputs: Any = None, *args: Any, **options: Any) -> Summary:
    """What the network's temporal operators remember, how far each one sees, and what remembers nothing and why.

    inputs, args, options: what the model reads in one step (for detection with the boxes, (R, 5), behind it; without them one
    box is taken that covers the picture), if shapes and bytes of the memory are wanted. The step is run without gradients, in
    evaluation mode; memory and mode stay as they were. Receptive fields are those of operators stacked one behind the other in
    the order in which the network lists them, each pathway for itself.
    """
    memory = {} if inputs is None else _memory_of_a_step(model, inputs, args, options)
    fields: dict[int, _Field] = {}
    operators = []
    for path, module, pathway, is_lateral in _temporal_modules(model):
        field = fields.setdefault(pathway, _Field())
        if is_lateral:  # a branch: Fast goes on without it, and what Slow gets through it is not counted
            field = replace(field)
        cell: Cell | None = getattr(module, "cell", None)
        over_all = isinstance(module, WHOLE_TIME)
        if not isinstance(module, CausalPositions):
            field.pass_through(module, cell, over_all=over_all)
        if path in model.operators:
            frames = memory.get(path)
            parts = [memory[name] for name in (path, *(path + ending for ending in ENTRIES)) if name in memory]
            operators.append(
                OperatorSummary(
                    path=path,
                    kind=type(module).__name__,
                    pathway=pathway,
                    kernel=None if over_all else along_time(getattr(module, "kernel_size", 1)),
                    stride=None if over_all else along_time(getattr(module, "stride", 1)),
                    memory_shape=None if frames is None else tuple(frames.shape),
                    memory_bytes=sum(part.numel() * part.element_size() for part in parts) if parts else None,
                    alone=field.alone,
                    with_memory=field.with_memory,
                )
            )
    return Summary(tuple(operators), dict(model.alone))


def _cells(operator: OperatorSummary, *, measured: bool) -> list[str | int | float | None]:
    cells: list[str | int | float | None] = [
        operator.path,
        operator.kind,
        _text(operator.kernel, "all"),
        _text(operator.stride, "-"),
        _text(operator.alone, "step"),
        _text(operator.with_memory, "all so far"),
    ]
    if measured:
        shape = operator.memory_shape
        cells += ["-" if shape is None else " x ".join(map(str, shape)), operator.memory_bytes]
    return cells


@dataclass(slots=True)
class _Field:
    """Receptive field along one pathway, in frames of its input; None stands for the whole step, or the whole past.

    jump: frames of the input between two frames here.
    """

    alone: int | None = 1
    with_memory: int | None = 1
    jump: int = 1

    def pass_through(self, module: Any, cell: Cell | None, *, over_all: bool) -> None:
        if over_all:
            self.alone = None
            self.with_memory = None
            return
        kernel, stride, dilation = (along_time(getattr(module, name, 1)) for name in ("kernel_size", "stride", "dilation"))
        growth = (kernel - 1) * dilation * self.jump
        self.alone = None if self.alone is None else self.alone + growth
        fades = cell is not None and (cell.mode != "last" or cell.momentum > 0)
        self.with_memory = None if fades or self.with_memory is None else self.with_memory + growth
        self.jump *= stride


def _temporal_modules(model: ProgressiveModel) -> Iterator[tuple[str, Any, int, bool]]:
    """Path, module, pathway, and whether it lies on a lateral connection: operators that remember, and whatever else drops or
    mixes frames on the way."""
    lateral = {id(part) for fuse in model.modules() if isinstance(fuse, FuseFastToSlow) for part in fuse.modules()}
    for path, module in model.named_modules():
        plain = isinstance(module, nn.Conv3d | nn.MaxPool3d | nn.AvgPool3d)
        if path in model.operators or (plain and (along_time(module.kernel_size) > 1 or along_time(module.stride) > 1)):
            is_lateral = id(module) in lateral
            yield path, module, FAST if is_lateral else pathway_of(path), is_lateral


def _memory_of_a_step(
    model: ProgressiveModel, inputs: Any, args: tuple[Any, ...], options: dict[str, Any]
) -> dict[str, Tensor]:
    if not args and not options and any(isinstance(module, RoIHead) for module in model.modules()):
        args = (_whole_pictures(inputs),)
    training = model.training
    modes = {module: module.training for module in model.modules()}
    try:
        model.eval()
        with torch.no_grad():
            _, state = model.functional_step(inputs, {}, *args, **options)
        return dict(state)
    finally:
        model.train(training)
        for module, mode in modes.items():  # parts may have a mode of their own
            module.training = mode


def _whole_pictures(inputs: Any) -> Tensor:
    """One box for each clip of the batch, which covers its pictures: (B, 5)."""
    clip = next(leaf for leaf in pytree.tree_leaves(inputs) if isinstance(leaf, Tensor))
    height, width = clip.shape[-2:]
    boxes = [[float(row), 0.0, 0.0, float(width), float(height)] for row in range(len(clip))]
    return torch.tensor(boxes, device=clip.device, dtype=clip.dtype)


def _text(number: int | None, otherwise: str) -> str:
    return otherwise if number is None else str(number)
