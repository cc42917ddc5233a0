"""Two cooks in one kitchen: the videos of the AVA format.

Each follows a chain of his own, with one cause and, some seconds later, the pouring that it decides. The two causes differ and
both cooks pour, at different times, so that only who did what tells what the milk makes.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from longcook.script import (
    CAUSES,
    POUR,
    Event,
    Splits,
    cause_in,
    chain,
    chain_generator,
    composite_of,
    draw_centisec,
    draw_fillers,
    frame_at,
    picture_seed,
    plan_splits,
    with_cause,
)

DUET_FPS = 30
VIDEO_SEC = (12.0, 13.5)
NUM_EVENTS = 8
EVENT_SEC = (1.2, 2.0)
"""Before all are stretched or shortened alike, so that they fill the video."""

GAP_SEC = (3.0, 4.4)
"""From the end of a cook's cause to his pouring. 8 frames at stride 8 span 1.9 s, so no such clip sees both; 36 frames span
9.3 s, so such a clip, with the pouring in its last step of 8, sees most of the cause."""

MIN_APART_SEC = 1.0
"""Between the starts of the two pourings."""

CAUSE_PAIRS = tuple(itertools.permutations(CAUSES, 2))
"""Causes of the two cooks: each two that differ."""

_FIRST_KEYFRAME_SEC = 2  # as in AVA, whose first annotated second is the third one
_MARGIN_SEC = 1  # of video after the last keyframe: a clip of 8 frames at stride 8 ends 0.8 s after its keyframe


@dataclass(frozen=True, slots=True)
class Part:
    """What one of the cooks does. events follow each other without gaps from 0 to the end of the video."""

    events: tuple[Event, ...]

    @property
    def cause(self) -> Event:
        return cause_in(self.events)

    @property
    def pouring(self) -> Event:
        return next(event for event in self.events if event.label == POUR)

    def labels_at(self, second: int) -> tuple[int, ...]:
        """Classes that are on at that second of the video: the action and, while milk is poured, what it makes."""
        now = next(event for event in reversed(self.events) if event.start_centisec <= 100 * second)
        return (now.label, composite_of(self.cause.label)) if now.label == POUR else (now.label,)

    def with_cause(self, cause: int) -> Part:
        """The same with another cause; nothing else changes."""
        return Part(with_cause(self.events, cause))


@dataclass(frozen=True, slots=True)
class Duet:
    """A video with two cooks, the left one first (before the picture is mirrored, if it is)."""

    video_id: str
    parts: tuple[Part, Part]
    picture_seed: tuple[int, ...]

    @property
    def length_centisec(self) -> int:
        return self.parts[0].events[-1].end_centisec

    @property
    def num_frames(self) -> int:
        return frame_at(self.length_centisec, DUET_FPS)

    @property
    def first_frames(self) -> list[int]:
        """Where something new begins, whoever does it: frame numbers, rising, from 0."""
        return sorted({event.first_frame(DUET_FPS) for part in self.parts for event in part.events})

    @property
    def keyframe_seconds(self) -> range:
        """Seconds of the video that are annotated."""
        return range(_FIRST_KEYFRAME_SEC, self.length_centisec // 100 - _MARGIN_SEC + 1)

    def with_causes(self, causes: tuple[int, int]) -> Duet:
        """The same video with other causes; nothing else changes."""
        first, second = (part.with_cause(cause) for part, cause in zip(self.parts, causes, strict=True))
        return dataclasses.replace(self, parts=(first, second))


def plan_duets(counts: Mapping[str, int], *, seed: int) -> Splits[Duet]:
    """Videos of all splits, counts[split] each; pairs of causes are balanced in each."""
    return plan_splits(
        draw_duet,
        lambda duet, choice: duet.with_causes(CAUSE_PAIRS[choice]),
        counts,
        seed=seed,
        id_length=11,
        num_choices=len(CAUSE_PAIRS),
    )


def draw_duet(video_id: str, key: tuple[int, ...]) -> Duet:
    """The chains of one video, with the first of CAUSES in both causes' places until `with_causes` says otherwise."""
    rng = chain_generator(key)
    length = int(draw_centisec(VIDEO_SEC, 1, rng)[0])
    first, second = _draw_part(length, rng), _draw_part(length, rng)
    while abs(first.pouring.start_centisec - second.pouring.start_centisec) < 100 * MIN_APART_SEC:
        second = _draw_part(length, rng)
    return Duet(video_id, (first, second), picture_seed(key))


def _draw_part(length_centisec: int, rng: np.random.Generator) -> Part:
    """A chain with at least one filler after the pouring; drawn again until some cause has its distance from the pouring."""
    while True:
        raw = rng.uniform(*EVENT_SEC, size=NUM_EVENTS)
        ends = np.round(np.cumsum(raw) / raw.sum() * length_centisec).astype(np.int64)
        pouring = int(rng.integers(NUM_EVENTS - 3, NUM_EVENTS - 1))
        gaps = ends[pouring - 1] - ends[:pouring]
        possible = np.flatnonzero((gaps >= 100 * GAP_SEC[0]) & (gaps <= 100 * GAP_SEC[1]))
        if len(possible):
            break
    cause = int(rng.choice(possible))
    labels = draw_fillers(NUM_EVENTS - 2, rng)
    labels.insert(cause, CAUSES[0])
    labels.insert(pouring, POUR)
    return Part(chain(labels, np.diff(ends, prepend=0)))
