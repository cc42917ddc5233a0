"""Persons at the moments of a video that were judged: part of the file of examined videos.

Classes are numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class ExaminedPerson:
    """One box. box: x1 y1 x2 y2 in fractions of the picture. true: what the person does; None: no true person is there. said:
    what the network says; None: it was not asked, as no box of the data set is of this person. scores: of these classes, in
    [0, 1]."""

    box: tuple[float, float, float, float]
    true: tuple[int, ...] | None
    said: tuple[int, ...] | None
    scores: Mapping[int, float]

    @property
    def right(self) -> tuple[int, ...]:
        return tuple(label for label in self.true or () if label in (self.said or ()))

    @property
    def missed(self) -> tuple[int, ...]:
        return tuple(label for label in self.true or () if label not in (self.said or ()))

    @property
    def wrong(self) -> tuple[int, ...]:
        return tuple(label for label in self.said or () if label not in (self.true or ()))

    @classmethod
    def from_content(cls, content: Mapping[str, Any]) -> Self:
        x1, y1, x2, y2 = map(float, content["box"])
        true, said = (None if content[name] is None else tuple(map(int, content[name])) for name in ("true", "said"))
        scores = {int(label): float(score) for label, score in content["scores"].items()}
        return cls(box=(x1, y1, x2, y2), true=true, said=said, scores=scores)

    def content(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {"box": self.box, "true": self.true, "said": self.said, "scores": self.scores}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExaminedMoment:
    """start: the annotated moment; end: until when its boxes are shown; seconds from the start of the video. second: the moment
    as the annotation counts it."""

    start: float
    end: float
    second: int
    persons: tuple[ExaminedPerson, ...]

    @property
    def labels(self) -> Set[int]:
        """All that are named."""
        return {label for person in self.persons for label in (*(person.true or ()), *(person.said or ()), *person.scores)}

    @classmethod
    def from_content(cls, content: Mapping[str, Any]) -> Self:
        return cls(
            start=float(content["start"]),
            end=float(content["end"]),
            second=int(content["second"]),
            persons=tuple(ExaminedPerson.from_content(person) for person in content["persons"]),
        )

    def content(self) -> dict[str, Any]:
        """As JSON holds it."""
        persons = [person.content() for person in self.persons]
        return {"start": self.start, "end": self.end, "second": self.second, "persons": persons}
