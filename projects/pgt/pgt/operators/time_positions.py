"""Positions in time, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pgt.cell import Cell
from pgt.memory import Memory
from pgt.operators.base import MarkovOperator
from pgt.operators.token_memory import count_slices
from slowfast.models.transformers.positions import TimePositions

if TYPE_CHECKING:
    _TimePositions = TimePositions
else:
    _TimePositions = object  # mixed into the class of a module, which comes behind


class RestartedPositions(MarkovOperator, _TimePositions):
    """Positions that begin anew with every step, as those of a clip do: a step shorter than the table takes its first rows."""

    prefix = "Restarted"

    def forward(self, x: Tensor, table: Tensor) -> Tensor:  # type: ignore[override]
        """x (B, T, N, C), table (R, N or 1, C) -> x with the rows added."""
        if self.memory.in_step and x.shape[1] < len(table):
            return x + table[: x.shape[1]]
        return super().forward(x, table)  # type: ignore[call-arg]


class CausalPositions(MarkovOperator, _TimePositions):
    """Positions by the number of a slice in its video, modulo the length of the table: any cut has those of one pass."""

    prefix = "Causal"

    def forward(self, x: Tensor, table: Tensor) -> Tensor:  # type: ignore[override]
        """x (B, T, N, C), table (R, N or 1, C) -> x with the rows added."""
        return x + rows_by_clock(self.memory, self.cell, x, table)


def rows_by_clock(memory: Memory, clock: Cell, x: Tensor, table: Tensor) -> Tensor:
    """Rows of the table (R, N or 1, C) for the slices x (B, T, N, C): (T, N or 1, C), or (B, T, N or 1, C) where rows of the
    batch have seen slices before."""
    numbers = torch.arange(x.shape[1], device=x.device)
    before = count_slices(memory, clock, x.transpose(1, 2))
    if before is not None:
        numbers = before.long()[:, None] + numbers
    return table[numbers % len(table)]
