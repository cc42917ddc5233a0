"""Scores of a stream, step by step as its pictures come.

K classes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from slowfast.engine.contract import Frames
from slowfast.prediction.loading import LoadedModel
from slowfast.prediction.scoring import Scorer
from slowfast.prediction.streams.pump import Note, Pump, Put


class StreamSource(Protocol):
    """name: as people know it; results lie in a folder of this name."""

    @property
    def name(self) -> str: ...

    def read(self, frames: Frames, *, length: int, hop: int, put: Put) -> None:
        """Puts windows of `length` frames, each `hop` behind the one before, and notes. Raises DecodeError, and what `put`
        raises."""


@dataclass(frozen=True, slots=True)
class Step:
    """start, end: seconds of the stream that its scores are for; scores: float32 (K,), activated. unseen: frames before it that
    the network would have looked at, had it been fast enough."""

    start: float
    end: float
    scores: NDArray[np.float32]
    unseen: int


def watch(loaded: LoadedModel, source: StreamSource, hop: int, stop: Callable[[], bool]) -> Iterator[Step | Note]:
    """Until the stream ends or `stop` says so, which is asked several times a second. hop: frames from one window to the next
    (`hop_of`). Raises DecodeError."""
    scorer = Scorer(loaded, 1)
    pump = Pump(lambda put: source.read(loaded.contract.frames, length=loaded.length, hop=hop, put=put))
    begins, seen = True, 0
    with scorer.ready():
        for item in pump.items(stop):
            if isinstance(item, Note):
                if item.ends:
                    begins, seen = True, 0
                yield item
                continue
            first = item.number * hop
            scores = scorer([dataclasses.replace(item, number=0) if begins else item])[0]
            yield Step(item.start, item.end, scores.copy(), max(0, first - seen))
            begins, seen = False, first + loaded.length
