"""One cook who pours milk at the end: the videos of the Charades format.

One event of the chain, the cause, decides what the milk makes; everything between the two would look the same with any other
cause.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from longcook.script import (
    CAUSES,
    POUR,
    Event,
    Script,
    Splits,
    cause_in,
    chain,
    chain_generator,
    composite_of,
    draw_centisec,
    draw_fillers,
    picture_seed,
    plan_splits,
    with_cause,
)

EVENT_SEC = (0.9, 1.5)
VIDEO_SEC = (6.0, 8.0)
NUM_EVENTS = (5, 6)
MIN_GAP_SEC = 1.6
"""From the end of the cause to the pouring; 8 frames at stride 5 span 1.5 s, so no such clip sees both."""


@dataclass(frozen=True, slots=True)
class MilkScript(Script):
    """A video in which one event is a cause and the last one pours."""

    @property
    def cause(self) -> Event:
        return cause_in(self.events)

    @property
    def pouring(self) -> Event:
        return self.events[-1]

    @property
    def composite(self) -> int:
        """The class that is on, besides POUR, while milk is poured."""
        return composite_of(self.cause.label)

    @property
    def drinks(self) -> tuple[Event, ...]:
        """The composite action, in time."""
        return (dataclasses.replace(self.pouring, label=self.composite),)

    def with_cause(self, cause: int) -> MilkScript:
        """The same video with another cause, and so another composite; nothing else changes."""
        return dataclasses.replace(self, events=with_cause(self.events, cause))


def plan_milk(counts: Mapping[str, int], *, seed: int) -> Splits[MilkScript]:
    """Scripts of all splits, counts[split] each; causes, and so composites, are balanced in each."""
    return plan_splits(
        draw_milk,
        lambda script, choice: script.with_cause(CAUSES[choice]),
        counts,
        seed=seed,
        id_length=5,
        num_choices=len(CAUSES),
    )


def draw_milk(video_id: str, key: tuple[int, ...]) -> MilkScript:
    """The chain of one video, with the first of CAUSES in the cause's place until `with_cause` says otherwise."""
    rng = chain_generator(key)
    lengths = _draw_lengths(rng)
    ends = np.cumsum(lengths)
    pouring_start = ends[-2]
    possible = [number for number in range(len(ends) - 1) if pouring_start - ends[number] >= MIN_GAP_SEC * 100]
    cause = int(rng.choice(possible))
    labels = [*draw_fillers(len(ends) - 2, rng), POUR]
    labels.insert(cause, CAUSES[0])
    return MilkScript(video_id, chain(labels, lengths), picture_seed(key))


def _draw_lengths(rng: np.random.Generator) -> np.ndarray:
    """Lengths of the events in hundredths of a second, int64 (number of events,); drawn again until the sum fits a video."""
    shortest, longest = (round(100 * bound) for bound in VIDEO_SEC)
    while True:
        count = int(rng.integers(NUM_EVENTS[0], NUM_EVENTS[1], endpoint=True))
        lengths = draw_centisec(EVENT_SEC, count, rng)
        if shortest <= lengths.sum() <= longest:
            return lengths
