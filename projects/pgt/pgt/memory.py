"""What a network remembers between two steps: one small tensor for each of its temporal operators.

All state that crosses a step's border lives in one `Memory` object; no module keeps a cache of its own. B batch, C channels
of the operator's input, F frames that the operator remembers, T frames of the step, H height, W width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from pgt.cell import Cell
from pgt.recomputation import StepLog, in_backward
from pgt.schedule import of_pathway
from pgt.state import PHASE, MemoryMismatchError, State, check_begins, check_count, check_state
from slowfast.errors import UserError
from slowfast.runtime.transfers import sent


class StepLengthError(UserError, ValueError):
    """A step whose number of frames an operator's stride does not divide. The text names the operator's path."""


@dataclass(frozen=True, slots=True)
class Past:
    """What an operator reads of the steps before. frames: (B, C, F, H, W). begins: bool (B, 1, 1, 1, 1), the rows whose video
    begins with this step, so that their frames mean nothing; None where no row does."""

    frames: Tensor
    begins: Tensor | None

    def filled(self, value: float) -> Tensor:
        """The frames, with `value` in the rows that begin."""
        return self.frames if self.begins is None else self.frames.masked_fill(self.begins, value)

    def select(self, with_past: Tensor, alone: Callable[[], Tensor]) -> Tensor:
        """`with_past`, and in the rows that begin what the operator makes of the step alone."""
        return with_past if self.begins is None else torch.where(self.begins, alone(), with_past)


@dataclass(slots=True)
class Step:
    """The step at hand. old: what the one before left. new: what operators leave, by name, until the step ends.

    begins: bool (B,), rows whose video begins although the memory holds something. num_frames: of its input, for each pathway.
    rows: of its input; None where they are not known.
    task: the backward pass that it runs in, if somebody runs it there. count: how many steps these really are, one after the
    other; their rows stand in that order.
    """

    old: State
    begins: Tensor | None
    num_frames: tuple[int, ...]
    truncate: bool
    task: int
    count: int = 1
    rows: int | None = None
    new: State = field(default_factory=dict)
    time_is_pooled: bool = False
    pooled_before: set[str] = field(default_factory=set)

    def past(self, cell: Cell, x: Tensor) -> Past | None:
        old = self.old.get(cell.name)
        if old is None:
            return None
        if (old.shape[:2], old.shape[3:]) != (x.shape[:2], x.shape[3:]):
            raise MemoryMismatchError(
                f"{cell.name} remembers frames of shape {tuple(old.shape)} but now sees {tuple(x.shape)}; right would "
                "be: frames of one size in all steps of a batch, and reset() before the first step of another"
            )
        return Past(_follow(old, x, cell), self._rows(cell, x))

    def _rows(self, cell: Cell, x: Tensor) -> Tensor | None:
        if self.begins is None:
            return None
        if self.begins.shape[0] != x.shape[0]:
            raise MemoryMismatchError(
                f"{cell.name} sees {len(x)} rows, but it is told of {len(self.begins)} rows which of them begin; "
                "begin all videos of such a network together, with reset()"
            )
        return self.begins.to(x.device).view(-1, *[1] * (x.dim() - 1))

    def update(self, cell: Cell, past: Past | None, x: Tensor) -> Tensor:
        """The cell's new memory."""
        if past is None:
            return cell.update(None, x)
        if past.begins is not None and cell.num_frames is None and past.frames.shape[2] != x.shape[2]:
            raise MemoryMismatchError(
                f"{cell.name} remembers {past.frames.shape[2]} frames, but a row that begins has {x.shape[2]}; let all steps "
                "have equal numbers of frames where rows begin by themselves"
            )
        return past.select(cell.update(past.frames, x), lambda: cell.update(None, x))

    def exchange_all(self, cell: Cell, x: Tensor) -> tuple[Past, Tensor]:
        """What the rows of x read where these are several steps, and the memory that the last one leaves. A memory follows from
        the operator's own input alone, so that of every step is there before any of them goes on behind the operator."""
        memory = self.old.get(cell.name)
        if memory is None:
            raise MemoryMismatchError(
                f"{cell.name} remembers nothing, but reads {self.count} steps at once; right would be: a first step by itself"
            )
        if len(x) % self.count:
            raise MemoryMismatchError(f"{cell.name} sees {len(x)} rows, which {self.count} steps of one batch cannot have")
        pasts = []
        for rows in x.chunk(self.count):
            one = replace(self, old={cell.name: memory}, count=1)
            past = one.past(cell, rows)
            assert past is not None
            pasts.append(past.frames)
            memory = one.update(cell, past, rows)
        return Past(torch.cat(pasts), None), memory

    def state(self) -> State:
        """What the next step is to read. Operators that did not run keep what they had, unless some rows began without them."""
        kept = self.old if self.begins is None else {}
        return {**kept, **self.new}


