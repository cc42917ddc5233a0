"""Which frames of a video make a clip: arithmetic on numbers, without any video.

T frames in a clip, r the step between them (`step`), n frames in the video, V temporal views. Each data set has a rule of
its own, kept from PySlowFast so that figures stay comparable. Random numbers come from the generator that is passed in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

Frames = NDArray[np.int64]


class ClipRule(Protocol):
    """Chooses the frames of a clip. Rules are data classes: `dataclasses.replace` makes one for clips of another length."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def length(self) -> int:
        """Frames of a clip."""

    @property
    def num_views(self) -> int:
        """Clips that are taken from one video, spread over time."""

    def frames(self, num_frames: int, fps: float, view: int, rng: np.random.Generator) -> Frames:
        """Frame numbers (T,) within [0, num_frames - 1] of temporal view `view`, rising but for clips that run in a circle."""

    def spacing(self, fps: float) -> float | None:
        """Frames of the video from one frame of a clip to the next; None: it depends on the length of the video."""


@dataclass(frozen=True, slots=True)
class RandomStridedClip:
    """Charades in training: every r-th frame from a random one on."""

    length: int
    step: int
    num_views: int = 1

    def frames(self, num_frames: int, fps: float, view: int, rng: np.random.Generator) -> Frames:
        """A clip longer than the video starts at a random negative frame: it sticks out at both ends."""
        room = num_frames - strided_span(self.length, self.step)
        start = int(rng.integers(min(room, 0), max(room, 0), endpoint=True))
        return strided(start, self.length, self.step, num_frames)

    def spacing(self, fps: float) -> float:
        return float(self.step)


@dataclass(frozen=True, slots=True)
class UniformStridedClips:
    """Charades in tests: V clips of every r-th frame; the first starts with the video, the last ends with it."""

    length: int
    step: int
    num_views: int

    def frames(self, num_frames: int, fps: float, view: int, rng: np.random.Generator) -> Frames:
        room = num_frames - strided_span(self.length, self.step)
        return strided(uniform_start(room, view, self.num_views), self.length, self.step, num_frames)

    def spacing(self, fps: float) -> float:
        return float(self.step)


def strided_span(length: int, step: int) -> int:
    """Frames of the video from the first to the last of a strided clip, both included."""
    return (length - 1) * step + 1


def uniform_start(room: int, view: int, num_views: int) -> int:
    """First frame of view `view`: views are spread so that the last one begins at `room`; a single view begins at 0."""
    if num_views == 1:
        return 0
    return round(max(room, 0) / (num_views - 1) * view)


def strided(start: int, length: int, step: int, num_frames: int) -> Frames:
    """Every `step`-th frame from `start` on; what lies outside the video repeats its first or last frame."""
    frames: Frames = np.clip(start + np.arange(length, dtype=np.int64) * step, 0, num_frames - 1)
    return frames


@dataclass(frozen=True, slots=True)
class RandomSpacedClip:
    """Kinetics in training and validation: T frames spread evenly over a random stretch of T*r frames at `target_fps`."""

    length: int
    step: int
    target_fps: float
    num_views: int = 1

    def frames(self, num_frames: int, fps: float, view: int, rng: np.random.Generator) -> Frames:
        span = source_span(self.length, self.step, fps, self.target_fps)
        start = float(rng.uniform(0.0, max(num_frames - span, 0.0)))
        return evenly_spaced(math.ceil(start), span, self.length, num_frames)

    def spacing(self, fps: float) -> float:
        return self.step * fps / self.target_fps


@dataclass(frozen=True, slots=True)
class UniformSpacedClips:
    """Kinetics in tests: V clips whose starts are spread over the video.

    View k starts at k/V of the room, so that the last view does not reach the end of the video; with `reach_end` views start
    at k times the whole part of room/(V-1) instead (a single view in the middle), as later models of PySlowFast do.
    """

    length: int
    step: int
    target_fps: float
    num_views: int
    reach_end: bool = False

    def frames(self, num_frames: int, fps: float, view: int, rng: np.random.Generator) -> Frames:
        span = source_span(self.length, self.step, fps, self.target_fps)
        start = spaced_start(max(num_frames - span, 0.0), view, self.num_views, reach_end=self.reach_end)
        return evenly_spaced(math.ceil(start), span, self.length, num_frames)

    def spacing(self, fps: float) -> float:
        return self.step * fps / self.target_fps


