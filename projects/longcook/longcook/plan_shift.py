"""One cook at one table or two for a whole shift: the videos of LongCook-Hour.

A shift is a chain of rounds of at most ten minutes. In the first part of a round the cook prepares something for each table,
now for one, now for the other, and the same for a table whenever it is its turn; in the second part milk is poured at all.
What the milk makes is what was prepared last at that table, minutes before. Fillers lie between all of this. Two tables never
get the same in a round, so that it does not do to know what has been prepared: one has to know where.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from longcook.script import (
    CAUSES,
    FILLERS,
    POUR,
    Event,
    Script,
    Splits,
    chain_generator,
    choice_generator,
    composite_of,
    draw_centisec,
    picture_seed,
    plan_splits,
)

SHIFT_FPS = 4
"""Few, as the pictures of an hour are drawn."""

MOST_TABLES = 2

LENGTHS = (0.6, 1.4)
"""Shortest and longest video, in parts of the mean; none is shorter than a minute. Videos that are read side by side and all
take the same time would stay in step: every batch would prepare, or every batch pour."""

ROUND_SEC = 600
"""The longest round, and so the longest way from a cause to its effect."""

EVENT_SEC = (3.0, 6.0)
MIN_GAP_EVENTS = 2
"""Fillers, at least, between the last preparation and the first pouring: 8 frames at 2 a second never see both."""

PREPARING_SHARE = 0.3
"""Part of a round in which things are prepared; then milk is poured."""

POURING_SHARE = 0.5
"""Chance that an event of the second part pours."""


@dataclass(frozen=True, slots=True)
class ShiftScript(Script):
    """A video of one or more rounds of equal length. rounds, tables: how many."""

    rounds: int = 1
    tables: int = 1

    @property
    def pourings(self) -> tuple[tuple[Event, Event], ...]:
        """Each pouring, with the last preparation at its table."""
        prepared: dict[int | None, Event] = {}
        found = []
        for event in self.events:
            if event.label in CAUSES:
                prepared[event.table] = event
            elif event.label == POUR:
                found.append((event, prepared[event.table]))
        return tuple(found)

    @property
    def drinks(self) -> tuple[Event, ...]:
        """The composite actions, in time: one for each pouring, from the same start to the same end."""
        return tuple(dataclasses.replace(pouring, label=composite_of(cause.label)) for pouring, cause in self.pourings)

    @property
    def waits_centisec(self) -> tuple[int, ...]:
        """For each pouring, the time from the end of that preparation to its start."""
        return tuple(pouring.start_centisec - cause.end_centisec for pouring, cause in self.pourings)

    def round_of(self, event: Event) -> int:
        return event.start_centisec * self.rounds // self.length_centisec

    def with_menus(self, numbers: list[int]) -> ShiftScript:
        """The same video with the causes of other menus, numbers in `menus(tables)`, one a round; nothing else changes."""
        possible = menus(self.tables)
        events = tuple(
            dataclasses.replace(event, label=possible[numbers[self.round_of(event)]][event.table or 0])
            if event.label in CAUSES
            else event
            for event in self.events
        )
        return dataclasses.replace(self, events=events)


def menus(num_tables: int) -> tuple[tuple[int, ...], ...]:
    """What can be prepared in a round: another cause for each table."""
    return tuple(itertools.permutations(CAUSES, num_tables))


def tables(number: int) -> tuple[int | None, ...]:
    """As events name them: the only table of a kitchen has no number."""
    return (None,) if number == 1 else tuple(range(number))


def plan_shifts(counts: Mapping[str, int], *, seed: int, minutes: int, num_tables: int) -> Splits[ShiftScript]:
    """Scripts of all splits, counts[split] each, of `minutes` on average. Menus of the first rounds are balanced in each;
    those of later rounds are drawn."""
    return plan_splits(
        partial(draw_shift, minutes=minutes, num_tables=num_tables),
        _choose_menus,
        counts,
        seed=seed,
        id_length=7,
        num_choices=len(menus(num_tables)),
    )


def draw_shift(video_id: str, key: tuple[int, ...], *, minutes: int, num_tables: int) -> ShiftScript:
    """The chain of one video, with causes to be chosen."""
    rng = chain_generator(key)
    length = max(6000, round(6000 * minutes * rng.uniform(*LENGTHS)))
    num_rounds = math.ceil(length / (100 * ROUND_SEC))
    events: list[Event] = []
    for number in range(num_rounds):
        start, end = (length * border // num_rounds for border in (number, number + 1))
        events += _draw_full_round(start, end, events[-1:], tables(num_tables), rng)
    return ShiftScript(video_id, tuple(events), picture_seed(key), SHIFT_FPS, num_rounds, num_tables)


def _choose_menus(script: ShiftScript, first: int) -> ShiftScript:
    rng = choice_generator(script.picture_seed)
    return script.with_menus([first, *rng.integers(len(menus(script.tables)), size=script.rounds - 1).tolist()])


def _draw_full_round(
    start: int, end: int, before: list[Event], places: tuple[int | None, ...], rng: np.random.Generator
) -> list[Event]:
    """A round in which milk is poured at every table; drawn again until it is."""
    while True:
        events = _draw_round(start, end, before, places, rng)
        if len({event.table for event in events if event.label == POUR}) == len(places):
            return events


def _draw_round(
    start: int, end: int, before: list[Event], places: tuple[int | None, ...], rng: np.random.Generator
) -> list[Event]:
    """Events from start to end, in hundredths of a second, with the first of CAUSES in the place of every cause.

    before: the event that ends where they start, if there is one. places: the tables.
    """
    count = round((end - start) / (50 * sum(EVENT_SEC)))
    borders = np.cumsum([0, *draw_centisec(EVENT_SEC, count, rng)])
    borders = start + np.round(borders * ((end - start) / borders[-1])).astype(np.int64)
    num_preparing = round(PREPARING_SHARE * count)
    turns = max(1, num_preparing // (2 * len(places)))  # of each table: at half of the events something is prepared
    moments = np.sort(rng.choice(num_preparing - MIN_GAP_EVENTS, size=len(places) * turns, replace=False)).tolist()
    order = rng.permuted(np.arange(len(places)).repeat(turns)).tolist()
    preparations = dict(zip(moments, order, strict=True))
    events = before.copy()
    for number, (begun, ended) in enumerate(itertools.pairwise(borders.tolist())):
        if number in preparations:
            label, table = CAUSES[0], places[preparations[number]]
        else:
            pours = number >= num_preparing and rng.random() < POURING_SHARE
            label, table = _draw_other(events[-1:], places, pours=pours, rng=rng)
        events.append(Event(label, begun, ended, table))
    return events[len(before) :]


def _draw_other(
    before: list[Event], places: tuple[int | None, ...], *, pours: bool, rng: np.random.Generator
) -> tuple[int, int | None]:
    """What is done next, and at which table: not the same as before, so that every border between events can be seen. Where
    that leaves no pouring, it is a filler."""
    same = [(event.label, event.table) for event in before]
    for labels in ([POUR] * pours, FILLERS):
        possible = [done for done in itertools.product(labels, places) if done not in same]
        if possible:
            break
    return possible[int(rng.integers(len(possible)))]
