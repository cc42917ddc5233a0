"""Events with the names of their videos and classes, as files hold them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from slowfast.annotations.errors import DatasetError
from slowfast.annotations.events.table import EventError, Events

Row = tuple[str, str, float, float, float]
"""(video, class, start, end, score); the score of truths means nothing."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ListedEvents:
    """All that a file of events says.

    videos: V names, each once, with or without events. classes: K names, likewise. events: their numbers are places in these.
    duration: float64 (V,), seconds; NaN where it is not known. subset: V texts ("validation"); empty where the
    file does not say. Raises EventError.
    """

    videos: tuple[str, ...]
    classes: tuple[str, ...]
    events: Events
    duration: NDArray[np.float64]
    subset: tuple[str, ...]

    def __post_init__(self) -> None:
        for what, names, numbers in (
            ("videos", self.videos, self.events.video),
            ("classes", self.classes, self.events.label),
        ):
            if len(set(names)) < len(names):
                raise EventError(f"{what}: a name stands twice; right would be each once")
            for name in names:
                if fault := name_fault(name):
                    raise EventError(f"{what}: {name!r} is {fault}; right would be a name that files can hold")
            if len(numbers) and numbers.max() >= len(names):
                raise EventError(f"{what}: an event has number {numbers.max()}; right would be 0 to {len(names) - 1}")
        if self.duration.shape != (len(self.videos),) or len(self.subset) != len(self.videos):
            raise EventError(
                f"durations are {self.duration.shape} and subsets {len(self.subset)}; right would be one each for "
                f"{len(self.videos)} videos"
            )

    def of_subsets(self, subsets: Sequence[str]) -> ListedEvents:
        """The videos of these subsets; the classes remain."""
        kept = [video for video, subset in zip(self.videos, self.subset, strict=True) if subset in subsets]
        return self.numbered(kept, self.classes)

    def numbered(self, videos: Sequence[str], classes: Sequence[str]) -> ListedEvents:
        """The events of these videos and classes, with the numbers that they have in these lists; the others are left out."""
        place = {name: number for number, name in enumerate(self.videos)}
        old = [place.get(name) for name in videos]
        video, label = _renumbering(self.videos, videos), _renumbering(self.classes, classes)
        rows = (video[self.events.video] >= 0) & (label[self.events.label] >= 0)
        events = self.events[rows]
        return ListedEvents(
            videos=tuple(videos),
            classes=tuple(classes),
            events=Events(
                video=video[events.video], label=label[events.label], start=events.start, end=events.end, score=events.score
            ),
            duration=np.array([np.nan if number is None else self.duration[number] for number in old], dtype=np.float64),
            subset=tuple("" if number is None else self.subset[number] for number in old),
        )


def list_events(
    videos: Iterable[str],
    rows: Sequence[Row],
    *,
    scored: bool,
    classes: Sequence[str] = (),
    duration: Mapping[str, float] | None = None,
    subset: Mapping[str, str] | None = None,
) -> ListedEvents:
    """Rows become numbers. Videos stand as given, then those that only rows name; classes likewise, in alphabetical order
    beyond those given, so that a file's order does not matter."""
    names = tuple(dict.fromkeys([*videos, *(row[0] for row in rows)]))
    labels = tuple(dict.fromkeys([*classes, *sorted({row[1] for row in rows})]))
    video_numbers, class_numbers = ({name: number for number, name in enumerate(table)} for table in (names, labels))
    times = np.array([row[2:] for row in rows], dtype=np.float64).reshape(-1, 3)
    return ListedEvents(
        videos=names,
        classes=labels,
        events=Events(
            video=np.array([video_numbers[row[0]] for row in rows], dtype=np.int64),
            label=np.array([class_numbers[row[1]] for row in rows], dtype=np.int64),
            start=times[:, 0],
            end=times[:, 1],
            score=times[:, 2] if scored else None,
        ),
        duration=np.array([(duration or {}).get(name, np.nan) for name in names], dtype=np.float64),
        subset=tuple((subset or {}).get(name, "") for name in names),
    )


def name_fault(name: str) -> str:
    """What keeps a text from being the name of a video or a class in every format; empty if nothing does."""
    if not name.strip():
        return "empty"
    if name != name.strip():
        return "a text with blanks at an end"
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in name):
        return "a text with control characters"
    return ""


@dataclass(slots=True)
class Faults:
    """Collects what is wrong with a file, to tell all of it in one sentence."""

    path: str
    found: list[DatasetError] = field(default_factory=list)

    def add(self, fault: DatasetError) -> None:
        self.found.append(fault)

    def check(self) -> None:
        """Raises the first fault, if there is one, with the others in short behind it."""
        if self.found:
            self._raise()

    def _raise(self) -> NoReturn:
        first, *others = self.found
        told = "; ".join(f"{self._place(fault)}{fault.found}" for fault in others[:10])
        left = f"; and {len(others) - 10} more" if len(others) > 10 else ""
        more = f" ({len(others)} more wrong: {told}{left})" if others else ""
        raise DatasetError(path=first.path, row=first.row, found=first.found, expected=first.expected + more)

    def _place(self, fault: DatasetError) -> str:
        place = fault.path.removeprefix(self.path).removeprefix(", ")
        row = "" if fault.row is None else f"row {fault.row}"
        return f"{place or row}: " if place or row else ""


def _renumbering(old: Sequence[str], new: Sequence[str]) -> NDArray[np.int64]:
    """int64 (old,): the new number of each; -1: it has none."""
    place = {name: number for number, name in enumerate(new)}
    return np.array([place.get(name, -1) for name in old], dtype=np.int64)
