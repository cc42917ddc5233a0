"""What the statistics of a log say over the epochs, as points to draw."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

Point = tuple[float, float]
Stats = Sequence[Mapping[str, Any]]


def series(stats: Stats, kind: str, name: str) -> list[Point]:
    """(epoch, value) by rising epoch; values that are missing or not finite leave a gap nobody has to explain."""
    points: dict[float, float] = {}
    for entry in stats:
        if entry.get("_type") == kind and entry.get(name) is not None and math.isfinite(float(entry[name])):
            points[_position(entry)] = float(entry[name])
    return sorted(points.items())


def _position(entry: Mapping[str, object]) -> float:
    """Epochs that were over when the entry was written, with the fraction of the one that ran."""
    epoch = float(str(entry["epoch"]).partition("/")[0])
    if "iter" not in entry:
        return epoch
    done, _, of = str(entry["iter"]).partition("/")
    return epoch - 1 + float(done) / float(of)
