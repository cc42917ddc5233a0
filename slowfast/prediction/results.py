"""What was found in a video: scores along its time, and events.

S windows, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from slowfast.annotations.events import ListedEvents
from slowfast.engine.contract import Contract
from slowfast.engine.event_rule import UNTUNED
from slowfast.evaluation.errors import ScoreError
from slowfast.evaluation.timed import JoinRule, TimedScores, join_events
from slowfast.prediction.errors import PredictionError

if TYPE_CHECKING:
    import pandas as pd

SUBSET = "prediction"
"""What the video is called in ActivityNet's file."""


@dataclass(frozen=True, slots=True)
class Event:
    """start, end: seconds. score: the mean over its time, in [0, 1] for the usual heads."""

    start: float
    end: float
    label: str
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """name: of the input. seconds: float64 (S, 2), start and end of each window's stretch; scores: float32 (S, K), activated;
    duration: of the video, in seconds. rule: by which scores became events."""

    name: str
    classes: tuple[str, ...]
    seconds: NDArray[np.float64]
    scores: NDArray[np.float32]
    duration: float
    rule: JoinRule

    @property
    def timed(self) -> TimedScores:
        return TimedScores(seconds=self.seconds, scores=self.scores, duration=self.duration)

    @property
    def listed(self) -> ListedEvents:
        """The events, as files of events hold them."""
        return ListedEvents(
            videos=(self.name,),
            classes=self.classes,
            events=join_events([self.timed], self.rule),
            duration=np.array([self.duration]),
            subset=(SUBSET,),
        )

    @property
    def events(self) -> tuple[Event, ...]:
        """In the order of their starts."""
        found = self.listed.events
        assert found.score is not None
        rows = zip(found.start.tolist(), found.end.tolist(), found.label.tolist(), found.score.tolist(), strict=True)
        return tuple(sorted((Event(start, end, self.classes[label], score) for start, end, label, score in rows), key=_by_time))

    def leading(self, chosen: Sequence[int], most: int) -> list[int]:
        """At most so many of the classes with these numbers: those whose events last longest, then those with the highest
        scores."""
        events = self.listed.events
        lasting = np.bincount(events.label, weights=events.end - events.start, minlength=len(self.classes))
        highest = self.scores.max(axis=0)
        return sorted(chosen, key=lambda number: (-lasting[number], -highest[number], number))[:most]

    def state(self) -> dict[str, Any]:
        """As tensors and plain containers, for `of_state`."""
        tensors = {"seconds": torch.from_numpy(self.seconds), "scores": torch.from_numpy(self.scores)}
        return {"name": self.name, "duration": self.duration, **tensors}

    @classmethod
    def of_state(cls, state: Mapping[str, Any], *, classes: tuple[str, ...], rule: JoinRule) -> Prediction:
        return cls(
            name=state["name"], classes=classes, seconds=state["seconds"].numpy(), scores=state["scores"].numpy(),
            duration=state["duration"], rule=rule,
        )  # fmt: skip

    def to_pandas(self) -> pd.DataFrame:
        """A row a window: start, end, and a column with the scores of each class."""
        import pandas

        columns: dict[str, Any] = {"start": self.seconds[:, 0], "end": self.seconds[:, 1]}
        return pandas.DataFrame(columns | dict(zip(self.classes, self.scores.T, strict=True)))


def _by_time(event: Event) -> tuple[float, float, str]:
    return event.start, event.end, event.label


def rule_of(contract: Contract, threshold: float | None = None) -> JoinRule:
    """threshold: in place of those that a test has tuned; None: these, or UNTUNED where none has. Raises PredictionError."""
    try:
        if threshold is not None or not contract.event_rule:
            return JoinRule.of(len(contract.classes), threshold=UNTUNED if threshold is None else threshold)
        rows = [contract.event_rule["classes"][name] for name in contract.classes]
        return JoinRule(
            **{name: np.array([float(row[name]) for row in rows]) for name in ("threshold", "max_gap", "min_length")}
        )
    except (ScoreError, KeyError, TypeError, ValueError) as error:
        raise PredictionError(
            f"the rule that makes events cannot be used ({error}); right would be a threshold of your own (--threshold)"
        ) from None
