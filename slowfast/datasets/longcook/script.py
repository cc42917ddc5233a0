"""What happens in a LongCook video: pure planning, no drawing.

A video is a chain of events. One of them, the cause, decides what the milk makes that is poured at the very end; everything
between the two would look the same with any other cause. The chain (lengths, fillers, place of the cause) and the seed of the
pictures are drawn by generators that never see the cause: it is filled in afterwards, from a list of its own.
"""

from __future__ import annotations

import dataclasses
import math
import string
from dataclasses import dataclass

import numpy as np

CLASS_NAMES = (
    "Grind coffee beans",
    "Steep tea",
    "Scoop cocoa",
    "Crush berries",
    "Stir",
    "Chop",
    "Wipe",
    "Pour milk",
    "Make latte",
    "Make milk tea",
    "Make hot chocolate",
    "Make berry milk",
)
CAUSES = range(4)
FILLERS = range(4, 7)
POUR = 7
COMPOSITES = range(8, 12)
"""Class i of COMPOSITES is on while milk is poured in a video whose cause is class i of CAUSES."""

FPS = 24
EVENT_SEC = (0.9, 1.5)
VIDEO_SEC = (6.0, 8.0)
NUM_EVENTS = (5, 6)
MIN_GAP_SEC = 1.6
"""From the end of the cause to the pouring; 8 frames at stride 4 span 1.2 s, so no such clip sees both."""

# The purpose of each random stream comes first in its key, so that no two streams share numbers.
_IDS, _CAUSES, _CHAIN, _PICTURES = range(4)


@dataclass(frozen=True, slots=True)
class Event:
    """One action of the chain. Times are in hundredths of a second, so that annotations state them exactly."""

    label: int
    start_centisec: int
    end_centisec: int

    @property
    def first_frame(self) -> int:
        """The first frame at or after the start; frame t is shown at t / FPS seconds."""
        return math.ceil(self.start_centisec * FPS / 100)


@dataclass(frozen=True, slots=True)
class Script:
    """One video. events follow each other without gaps from 0 to the end; picture_seed keys everything that is drawn."""

    video_id: str
    events: tuple[Event, ...]
    picture_seed: tuple[int, ...]

    @property
    def cause(self) -> Event:
        return next(event for event in self.events if event.label in CAUSES)

    @property
    def pouring(self) -> Event:
        return self.events[-1]

    @property
    def composite(self) -> int:
        """The class that is on, besides POUR, while milk is poured."""
        return COMPOSITES[CAUSES.index(self.cause.label)]

    @property
    def length_centisec(self) -> int:
        return self.pouring.end_centisec

    @property
    def num_frames(self) -> int:
        return math.ceil(self.length_centisec * FPS / 100)

    def with_cause(self, cause: int) -> Script:
        """The same video with another cause, and so another composite; nothing else changes."""
        events = tuple(dataclasses.replace(event, label=cause) if event.label in CAUSES else event for event in self.events)
        return dataclasses.replace(self, events=events)


def plan(*, num_train: int, num_test: int, seed: int) -> dict[str, list[Script]]:
    """Scripts of both splits. In each split the causes (and so the composites) are as balanced as the count allows."""
    ids = _draw_ids(num_train + num_test, np.random.default_rng((_IDS, seed)))
    return {"train": _plan_split(ids[:num_train], 0, seed), "test": _plan_split(ids[num_train:], 1, seed)}


def _plan_split(ids: list[str], split_number: int, seed: int) -> list[Script]:
    # A permutation starts the round, so that no cause is always the one that is left over.
    order = np.random.default_rng((_CAUSES, seed, split_number))
    rounds = np.resize(order.permutation(CAUSES), len(ids))
    causes = order.permutation(rounds)
    return [
        draw_script(video_id, (seed, split_number, number)).with_cause(int(cause))
        for number, (video_id, cause) in enumerate(zip(ids, causes, strict=True))
    ]


def draw_script(video_id: str, key: tuple[int, ...]) -> Script:
    """The chain of one video, with the first of CAUSES in the cause's place until `with_cause` says otherwise."""
    rng = np.random.default_rng((_CHAIN, *key))
    lengths = _draw_lengths(rng)
    ends = np.cumsum(lengths)
    starts = ends - lengths
    possible = [number for number in range(len(ends) - 1) if starts[-1] - ends[number] >= MIN_GAP_SEC * 100]
    cause = int(rng.choice(possible))
    labels = [*_draw_fillers(len(ends) - 2, rng), POUR]
    labels.insert(cause, CAUSES[0])
    events = tuple(Event(label, int(start), int(end)) for label, start, end in zip(labels, starts, ends, strict=True))
    return Script(video_id, events, (_PICTURES, *key))


def _draw_lengths(rng: np.random.Generator) -> np.ndarray:
    """Lengths of the events in hundredths of a second, int64 (number of events,); drawn again until the sum fits a video."""
    shortest, longest = (round(100 * bound) for bound in VIDEO_SEC)
    while True:
        count = rng.integers(NUM_EVENTS[0], NUM_EVENTS[1], endpoint=True)
        lengths = np.round(100 * rng.uniform(*EVENT_SEC, size=count)).astype(np.int64)
        if shortest <= lengths.sum() <= longest:
            return lengths


def _draw_fillers(count: int, rng: np.random.Generator) -> list[int]:
    """Fillers of which no two neighbours are equal, so that every border between events can be seen."""
    fillers: list[int] = []
    while len(fillers) < count:
        fillers.append(int(rng.choice([label for label in FILLERS if label not in fillers[-1:]])))
    return fillers


def _draw_ids(count: int, rng: np.random.Generator) -> list[str]:
    """Distinct ids like those of Charades; the first character is a letter, so that no reader takes an id for a number."""
    ids: dict[str, None] = {}
    while len(ids) < count:
        first = rng.choice(list(string.ascii_uppercase))
        rest = rng.choice(list(string.ascii_uppercase + string.digits), size=4)
        ids["".join([first, *rest])] = None
    return list(ids)
