"""What is told of a video, whatever was judged in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slowfast.visualization.player import Kind
from slowfast.visualization.player.timeline_chart import Stretch

FIRST_FEW = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A row a class, as many texts as there are heads."""

    caption: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """summary: a sentence. kinds: of mistakes. shown: classes that its timeline may have, the first first. bars: those of a
    class, in a video of so many seconds. boxes: of persons, for boxes.js; None: none were judged."""

    summary: str
    kinds: tuple[str, ...]
    table: Table
    shown: Sequence[int]
    bars: Callable[[int, float], Mapping[Kind, Sequence[Stretch]]]
    boxes: dict[str, Any] | None = None


def listed(labels: Sequence[int], names: Sequence[str]) -> str:
    """The classes that come most often, FIRST_FEW at most, with how often, and how many more there are."""
    counts = Counter(labels)
    shown = [names[label] if count == 1 else f"{count} × {names[label]}" for label, count in counts.most_common(FIRST_FEW)]
    return ", ".join([*shown, *([f"{len(counts) - len(shown)} more"] if len(counts) > len(shown) else [])])


def several(count: int, one: str, more: str = "") -> str:
    """more: the plural, if it is not `one` with an s."""
    return f"{count} {one if count == 1 else more or f'{one}s'}"


def sentence(parts: Sequence[str]) -> str:
    text = ", ".join(parts)
    return f"{text[0].upper()}{text[1:]}."
