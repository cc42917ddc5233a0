"""Cameras and addresses: streams that go on by themselves, break off, and come back."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from slowfast.datasets import DecodeError
from slowfast.engine.contract import Frames
from slowfast.prediction.streams.decoding import Damage, steady
from slowfast.prediction.streams.pump import Note, Put
from slowfast.prediction.streams.sampling import Shown, StreamWindows

FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0
"""Seconds from a break to the next attempt; each takes twice as long as the one before."""

LONGEST_JUMP = 10.0
"""Seconds from one picture to the next that are still believed."""


@dataclass(frozen=True, slots=True)
class Connection:
    """shown: its pictures as they come. ends: whether their end is the end of the video, not a break. is_file: whether what
    comes is always the same from the beginning. damage: what of it was left out."""

    shown: Iterator[Shown]
    ends: bool = False
    is_file: bool = False
    damage: Damage = field(default_factory=Damage)


class Place(Protocol):
    """Where pictures come from. name: as a folder may be called; label: as people know it. Neither holds a secret."""

    @property
    def name(self) -> str: ...

    @property
    def label(self) -> str: ...

    def connect(self) -> contextlib.AbstractContextManager[Connection]:
        """Raises DecodeError, within the block as well."""


@dataclass(slots=True)
class Live:
    """Seconds of its windows are those since the epoch: the moment at which the first picture of a connection came, and from
    then on the clock of the stream, which does not shake as arrivals do.

    Pictures that come faster than they would be shown wait; those that nobody takes in their time give way to later ones. A
    connection that breaks off is made anew, for as long as it takes, and what follows is another video.
    """

    place: Place
    _end: float = field(default=0.0, init=False)
    _is_file: bool = field(default=False, init=False)
    # Once for all: this computer's clock may be set while a stream runs.
    _offset: float = field(default_factory=lambda: time.time() - time.monotonic(), init=False)

    @property
    def name(self) -> str:
        return self.place.name

    def read(self, frames: Frames, *, length: int, hop: int, put: Put) -> None:
        """Puts windows and notes until the video ends. Raises DecodeError where there is nothing from the beginning, and what
        `put` raises."""
        wait, began = FIRST_WAIT, False
        while True:
            try:
                for window_end in self._connected(frames, length, hop, put, again=began):
                    self._end, wait, began = window_end, FIRST_WAIT, True
                return
            except DecodeError as error:
                if self._is_file:
                    why = f"{error.reason}; this is a file and no stream, and right would be to fetch it first"
                    raise DecodeError(self.place.label, why) from None
                if not began:
                    raise
                put(Note(f"{self.place.label} broke off ({error.reason}); trying again in {wait:g} s"))
            time.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT)

    def _connected(self, frames: Frames, length: int, hop: int, put: Put, *, again: bool) -> Iterator[float]:
        """One connection, to its end: the ends of its windows."""
        begin = 0.0

        def timed(shown: Iterator[Shown]) -> Iterator[Shown]:
            nonlocal begin
            for number, (second, draw) in enumerate(shown):
                if not number:
                    begin = max(self._now() - second, self._end)
                    if again:
                        put(Note(f"{self.place.label} is back; what came before is forgotten", ends=True))
                yield second, draw

        with self.place.connect() as connection:
            self._is_file = connection.is_file
            shown = steady(timed(connection.shown), self.place.label, LONGEST_JUMP)
            for window in StreamWindows(shown, frames, length=length, hop=hop):
                connection.damage.tell(put, self.place.label)
                window = dataclasses.replace(window, start=begin + window.start, end=begin + window.end)
                put(window, late=_is_past(window.end, self._now))
                yield window.end
            connection.damage.tell(put, self.place.label)
            if not connection.ends:
                raise DecodeError(self.place.label, "its sender closed it")

    def _now(self) -> float:
        return self._offset + time.monotonic()


def _is_past(moment: float, now: Callable[[], float]) -> Callable[[], bool]:
    return lambda: now() >= moment
