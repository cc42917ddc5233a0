"""What the memory of a training is made of: what is there whatever the batch, and what grows with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from fvcore.common.config import CfgNode
from torch import nn

from slowfast.commands.plan_process import Measured

FLOAT = 4
"""Bytes of a weight, of its gradient and of its moments: float32, whatever TRAIN.PRECISION is."""


@dataclass(frozen=True, slots=True)
class Line:
    """A number of bytes by clips of a process: at_zero + each * clips."""

    at_zero: float
    each: float

    def __call__(self, clips: int) -> int:
        return round(self.at_zero + self.each * clips)

    @classmethod
    def through(cls, first: tuple[int, int], second: tuple[int, int]) -> Self:
        """Two points (clips, bytes) with different numbers of clips."""
        each = (second[1] - first[1]) / (second[0] - first[0])
        return cls(first[1] - each * first[0], each)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Bytes of what a process keeps from iteration to iteration, whatever its batch. average: of the weights (TRAIN.EMA_DECAY).
    sending: the flat buffers that gradients lie in, and are sent in, with several processes. gradients: all of them.
    checkpoint: of a file on the disk."""

    weights: int
    optimizer: int
    average: int
    sending: int
    gradients: int
    checkpoint: int

    @property
    def total(self) -> int:
        """Gradients of a single process are left out: an iteration makes and drops them."""
        return self.weights + self.optimizer + self.average + self.sending

    @classmethod
    def of(cls, cfg: CfgNode, model: nn.Module, *, processes: int) -> Self:
        """model: may have shapes alone."""
        parameters = list(model.parameters())
        trained = [parameter for parameter in parameters if parameter.requires_grad]
        count = sum(parameter.numel() for parameter in parameters)
        weights = FLOAT * count + sum(buffer.nbytes for buffer in model.buffers())
        gradients = FLOAT * sum(parameter.numel() for parameter in trained)
        adam = cfg.SOLVER.OPTIMIZING_METHOD != "sgd"
        # Adam counts its steps for each parameter by itself.
        optimizer = 2 * gradients + FLOAT * len(trained) if adam else gradients * int(cfg.SOLVER.MOMENTUM > 0)
        average = FLOAT * count * int(cfg.TRAIN.EMA_DECAY > 0)
        sending = gradients * int(processes > 1)
        return cls(
            weights=weights, optimizer=optimizer, average=average, sending=sending, gradients=gradients,
            checkpoint=weights + optimizer + average,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """The memory of a process, as lines through what processes with `sizes` clips used.

    iteration: what an iteration makes at its most, gradients of a single process among it. saved: what autograd
    keeps of it for the way back. batches: frames of two batches. growth: of a process on the CPU above `fixed`, the bytes of
    interpreter and libraries; None where a GPU was measured.
    """

    kept: Kept
    iteration: Line
    saved: Line
    batches: Line
    growth: Line | None
    fixed: int
    sizes: tuple[int, int]

    def tensors(self, clips: int) -> int:
        """Bytes of all tensors, wherever they are: what a GPU has to hold, but for libraries and their workspaces."""
        return self.kept.total + self.batches(clips) + self.iteration(clips)

    def process(self, clips: int) -> int | None:
        """Peak of a process on the CPU; None where a GPU was measured."""
        return None if self.growth is None else self.fixed + self.growth(clips)

    @classmethod
    def between(cls, kept: Kept, few: Measured, more: Measured) -> Self:
        def line(name: str, times: int = 1) -> Line:
            return Line.through((few.clips, times * getattr(few, name)), (more.clips, times * getattr(more, name)))

        return cls(
            kept=kept,
            iteration=line("iteration_bytes"),
            saved=line("saved_bytes"),
            batches=line("frame_bytes", 2),
            growth=line("growth_bytes") if few.device == "cpu" else None,
            fixed=few.fixed_bytes if few.device == "cpu" else 0,
            sizes=(few.clips, more.clips),
        )


def sizes_to_measure(*, saved_each: int, weights: int, batch: int) -> tuple[int, int]:
    """Two numbers of clips, the larger twice the smaller. Where the batch allows it, activations outweigh the weights and the
    noise of a process's memory; the larger is the batch where that is smaller."""
    wanted = max(weights, NOISE)
    small = max(1, -(-wanted // max(saved_each, 1)))
    if 2 * small <= batch:
        return small, 2 * small
    more = max(2, batch)
    return more // 2, more


NOISE = 24 * 2**20
"""Bytes by which the peak of a process differs from run to run, and then some."""
