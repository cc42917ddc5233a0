"""The one form that all exports are read into."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slowfast.annotations.errors import DatasetError
from slowfast.annotations.times import Time


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in a file. part: an element by its own name, such as "tier 'Gesture', annotation a7"; may be
    empty."""

    path: Path
    row: int | None = None
    part: str = ""

    @property
    def source(self) -> str:
        return f"{self.path}, {self.part}" if self.part else str(self.path)

    def fault(self, found: str, expected: str) -> DatasetError:
        return DatasetError(path=self.source, row=self.row, found=found, expected=expected)

    def __str__(self) -> str:
        return self.source if self.row is None else f"{self.source}, row {self.row}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One class in one video, for a time or for all of it (start and end are None). video: as the export names it, which may be
    a path on another machine. start == end: a moment."""

    video: str
    label: str
    place: Place
    start: Time | None = None
    end: Time | None = None


@dataclass(frozen=True, slots=True)
class Key:
    """Where a box is at one time. box: x1, y1, x2, y2, in fractions of the picture, or in pixels if the track says so. hidden:
    the track ends here, until a later key shows it again. labels: what the person does; empty where it does nothing."""

    time: Time
    box: tuple[float, float, float, float]
    labels: tuple[str, ...]
    hidden: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """One person or thing. keys: by rising time; between two of them the box moves evenly, and behind the last it stays, unless
    that is hidden. moments: keys are single boxes instead, and nothing is known between them. size: width and height of the
    picture that pixels count in; None: boxes are fractions, or pixels of the video itself if in_pixels."""

    video: str
    keys: tuple[Key, ...]
    place: Place
    moments: bool = False
    in_pixels: bool = False
    size: tuple[float, float] | None = None


@dataclass(slots=True, kw_only=True)
class Export:
    """All that a file says. format: for people. videos: every video that it names, with or without events, and where. fps: of
    videos, where the file says which rate its frames were counted at. whole: events are those of whole videos. several: a video
    may have several classes. scored: it has scores, as what a network found has. notes: how something was understood.
    left_out: what was not used, and how often. faults: what is wrong."""

    path: Path
    format: str
    events: list[Event] = field(default_factory=list)
    tracks: list[Track] = field(default_factory=list)
    videos: dict[str, Place] = field(default_factory=dict)
    fps: dict[str, float] = field(default_factory=dict)
    whole: bool = False
    several: bool = True
    scored: bool = False
    notes: list[str] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    faults: list[DatasetError] = field(default_factory=list)

    def add_video(self, name: str, place: Place) -> None:
        self.videos.setdefault(name, place)

    def add_event(self, video: str, label: str, start: Time, end: Time, place: Place) -> None:
        """Checks what can be checked without the video."""
        self.add_video(video, place)
        first, last = start.at(1.0), end.at(1.0)  # comparable where both count the same
        if min(first, last) < 0:
            said = first if first < 0 else last
            self.faults.append(place.fault(f"the time {said:g}", "a time from the start of the video, 0 or later"))
        elif (start.frames is None) == (end.frames is None) and last < first:
            unit = "" if start.frames is None else "frame "
            self.faults.append(place.fault(
                f"an end, {unit}{last:g}, before the start, {unit}{first:g}", "start <= end (they may have been exchanged)"
            ))  # fmt: skip
        else:
            self.events.append(Event(video=video, label=label, start=start, end=end, place=place))


@dataclass(frozen=True, slots=True)
class Json:
    """A value of a json file that knows where it stands, so that what is wrong with it can be told."""

    value: Any
    place: Place

    def get(self, key: str | int) -> Json:
        """A member, or None as its value where there is none."""
        here = f"{self.place.part}[{key}]" if isinstance(key, int) else f"{self.place.part}.{key}".removeprefix(".")
        inside: Any = None
        if isinstance(self.value, dict) and isinstance(key, str):
            inside = self.value.get(key)
        elif isinstance(self.value, list) and isinstance(key, int) and key < len(self.value):
            inside = self.value[key]
        return Json(inside, Place(self.place.path, None, here))

    def items(self) -> Iterator[tuple[str, Json]]:
        """Members of an object; none of anything else."""
        if isinstance(self.value, dict):
            for key in self.value:
                yield key, self.get(key)

    def entries(self) -> Iterator[Json]:
        """Entries of a list; none of anything else."""
        if isinstance(self.value, list):
            for number in range(len(self.value)):
                yield self.get(number)

    def text(self, expected: str) -> str:
        """A text that says something, without outer blanks; a number counts as one. Raises DatasetError."""
        value = self.value
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str) or not value.strip():
            raise self.fault(expected)
        return value.strip()

    def number(self, expected: str) -> float:
        """A finite number; a text that is one counts too. Raises DatasetError."""
        value = self.value
        if isinstance(value, str):
            try:
                value = float(value)
            except ValueError:
                raise self.fault(expected) from None
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e15:  # NaN as well
            raise self.fault(expected)
        return float(value)

    def fault(self, expected: str) -> DatasetError:
        said = ascii(self.value)
        return self.place.fault("there is nothing" if self.value is None else f"{said[:200]}", expected)
