"""What a network remembers between two steps: one small tensor for each of its temporal operators.

All state that crosses a step's border lives in one `Memory` object; no module keeps a cache of its own. B batch, C channels
of the operator's input, F frames that the operator remembers, T frames of the step, H height, W width.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional

Mode = Literal["last", "max", "avg"]
CellMode = Literal["last", "max", "avg", "sum"]


class MemoryMismatchError(RuntimeError):
    """The memory of one batch met the frames of another one."""


@dataclass(frozen=True, slots=True)
class Cell:
    """How one operator remembers. name: its path in the network. num_frames: F; None: as many as its first step had.

    mode: "last" keeps the newest F frames: with momentum 0 nothing travels farther than the stacked kernels reach. "max" and
    "avg" pool old memory and step over time, so that every frame reaches all later steps; so does any momentum above 0.
    "sum" keeps two frames, the sum of all frames so far and their number.
    momentum: share of the old memory that is mixed in, from the second step on.
    """

    name: str
    num_frames: int | None
    mode: CellMode
    momentum: float = 0.0

    def update(self, old: Tensor | None, x: Tensor) -> Tensor:
        """The new memory (B, C, F, H, W), from the old one of the same shape (None at the first step) and x (B, C, T, H, W)."""
        num_frames = self.num_frames or (x if old is None else old).shape[2]
        pooled = _POOL[self.mode](old, x, num_frames)
        if old is None or self.momentum == 0:
            return pooled
        return (1 - self.momentum) * pooled + self.momentum * old


class Memory:
    """The memory of a network: a tensor by operator name.

    Operators call `exchange` in their forward pass. It only does something inside `with memory.step():`, so the same network
    can also be run over a whole clip in one pass without touching what it remembers.
    """

    def __init__(self) -> None:
        self.truncate = True
        """Whether new memory is cut off from the graph at once; otherwise it stays in it until `detach`."""
        self.time_is_pooled = False
        """Whether a pooling over all of time has run in the step at hand: a single frame behind it is its result."""
        self._frames: dict[str, Tensor] = {}
        self._seen: set[str] | None = None

    @property
    def in_step(self) -> bool:
        return self._seen is not None

    def reset(self) -> None:
        """Forgets everything: the next step is the first of its video."""
        self._frames.clear()

    @contextmanager
    def step(self) -> Iterator[None]:
        """Within it, operators read what the step before left and leave their own."""
        if self.in_step:
            raise RuntimeError("a step was begun inside another one")
        self._seen, self.time_is_pooled = set(), False
        try:
            yield
        finally:
            self._seen = None

    def exchange(self, cell: Cell, x: Tensor) -> Tensor | None:
        """Hands out the operator's memory and keeps the new one. None outside of steps and at the first step of a video."""
        if self._seen is None:
            return None
        if cell.name in self._seen:
            raise RuntimeError(
                f"{cell.name} runs twice in one step, which one memory cannot serve; give each call its own module"
            )
        self._seen.add(cell.name)
        old = self._frames.get(cell.name)
        if old is not None and (old.shape[:2], old.shape[3:]) != (x.shape[:2], x.shape[3:]):
            raise MemoryMismatchError(
                f"{cell.name} remembers frames of shape {tuple(old.shape)} but now sees {tuple(x.shape)}; "
                "call reset() before the first step of every batch"
            )
        if self.truncate:
            with torch.no_grad():
                self._frames[cell.name] = cell.update(old, x.detach())
        else:
            self._frames[cell.name] = cell.update(old, x)
        return old

    def detach(self) -> None:
        """Cuts the memory off from the graph of the steps so far."""
        self._frames = {name: frames.detach() for name, frames in self._frames.items()}

    @property
    def num_bytes(self) -> int:
        return sum(frames.numel() * frames.element_size() for frames in self._frames.values())

    def state_dict(self) -> dict[str, Tensor]:
        """The memory as plain tensors, by operator name."""
        return {name: frames.detach().clone() for name, frames in self._frames.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._frames = {name: frames.detach().clone() for name, frames in state.items()}


def _join(old: Tensor | None, x: Tensor) -> Tensor:
    return x if old is None else torch.cat([old, x], dim=2)


def _last(old: Tensor | None, x: Tensor, num_frames: int) -> Tensor:
    # A copy: a view of the newest frames would keep the whole activation alive until the next step.
    if x.shape[2] >= num_frames:
        return x[:, :, x.shape[2] - num_frames :].clone()
    joined = _join(old, x)[:, :, -num_frames:]
    return functional.pad(joined, (0, 0, 0, 0, num_frames - joined.shape[2], 0))


def _max(old: Tensor | None, x: Tensor, num_frames: int) -> Tensor:
    if num_frames == 1:  # the same as below, without joining
        newest = x.amax(dim=2, keepdim=True)
        return newest if old is None else torch.maximum(old, newest)
    joined = _join(old, x)
    return functional.adaptive_max_pool3d(joined, (num_frames, joined.shape[3], joined.shape[4]))


def _avg(old: Tensor | None, x: Tensor, num_frames: int) -> Tensor:
    if num_frames == 1:
        total = x.sum(dim=2, keepdim=True)
        return total / x.shape[2] if old is None else (total + old) / (x.shape[2] + 1)
    joined = _join(old, x)
    return functional.adaptive_avg_pool3d(joined, (num_frames, joined.shape[3], joined.shape[4]))


def _sum(old: Tensor | None, x: Tensor, num_frames: int) -> Tensor:
    total = x.sum(dim=2, keepdim=True)
    new = torch.cat([total, torch.full_like(total, x.shape[2])], dim=2)
    return new if old is None else old + new


_POOL = {"last": _last, "max": _max, "avg": _avg, "sum": _sum}
