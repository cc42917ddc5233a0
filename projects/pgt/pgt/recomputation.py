"""Activation checkpointing inside steps: finds out which step an operator that runs in the backward pass belongs to.

Checkpointing drops activations and computes them again when the backward pass needs them, long after the step has ended and
maybe after later ones have run. The operators must then read the memory of their own step. Neither kind of checkpointing
(reentrant or not) tells them which one that is, but autograd numbers its nodes in the order in which the forward pass makes
them, so the node that asks for the recomputation falls into the span of numbers that its step took.
"""

from __future__ import annotations

import bisect
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Generic, NamedTuple, TypeVar

import torch
from torch import Tensor
from torch.autograd.function import BackwardCFunction
from torch.utils import _pytree as pytree

from slowfast.errors import UserError

S = TypeVar("S")

_KEY = "pgt.step"


class ReentrantCheckpointError(UserError, RuntimeError):
    """Reentrant checkpointing where gradients are to cross from step to step."""


def in_backward() -> int:
    """The number of the backward pass that is running in this thread; -1 where there is none."""
    return -1 if torch.compiler.is_compiling() else torch._C._current_graph_task_id()


class _Record(Generic[S]):
    """Keeps a step for as long as the graph of its outputs lives."""

    __slots__ = ("__weakref__", "step")

    def __init__(self, step: S) -> None:
        self.step = step


class _Entry(NamedTuple, Generic[S]):
    """From a number on, nodes belong to this step (None: to no step). again: they are made by a recomputation."""

    record: weakref.ref[_Record[S]] | None
    again: bool = False

    def found(self) -> _Record[S] | None:
        return None if self.record is None else self.record()


class StepLog(Generic[S]):
    """The spans of autograd's numbers that steps took. `S` is what a recomputation needs of a step: old memory, no activations.

    A region that is checkpointed inside another one gets its numbers during the recomputation of the outer one, so what runs
    there is written down as well. That works where the backward pass runs in the thread of the forward pass, as on the CPU.
    """

    def __init__(self) -> None:
        self._open: _Record[S] | None = None
        self._numbers: list[int] = []
        self._entries: list[_Entry[S]] = []
        """What begins at each of these numbers."""

    @contextmanager
    def recorded(self, step: S) -> Iterator[None]:
        """Nodes made inside belong to the step, which `keep_with` ties to its outputs."""
        if torch.compiler.is_compiling() or not torch.is_grad_enabled():
            yield
            return
        record = _Record(step)
        self._forget_dead()
        self._append(_Entry(weakref.ref(record)))
        self._open = record
        try:
            yield
        finally:
            self._append(_Entry(None))

    def keep_with(self, outputs: Any) -> None:
        """Lets the newest step live as long as the graph of its outputs."""
        record, self._open = self._open, None
        if record is None:
            return
        for output in pytree.tree_leaves(outputs):
            if isinstance(output, Tensor) and output.grad_fn is not None:
                metadata: Any = output.grad_fn.metadata
                metadata.setdefault(_KEY, []).append(record)

    def recomputed(self) -> S | None:
        """The step that the recomputation at hand belongs to; None: a pass outside of steps."""
        node: Any = torch._C._current_autograd_node()
        if node is None:
            return None
        number, reentrant = node._sequence_nr(), isinstance(node, BackwardCFunction)
        place = bisect.bisect_right(self._numbers, number) - 1
        entry = self._entries[place] if place >= 0 else _Entry(None)
        if reentrant and (entry.record is None or entry.again) and number + 1 in self._numbers[place + 1 : place + 2]:
            entry = self._entries[place + 1]  # the node of a region inside a recomputation comes before what the region runs
        found = entry.found()
        if found is None:
            return None
        if reentrant and not getattr(found.step, "truncate", True):
            raise ReentrantCheckpointError(
                "reentrant checkpointing hides the memory from gradients that are to cross steps (truncate_memory(False), "
                "PGT.TBPTT_STEPS above 1); right would be: checkpoint(..., use_reentrant=False)"
            )
        self._append(_Entry(weakref.ref(found), again=True))
        return found.step

    def ran_plainly(self) -> None:
        """An operator ran outside of steps: nodes from here on belong to none."""
        if not torch.compiler.is_compiling() and self._entries and self._entries[-1].record is not None:
            self._append(_Entry(None))

    def _append(self, entry: _Entry[S]) -> None:
        number = torch._C._autograd._get_sequence_nr()
        if self._numbers and number < self._numbers[-1]:  # another thread than before, which counts by itself
            self._numbers, self._entries = [], []
        self._numbers.append(number)
        self._entries.append(entry)

    def _forget_dead(self) -> None:
        alive = next((i for i, entry in enumerate(self._entries) if entry.found() is not None), len(self._entries))
        del self._numbers[:alive], self._entries[:alive]