@dataclass(frozen=True, slots=True)
class CyclicSpacedClips:
    """Kinetics in tests, views one after the other: view k begins k clip lengths into the video, and where the video ends
    the clip goes on at its beginning. A video shorter than a clip repeats its last frame before it does."""

    length: int
    step: int
    target_fps: float
    num_views: int

    def frames(self, num_frames: int, fps: float, view: int, rng: np.random.Generator) -> Frames:
        span = source_span(self.length, self.step, fps, self.target_fps)
        shift = math.floor(span * view)
        return (evenly_spaced(0, span, self.length, num_frames) + shift) % num_frames

    def spacing(self, fps: float) -> float:
        return self.step * fps / self.target_fps


def source_span(length: int, step: int, fps: float, target_fps: float) -> float:
    """Length of a clip in frames of the video: T*r frames at `target_fps`, converted to `fps`."""
    return length * step * fps / target_fps


def spaced_start(room: float, view: int, num_views: int, *, reach_end: bool) -> float:
    """First frame of view `view`, as a real number; `room` is the number of frames that the clip leaves free."""
    if not reach_end:
        return room * view / num_views
    if num_views == 1:
        return float(math.floor(room / 2))
    return float(view * math.floor(room / (num_views - 1)))


def evenly_spaced(start: float, span: float, length: int, num_frames: int) -> Frames:
    """`length` frames spread evenly from `start` to `start + span - 1`, rounded down and cut to the video.

    With a whole `start` the step is (T*r - 1)/(T - 1), not r: 8 frames at rate 8 take every 9th frame.
    """
    points = start + np.arange(length) * ((span - 1) / max(length - 1, 1))
    # The last point is a whole number that a rounded step can miss from below.
    frames: Frames = np.clip(np.floor(points + 1e-9), 0, num_frames - 1).astype(np.int64)
    return frames


@dataclass(frozen=True, slots=True)
class KeyframeClip:
    """AVA: every r-th frame around a keyframe, which is frame `place` of the clip.

    Without a place the clip begins T*r // 2 frames before the keyframe, which then is frame T // 2 if T is even; if not, it
    lies between two frames.
    """

    length: int
    step: int
    place: int | None = None

    def frames(self, keyframe: int, num_frames: int) -> Frames:
        """Frame numbers (T,), rising, within [0, num_frames - 1]."""
        before = self.length * self.step // 2 if self.place is None else self.place * self.step
        return strided(keyframe - before, self.length, self.step, num_frames)

    def begin(self, keyframe: int, lead: int) -> int:
        """The frame from which a video is read whole whose first keyframe is this one: at most `lead` frames before it."""
        return max(keyframe - lead, 0)

    def pieces(self, keyframes: Frames, begin: int, piece_frames: int) -> Frames:
        """Numbers (M,), from 0, of the pieces of P frames that keyframes (M,) belong to in a video that is read from frame
        `begin` on: those with the nearest frame number `place` (P // 2 without a place), of two the later."""
        place = piece_frames // 2 if self.place is None else self.place
        span = self.step * piece_frames
        # In whole numbers: floor((keyframe - begin - place * step) / span + 1/2).
        numbers: Frames = (2 * (keyframes - begin - place * self.step) + span) // (2 * span)
        return np.maximum(numbers, 0)

    def resized(self, length: int) -> KeyframeClip:
        """A clip of another length, with the keyframe as far from its end as here, or in the middle if it is here."""
        place = None if self.place is None else max(self.place + length - self.length, 0)
        return KeyframeClip(length, self.step, place)


@dataclass(frozen=True, slots=True)
class SegmentClip:
    """Something-Something: one frame of each of T equal parts of the whole video, a random one or the middle one."""

    length: int
    randomly: bool
    num_views: int = 1

    def frames(self, num_frames: int, fps: float, view: int, rng: np.random.Generator) -> Frames:
        """Borders of parts are rounded half to even, and both of a part's belong to it."""
        borders = np.round((num_frames - 1) / self.length * np.arange(self.length + 1)).astype(np.int64)
        if self.randomly:
            return rng.integers(borders[:-1], borders[1:], endpoint=True)
        middles: Frames = (borders[:-1] + borders[1:]) // 2
        return middles

    def spacing(self, fps: float) -> None:
        return None
