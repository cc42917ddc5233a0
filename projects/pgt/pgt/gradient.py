"""The gradient of several steps of a video: along one graph, or step by step at the activations of one step."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from pgt.state import State
from slowfast.engine.updater import Updater
from slowfast.errors import UserError
from slowfast.runtime.random_state import RandomState

logger = logging.getLogger(__name__)

SAME = 0.05
"""Relative difference, in the L2 norm, that two runs of one step may have: rounding on a GPU, in half precision."""


class RecomputationError(UserError, RuntimeError):
    """A network that computes something else when a step is run again."""


Accumulate = Callable[[Tensor | None, Sequence[tuple[Tensor, Tensor]], bool], None]
"""Adds a gradient to what the next update uses, from a loss, carried gradients, and whether these steps have none to add after
it; see `slowfast.engine.updater.Updater.accumulate`."""


def accumulating(updater: Updater, *, completes: bool) -> Accumulate:
    """completes: whether no steps after these add to the same update."""
    return lambda loss, carried, last: updater.accumulate(loss, carried, completes=completes and last)


@dataclass(frozen=True, slots=True)
class Steps:
    """The steps of a batch, as functions of their number.

    run: (number, memory before the step) -> (what the network returns, memory after it). loss: (number, what the network
    returned) -> a scalar; None where there is nothing to learn from.
    """

    run: Callable[[int, State], tuple[Tensor, State]]
    loss: Callable[[int, Tensor], Tensor | None]


class Gradient(Protocol):
    """Adds the gradient of the sum of the losses of consecutive steps; nothing flows to steps before these."""

    def __call__(
        self, model: nn.Module, steps: Steps, numbers: Sequence[int], state: State, accumulate: Accumulate
    ) -> tuple[list[Tensor], State]:
        """state: the memory before the first of these steps. Returns the losses and the memory after the last step, without
        their graph."""


class GraphGradient:
    """One graph over all the steps and one backward pass: needs the activations of all of them at once."""

    def __call__(
        self, model: nn.Module, steps: Steps, numbers: Sequence[int], state: State, accumulate: Accumulate
    ) -> tuple[list[Tensor], State]:
        losses = []
        for number in numbers:
            outputs, state = steps.run(number, state)
            if (loss := steps.loss(number, outputs)) is not None:
                losses.append(loss)
        if losses:
            accumulate(torch.stack(losses).sum(), (), True)
        return [loss.detach() for loss in losses], _detached(state)


class RecomputedGradient:
    """The same gradient at the activations of one step, for one more forward pass over all steps but the last.

    The steps run without a graph first, and the memory before each is kept. Then each runs again, from the last to the first,
    and the gradient that a step finds for the memory it read is handed to the backward pass of the step before it. It is
    activation checkpointing (arXiv:1604.06174) whose checkpoints are the memories at the borders of steps, which are small.

    The second run draws the random numbers of the first, and changes to the network's buffers (the statistics of batch norm)
    are made by the first run alone, so that these are those of steps run once, in the order of time.
    """

    def __init__(self, *, offload: bool = False) -> None:
        """offload: whether the kept memories wait on the host."""
        self._offload = offload
        self._is_checked = False

    def __call__(
        self, model: nn.Module, steps: Steps, numbers: Sequence[int], state: State, accumulate: Accumulate
    ) -> tuple[list[Tensor], State]:
        *earlier, last = numbers
        device = next(model.parameters()).device
        if self._offload and device.type == "cpu":
            logger.warning("PGT.OFFLOAD has no effect: this run computes on the host, where the memories are anyway")
            self._offload = False
        borders: list[_Border] = []
        with torch.no_grad():
            for number in earlier:
                borders.append(_Border(number, _on_host(state) if self._offload else state, RandomState.now(device)))
                _, state = steps.run(number, state)
        backward = _Backward(steps, accumulate)
        after, state = state, backward.step(last, _leaves(state) if earlier else state, last=not earlier)
        with _kept_as_is(model, device):
            for border in reversed(borders):
                before = _on(border.memory, device)
                border.random_state.restore()
                first = border is borders[0]
                new = backward.step(border.number, before if first else _leaves(before), last=first)
                if not self._is_checked:
                    _check_same(border.number, after, new)
                after = before
        self._is_checked = True
        return backward.losses[::-1], state


@dataclass(frozen=True, slots=True)
class _Border:
    """Where a step begins."""

    number: int
    memory: State
    random_state: RandomState


class _Backward:
    """Runs steps with a graph and propagates back, from the last step to the first. losses: in that order."""

    def __init__(self, steps: Steps, accumulate: Accumulate) -> None:
        self._steps, self._accumulate = steps, accumulate
        self._carried: State = {}
        self.losses: list[Tensor] = []

    def step(self, number: int, before: State, *, last: bool) -> State:
        """before: the memory that the step reads; the gradients of those that want one are carried to the next call, for the
        step that left them. last: whether there is no such call. Returns the memory that the step leaves, without its graph,
        which ends here."""
        outputs, new = self._steps.run(number, before)
        loss = self._steps.loss(number, outputs)
        if loss is not None:
            self.losses.append(loss.detach())
        carried = [(new[name], gradient) for name, gradient in self._carried.items() if new[name].requires_grad]
        if loss is not None or carried:
            self._accumulate(loss, carried, last)
        self._carried = {name: frames.grad for name, frames in before.items() if frames.grad is not None}
        return _detached(new)


def _detached(state: State) -> State:
    return {name: frames.detach() for name, frames in state.items()}


def _leaves(state: State) -> State:
    """The memory as the beginning of a graph; whole numbers (phases of temporal strides) have no gradient."""
    return {name: frames.detach().requires_grad_(frames.is_floating_point()) for name, frames in state.items()}


def _on_host(state: State) -> State:
    return {name: _copied_to_host(frames) if frames.is_cuda else frames for name, frames in state.items()}


def _copied_to_host(frames: Tensor) -> Tensor:
    """Pinned, so that the copy does not wait for the device; copies back are in order with it on the same stream."""
    return torch.empty_like(frames, device="cpu", pin_memory=True).copy_(frames, non_blocking=True)


def _on(state: State, device: torch.device) -> State:
    """The memory on the device again; a phase stays where it is."""
    return {name: frames.to(device, non_blocking=True) if frames.dim() else frames for name, frames in state.items()}


@contextmanager
def _kept_as_is(model: nn.Module, device: torch.device) -> Iterator[None]:
    """Afterwards the network's buffers and the random state are what they were before."""
    random_state, buffers = RandomState.now(device), [(buffer, buffer.clone()) for buffer in model.buffers()]
    try:
        yield
    finally:
        with torch.no_grad():
            for buffer, value in buffers:
                buffer.copy_(value)
        random_state.restore()


def _check_same(number: int, first: State, second: State) -> None:
    """Raises RecomputationError where a step left another memory when it ran again."""
    for name, frames in first.items():
        if not frames.is_floating_point():
            continue
        wanted, found = frames.double(), second[name].detach().double()
        if (found - wanted).norm() > SAME * wanted.norm():
            raise RecomputationError(
                f"step {number + 1} was run a second time, and {name} saw something else than before, so its gradient would be "
                "wrong; a network must draw its random numbers from torch and keep no state but in its memory (PGT.GRADIENT "
                "exact); right would be: PGT.GRADIENT truncated, with PGT.TBPTT_STEPS for gradients that cross steps"
            )
