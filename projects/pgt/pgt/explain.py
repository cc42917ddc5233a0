"""What a network remembers, operator by operator, as a table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from pgt.memory import Cell
from pgt.operators import MarkovAttention, MarkovHeadPool, MarkovTimePool, along_time
from pgt.site import pathway_of
from pgt.wrapper import ProgressiveModel
from slowfast.runtime.tables import format_table

WHOLE_TIME = (MarkovTimePool, MarkovHeadPool, MarkovAttention)


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorReport:
    """One temporal operator. kernel, stride: along time; None for operators over all of time.

    memory_shape: (B, C, F, H, W), known once a step has run. alone: frames of its pathway's input that one of its outputs
    depends on within a step, as far as stacked windows reach; None: the whole step. with_memory: the same over the whole video;
    None: every frame so far.
    """

    path: str
    kind: str
    kernel: int | None
    stride: int | None
    memory_shape: tuple[int, ...] | None
    memory_bytes: int | None
    alone: int | None
    with_memory: int | None


def explain(model: ProgressiveModel, inputs: Any = None) -> str:
    """A table of the network's temporal operators: kernel, stride, memory, and how many frames each one sees.

    inputs: what the model reads in one step, if shapes and bytes of the memory are wanted; the step is run, without gradients
    and in evaluation mode, and the memory is put back as it was. Receptive fields are those of operators stacked one behind
    the other in the order in which the network lists them.
    """
    rows = [
        (
            report.path,
            report.kind,
            _text(report.kernel, "all"),
            _text(report.stride, "-"),
            "-" if report.memory_shape is None else " x ".join(map(str, report.memory_shape)),
            report.memory_bytes,
            _text(report.alone, "step"),
            _text(report.with_memory, "all so far"),
        )
        for report in operator_reports(model, inputs)
    ]
    header = ("operator", "kind", "kernel", "stride", "memory B x C x F x H x W", "bytes", "frames in a step", "with memory")
    return format_table(header, rows)


def operator_reports(model: ProgressiveModel, inputs: Any = None) -> list[OperatorReport]:
    """The rows of `explain`."""
    memory = _memory_of_a_step(model, inputs) if inputs is not None else {}
    fields: dict[int, _Field] = {}
    reports = []
    for path, module in _temporal_modules(model):
        field = fields.setdefault(pathway_of(path), _Field())
        cell: Cell | None = getattr(module, "cell", None)
        over_all = isinstance(module, WHOLE_TIME)
        field.pass_through(module, cell, over_all=over_all)
        if path in model.operators:
            frames = memory.get(path)
            reports.append(
                OperatorReport(
                    path=path,
                    kind=type(module).__name__,
                    kernel=None if over_all else along_time(_window(module).kernel_size),
                    stride=None if over_all else along_time(_window(module).stride),
                    memory_shape=None if frames is None else tuple(frames.shape),
                    memory_bytes=None if frames is None else frames.numel() * frames.element_size(),
                    alone=field.alone,
                    with_memory=field.with_memory,
                )
            )
    return reports


class _Field:
    """Receptive field along one pathway; None stands for the whole step, or the whole past."""

    def __init__(self) -> None:
        self.alone: int | None = 1
        self.with_memory: int | None = 1
        self.jump = 1

    def pass_through(self, module: nn.Module, cell: Cell | None, *, over_all: bool) -> None:
        if over_all:
            self.alone = None
            self.with_memory = None
            return
        window = _window(module)
        kernel, stride, dilation = (along_time(getattr(window, name, 1)) for name in ("kernel_size", "stride", "dilation"))
        growth = (kernel - 1) * dilation * self.jump
        self.alone = None if self.alone is None else self.alone + growth
        fades = cell is not None and (cell.mode != "last" or cell.momentum > 0)
        self.with_memory = None if fades or self.with_memory is None else self.with_memory + growth
        self.jump *= stride


def _temporal_modules(model: ProgressiveModel) -> Iterable[tuple[str, nn.Module]]:
    """Operators that remember, and whatever else drops or mixes frames on the way."""
    for path, module in model.named_modules():
        plain = isinstance(module, nn.Conv3d | nn.MaxPool3d | nn.AvgPool3d)
        if path in model.operators or (plain and (along_time(module.kernel_size) > 1 or along_time(module.stride) > 1)):
            yield path, module


def _window(module: Any) -> Any:
    """What knows kernel and stride."""
    return module


def _memory_of_a_step(model: ProgressiveModel, inputs: Any) -> dict[str, torch.Tensor]:
    before, training = model.memory(), model.training
    try:
        model.eval()
        model.reset()
        with torch.no_grad():
            model.step(inputs)
        return model.memory()
    finally:
        model.load_memory(before)
        model.train(training)


def _text(number: int | None, otherwise: str) -> str:
    return otherwise if number is None else str(number)
