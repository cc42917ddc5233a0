"""What attention over time remembers: tokens of the newest time slices, as they are before keys and values are made of them.

So the memory follows the newest weights, half as much is carried as keys and values are, and the ways of remembering are those
of every other operator. B batch, C channels, E extra (class) tokens, F remembered slices, T slices of the step, H height,
W width.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pgt.cell import Cell
from pgt.memory import Memory

CLOCK = ".clock"
"""Ending of the entry that counts the slices which a row has seen."""
EXTRA = ".extra"
"""Ending of the entry that holds class tokens."""
VALUES = ".values"
"""Ending of the entry that holds what values are made of, where that is not what keys are made of."""
NEWEST = ".newest"
"""Ending of the entry that holds the newest step's tokens while a network trains that compresses them."""
NEWEST_VALUES = ".newest_values"
"""The same, of what values are made of, where that is not what keys are made of."""
ENTRIES = (CLOCK, EXTRA, VALUES, NEWEST, NEWEST_VALUES)
"""What an attention may leave besides the entry of its name."""


@dataclass(frozen=True, slots=True)
class SeenBefore:
    """What the tokens of a step may look at besides their own step.

    frames: (B, C, F, H, W), F 0 where there is nothing yet. present: bool (B, F), slices that exist; None: all of them. A slice
    that does not exist is no key at all: a key of zeros would have a score like any other. extra: (B, E, C), E 0 where none
    are carried. extra_present: bool (B,), rows that have them; None: all.
    """

    frames: Tensor
    present: Tensor | None
    extra: Tensor
    extra_present: Tensor | None

    @property
    def num_slices(self) -> int:
        return self.frames.shape[2]

    @property
    def is_empty(self) -> bool:
        return self.num_slices == 0 and self.extra.shape[1] == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenMemory:
    """The cells of one attention, and who sees whom.

    cell: the tokens of F slices. clock: how many slices each row has seen, where fewer than F may be there; None where a row
    that has any past has all of it. extra: the class tokens of steps before; None where they are not carried. reach: slices
    that a token looks back in its own step and before; None: as far as there is something, and to the end of its step as well.
    """

    cell: Cell
    clock: Cell | None = None
    extra: Cell | None = None
    reach: int | None = None

    @property
    def causal(self) -> bool:
        return self.reach is not None

    @property
    def cells(self) -> tuple[Cell, ...]:
        return tuple(cell for cell in (self.cell, self.clock, self.extra) if cell is not None)

    def exchange(self, memory: Memory, frames: Tensor, extra: Tensor) -> SeenBefore:
        """Leaves a step's slices (B, C, T, H, W) and class tokens (B, E, C), and hands out those before."""
        return SeenBefore(*self.look_back(memory, frames), *self.carry(memory, extra))

    def look_back(self, memory: Memory, frames: Tensor) -> tuple[Tensor, Tensor | None]:
        """The same of slices alone: those before, and which of them exist."""
        past = memory.exchange(self.cell, frames)
        seen = None if self.clock is None else count_slices(memory, self.clock, frames)
        if past is None:
            return frames[:, :, :0], None
        size = past.frames.shape[2]
        if seen is not None:
            return past.frames, torch.arange(size, 0, -1, device=frames.device) <= seen[:, None]
        return past.frames, None if past.begins is None else ~past.begins.view(-1, 1).expand(-1, size)

    def carry(self, memory: Memory, extra: Tensor) -> tuple[Tensor, Tensor | None]:
        """The same of class tokens alone: those before, and which rows have them."""
        if self.extra is None or extra.shape[1] == 0:
            return extra[:, :0], None
        before = memory.exchange(self.extra, extra.transpose(1, 2)[:, :, None, None])
        if before is None:
            return extra[:, :0], None
        return before.frames.flatten(2).transpose(1, 2), None if before.begins is None else ~before.begins.flatten()

    def sees(self, before: SeenBefore, num_slices: int) -> Tensor | None:
        """Which slices each slice of the step looks at: bool (B or 1, T, F + T); None where all see all."""
        past, device = before.num_slices, before.frames.device
        if self.reach is None:
            if before.present is None:
                return None
            own = before.present.new_ones((), dtype=torch.bool).expand(before.present.shape[0], num_slices)
            return torch.cat([before.present, own], dim=1)[:, None].expand(-1, num_slices, -1)
        age = torch.arange(past, past + num_slices, device=device)[:, None] - torch.arange(past + num_slices, device=device)
        within = ((age >= 0) & (age <= self.reach))[None]
        if before.present is None:
            return within
        own = within.new_ones((before.present.shape[0], num_slices))
        return within & torch.cat([before.present, own], dim=1)[:, None]

    def mask(
        self,
        before: SeenBefore,
        *,
        num_slices: int,
        num_extra: int,
        query_places: int,
        key_places: int,
        past_places: int | None = None,
    ) -> Tensor | None:
        """The same for tokens: bool (B or 1, 1, E + T * queries, E' + E + F * past + T * keys); None where all see all.

        past_places: tokens of a remembered slice, where it has not as many as one of the step.

        Keys stand in the order of class tokens of the step before (E'), those of this step, slices before, slices of this
        step. Class tokens see what the newest slice sees. Where a token looks back alone, class tokens are seen by nobody else:
        they have seen the whole step, and whoever looks at them would too.
        """
        slots = self.sees(before, num_slices)
        carried = before.extra.shape[1]
        if slots is None:
            if before.extra_present is None:
                return None
            slots = before.extra_present.new_ones((1, num_slices, before.num_slices + num_slices))
        border = before.num_slices
        past, own = slots[:, :, :border], slots[:, :, border:]
        keys = torch.cat([past.repeat_interleave(past_places or key_places, 2), own.repeat_interleave(key_places, 2)], dim=2)
        tokens = keys.repeat_interleave(query_places, dim=1)
        if num_extra == 0:
            return tokens[:, None]
        looks = torch.cat([keys[:, -1:].expand(-1, num_extra, -1), tokens], dim=1)
        to_extra = looks.new_ones((1, looks.shape[1], carried + num_extra))
        if self.causal:
            to_extra[:, num_extra:] = False
        if before.extra_present is not None:
            there = before.extra_present[:, None, None].expand(-1, looks.shape[1], carried)
            to_extra = torch.cat([there, to_extra[:, :, carried:].expand(there.shape[0], -1, -1)], dim=2)
        alike = before.present is None and before.extra_present is None
        rows = 1 if alike else before.frames.shape[0]
        return torch.cat([to_extra.expand(rows, -1, -1), looks.expand(rows, -1, -1)], dim=2)[:, None]


def count_slices(memory: Memory, clock: Cell, frames: Tensor) -> Tensor | None:
    """Slices that each row has seen before this step, (B,); None where nobody has seen any. frames: its own, (B, C, T, ...)."""
    past = memory.exchange(clock, frames.new_zeros((frames.shape[0], 1, frames.shape[2], 1, 1), dtype=torch.float32))
    return None if past is None else past.filled(0.0)[:, 0, 1, 0, 0]