class Memory:
    """The memory of a network: a tensor by operator name.

    Operators call `exchange` in their forward pass. It only does something inside a step, so the same network can also be run
    over a whole clip in one pass without touching what it remembers. What they leave counts once the step ends without an
    error.
    """

    def __init__(self, step_len: tuple[int, ...] = ()) -> None:
        self.truncate = True
        """Whether new memory is cut off from the graph at once; otherwise it stays in it until `detach`."""
        self.step_len = step_len
        """Frames of a whole step, for each pathway; operators compare it with the frames they see."""
        self.cells: dict[str, Cell] = {}
        """How each operator remembers, by name."""
        self.frames: State = {}
        self.behind_pools: set[str] = set()
        """Pools over all of time that saw in the newest step what another one had left, and so remember nothing."""
        self.rows_of_pass: int | None = None
        """Rows of the input of the newest pass without memory; None where they are not known."""
        self._ran: set[str] = set()
        self._step: Step | None = None
        self._log: StepLog[Step] = StepLog()

    @property
    def in_step(self) -> bool:
        return self._current() is not None

    @property
    def rows(self) -> int | None:
        """Rows of what the network reads now; None where they are not known."""
        step = self._current()
        if step is not None:
            return step.rows
        return None if torch.compiler.is_compiling() else self.rows_of_pass

    def reset(self) -> None:
        """Forgets everything: the next step is the first of its video."""
        self.frames = {}

    @contextmanager
    def step(
        self, *, begins: Tensor | None = None, count: int = 1, input_shapes: tuple[tuple[int, int], ...] = ()
    ) -> Iterator[Step]:
        """Within it, operators read what the step before left and leave their own, which is kept when it ends cleanly."""
        with self.run(self.frames, begins=begins, count=count, input_shapes=input_shapes) as step:
            yield step
        self.frames = step.state()
        self.behind_pools = step.pooled_before

    @contextmanager
    def run(
        self,
        state: Mapping[str, Tensor],
        *,
        begins: Tensor | None = None,
        alike: bool = False,
        count: int = 1,
        input_shapes: tuple[tuple[int, int], ...] = (),
    ) -> Iterator[Step]:
        """A step that reads `state` and leaves `Step.state()`; what this object remembers is left alone.

        begins: bool (B,), the rows whose video begins with this step; the others go on; on the host, where it is asked for,
        unless `alike`. alike: whether they are told apart also where all of them begin, or none, so that operators always
        compute the same. count: of steps, where these are several, of videos that all go on. input_shapes: rows and frames of
        what the network reads, for each pathway.
        """
        if self._step is not None and self._step.task == in_backward():
            raise RuntimeError("a step was begun inside another one")
        old = dict(state)
        if count != 1:
            check_count(count, begins, input_shapes)
        if begins is not None:
            check_begins(begins, input_shapes)
            if alike and old:
                pass
            elif bool(begins.all()):
                old, begins = {}, None
            elif not old or not bool(begins.any()):
                begins = None
            if begins is not None:  # one copy, for all operators
                begins = sent(begins, _device_of(old, begins.device))
        num_frames = tuple(frames for _, frames in input_shapes)
        rows = input_shapes[0][0] if input_shapes else None
        step = Step(
            old=old, begins=begins, num_frames=num_frames, truncate=self.truncate, task=in_backward(), count=count, rows=rows
        )
        outer, self._step = self._step, step
        try:
            # A copy without what operators are going to leave, which may hold the graph that is to keep the copy alive.
            with self._log.recorded(replace(step, new={})):
                yield step
        finally:
            self._step = outer
        self._ran |= step.new.keys()

    def keep_with(self, outputs: Any) -> None:
        """Remembers what the newest step read for as long as the graph of its outputs lives, for activation checkpointing."""
        self._log.keep_with(outputs)

    def _current(self) -> Step | None:
        """The step at hand; in the backward pass the one that is computed again."""
        task = in_backward()
        if task == -1 or (self._step is not None and self._step.task == task):
            return self._step
        return self._log.recomputed()

    def exchange(self, cell: Cell, x: Tensor) -> Past | None:
        """Hands out the operator's memory and keeps the new one. None outside of steps and at the first step of a video.

        Activation checkpointing runs operators once more in the backward pass: they then get what they got the first time, and
        what they leave is dropped.
        """
        step = self._current()
        if step is None:
            self._log.ran_plainly()
            return None
        again = step is not self._step
        if not again and cell.name in step.new:
            raise RuntimeError(
                f"{cell.name} runs twice in one step, which one memory cannot serve; give each call its own module"
            )
        self.tell_pooled(False)
        if step.count > 1:
            return self._exchange_all(step, cell, x)
        past = step.past(cell, x)
        if step.truncate:
            if not again:
                with torch.no_grad():
                    step.new[cell.name] = step.update(cell, past, x.detach())
        else:
            new = step.update(cell, past, x)  # also when it is run again: checkpointing wants to see the same computation
            if not again:
                step.new[cell.name] = new
        return past

    def holds(self, cell: Cell) -> bool:
        """Whether the step before left something of that name."""
        step = self._current()
        return step is not None and cell.name in step.old

    def _exchange_all(self, step: Step, cell: Cell, x: Tensor) -> Past:
        with torch.no_grad() if step.truncate else nullcontext():
            past, new = step.exchange_all(cell, x.detach() if step.truncate else x)
        if step is self._step:
            step.new[cell.name] = new
        return past

    def phase(self, cell: Cell, num_frames: int, stride: int) -> int:
        """Frames that a strided causal operator has seen before this step, modulo its stride."""
        step = self._current()
        if step is None or stride == 1:
            return 0
        if step.count > 1 and num_frames % stride:
            raise StepLengthError(
                f"{cell.name}: its temporal stride of {stride} does not divide the {num_frames} frames of each of {step.count} "
                "steps at once; right would be: one step at a time"
            )
        name = cell.name + PHASE
        before = int(step.old[name]) if name in step.old else 0
        if step.begins is not None and before:
            raise StepLengthError(
                f"{cell.name}: rows cannot begin here, {before} frames behind a multiple of its temporal stride of {stride}; "
                f"let every step have a multiple of {stride} frames"
            )
        if step is self._step:
            step.new[name] = torch.tensor((before + num_frames) % stride)
        return before

    def is_pooled(self, name: str, x: Tensor) -> bool:
        """Whether x is what a pooling over all of time has left in the step at hand, and not frames."""
        step = self._current()
        if step is None:
            return False
        if step is not self._step:
            return name in step.pooled_before
        pooled = name not in step.old if step.old else step.time_is_pooled and x.shape[2] == 1
        if pooled:
            step.pooled_before.add(name)
        return pooled

    def tell_pooled(self, pooled: bool) -> None:
        """Whether what comes next sees what a pooling over all of time has left: true behind one, false behind an operator
        that goes on with frames."""
        if self._step is not None and self._current() is self._step:
            self._step.time_is_pooled = pooled

    def spans_step(self, window: int, num_frames: int, pathway: int) -> bool:
        """Whether a window covers a whole step, where `num_frames` frames of the one at hand are left."""
        step = self._current()
        if step is None or not self.step_len or not step.num_frames:
            return window == num_frames
        whole, seen = of_pathway(self.step_len, pathway), of_pathway(step.num_frames, pathway)
        return window * max(round(seen / num_frames), 1) == whole

    def detach(self) -> None:
        """Cuts the memory off from the graph of the steps so far."""
        self.frames = {name: frames.detach() for name, frames in self.frames.items()}

    def move(self, device: torch.device) -> None:
        """Puts the memory on a device."""
        self.frames = {name: frames if name.endswith(PHASE) else frames.to(device) for name, frames in self.frames.items()}

    @property
    def num_bytes(self) -> int:
        return sum(frames.numel() * frames.element_size() for frames in self.frames.values())

    def state_dict(self) -> State:
        """The memory as plain tensors, by operator name."""
        return {name: frames.detach().clone() for name, frames in self.frames.items()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Takes over copies of the tensors. Raises MemoryMismatchError where this network cannot have left them."""
        self.check(state)
        self.frames = {name: frames.detach().clone() for name, frames in state.items()}

    def check(self, state: Mapping[str, Tensor]) -> None:
        """Raises MemoryMismatchError for a state that this network cannot have left, by names, shapes and types."""
        if not state:
            return
        check_state(state, self.cells)
        required = {name for name, cell in self.cells.items() if not cell.optional}
        missing = sorted((required & self._ran if self._ran else required) - set(state))
        if missing:
            text = "missing from the memory; right would be: all that memory() returned"
            raise MemoryMismatchError(f"{', '.join(missing)}: {text}")

    def __getstate__(self) -> dict[str, Any]:
        """For copies and pickles, which begin between two steps and outside of any graph."""
        attributes = {name: value for name, value in self.__dict__.items() if name not in ("_step", "_log")}
        return attributes | {"frames": self.state_dict()}

    def __setstate__(self, attributes: dict[str, Any]) -> None:
        self.__dict__.update(attributes)
        self._step, self._log = None, StepLog()


def _device_of(state: State, default: torch.device) -> torch.device:
    return next((frames.device for name, frames in state.items() if not name.endswith(PHASE)), default)


def _follow(old: Tensor, x: Tensor, cell: Cell) -> Tensor:
    """The memory on the device and in the type of the frames it meets; both may change between steps."""
    old = old.to(device=x.device, dtype=cell.dtype(x.dtype))
    if not torch.compiler.is_compiling() and old.is_inference() and not torch.is_inference_mode_enabled():
        old = old.clone()  # what was remembered in inference mode may be needed for a gradient now
    return old
