"""The words that the plans of all formats share: classes, events, and videos in which one cook is at work.

Plans are pure: nothing is drawn. What a video shows besides the deeds that decide its labels (lengths, fillers, places) and
the seed of its pictures come from generators that never see those deeds; they are filled in afterwards, from a list of their
own.
"""

from __future__ import annotations

import dataclasses
import math
import string
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TypeVar

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
"""Class i of COMPOSITES is on while a cook pours milk who has done class i of CAUSES before."""

FPS = 24
"""Frame rate of the videos with one cook."""

# The purpose of each random stream comes first in its key, so that no two streams share numbers.
_IDS, _CHOICES, _CHAIN, _PICTURES = range(4)

SPLITS = ("train", "val", "test")
"""A split's place here is part of the keys of its random streams. Schedules are chosen on validation videos; no choice was
ever made on videos from the streams of the test split."""

Planned = TypeVar("Planned")
Splits = dict[str, list[Planned]]


@dataclass(frozen=True, slots=True)
class Event:
    """One action of a cook. Times are in hundredths of a second, so that annotations state them exactly.

    table: which of several tables it happens at; None in a kitchen that has one.
    """

    label: int
    start_centisec: int
    end_centisec: int
    table: int | None = None

    def first_frame(self, fps: int) -> int:
        """The first frame at or after the start; frame t is shown at t / fps seconds."""
        return frame_at(self.start_centisec, fps)


@dataclass(frozen=True, slots=True)
class Script:
    """A video with one cook. events follow each other without gaps from 0 to the end; picture_seed keys what is drawn."""

    video_id: str
    events: tuple[Event, ...]
    picture_seed: tuple[int, ...]
    fps: int = FPS

    @property
    def length_centisec(self) -> int:
        return self.events[-1].end_centisec

    @property
    def num_frames(self) -> int:
        return frame_at(self.length_centisec, self.fps)


def frame_at(centisec: int, fps: int) -> int:
    """The first frame at or after a time."""
    return math.ceil(centisec * fps / 100)


def cause_in(events: tuple[Event, ...]) -> Event:
    """The one cause among the events."""
    return next(event for event in events if event.label in CAUSES)


def with_cause(events: tuple[Event, ...], cause: int) -> tuple[Event, ...]:
    """The same events with another cause in the cause's place."""
    return tuple(dataclasses.replace(event, label=cause) if event.label in CAUSES else event for event in events)


def composite_of(cause: int) -> int:
    """What the milk makes that is poured after this cause."""
    return COMPOSITES[CAUSES.index(cause)]


def plan_splits(
    draw: Callable[[str, tuple[int, ...]], Planned],
    choose: Callable[[Planned, int], Planned],
    counts: Mapping[str, int],
    *,
    seed: int,
    id_length: int,
    num_choices: int,
) -> Splits[Planned]:
    """The splits of a data set; `draw` plans one video from its id and the key of its random streams, `choose` gives it the
    causes of a choice.

    counts: videos of each split of SPLITS; a missing one has none. The choice, in range(num_choices), is what decides the
    labels. In each split choices are as balanced as the count allows.
    """
    num_train, num_val, num_test = (counts.get(split, 0) for split in SPLITS)
    ids = _draw_ids(num_train + num_val, id_length, np.random.default_rng((_IDS, seed)))
    test_ids = _draw_ids(num_test, id_length, np.random.default_rng((_IDS, seed, SPLITS.index("test"))), taken=ids)
    parts = {"train": ids[:num_train], "val": ids[num_train:], "test": test_ids}
    splits: Splits[Planned] = {}
    for split, part in parts.items():
        split_number = SPLITS.index(split)
        # A permutation starts the round, so that no choice is always the one that is left over.
        order = np.random.default_rng((_CHOICES, seed, split_number))
        choices = order.permutation(np.resize(order.permutation(num_choices), len(part))).tolist()
        splits[split] = [
            choose(draw(video_id, (seed, split_number, number)), choice)
            for number, (video_id, choice) in enumerate(zip(part, choices, strict=True))
        ]
    return splits


def chain_generator(key: tuple[int, ...]) -> np.random.Generator:
    """What the lengths, places and fillers of a video are drawn from."""
    return np.random.default_rng((_CHAIN, *key))


def choice_generator(picture_seed: tuple[int, ...]) -> np.random.Generator:
    """What decides the labels of a video is drawn from, where `plan_splits` does not choose it: a stream of its own."""
    return np.random.default_rng((_CHOICES, *picture_seed))


def picture_seed(key: tuple[int, ...]) -> tuple[int, ...]:
    """Key of all that is drawn on the pictures of a video."""
    return (_PICTURES, *key)


def chain(labels: list[int], lengths: np.ndarray) -> tuple[Event, ...]:
    """Events that follow each other from 0; lengths in hundredths of a second, int64 (number of labels,)."""
    ends = np.cumsum(lengths)
    return tuple(
        Event(label, int(end - length), int(end)) for label, end, length in zip(labels, ends, lengths, strict=True)
    )  # fmt: skip


def draw_centisec(seconds: tuple[float, float], count: int, rng: np.random.Generator) -> np.ndarray:
    """Lengths uniform over a range in seconds, in hundredths of a second, int64 (count,)."""
    return np.round(100 * rng.uniform(*seconds, size=count)).astype(np.int64)


def draw_fillers(count: int, rng: np.random.Generator) -> list[int]:
    """Fillers of which no two neighbours are equal, so that every border between events can be seen."""
    fillers: list[int] = []
    while len(fillers) < count:
        fillers.append(int(rng.choice([label for label in FILLERS if label not in fillers[-1:]])))
    return fillers


def _draw_ids(count: int, length: int, rng: np.random.Generator, taken: Collection[str] = ()) -> list[str]:
    """Distinct ids, none of those taken; the first character is a letter, so that no reader takes an id for a number."""
    used = frozenset(taken)
    ids: dict[str, None] = {}
    while len(ids) < count:
        first = rng.choice(list(string.ascii_uppercase))
        rest = rng.choice(list(string.ascii_uppercase + string.digits), size=length - 1)
        name = "".join([first, *rest])
        if name not in used:
            ids[name] = None
    return list(ids)
