"""The text that names a RandAugment, such as rand-m7-n4-mstd0.5-inc1, as timm and PySlowFast write it."""

from __future__ import annotations

import re
from dataclasses import dataclass

MOST = 10.0
"""The largest magnitude."""

MOST_OPERATIONS, MOST_WEIGHTED = 32, 13
"""Of a clip; weighted ones are drawn once each, and so many have a weight."""

EXAMPLE = "a text such as rand-m7-n4-mstd0.5-inc1, or '' for none"


@dataclass(frozen=True, slots=True, kw_only=True)
class RandAugmentText:
    """magnitude: from 0 to 10. count: operations that are drawn for a clip. spread: standard deviation of the magnitude.
    increasing: whether every operation changes more at a higher magnitude. weighted: whether operations that helped more are
    drawn more often, and none twice."""

    magnitude: float = MOST
    count: int = 2
    spread: float = 0.0
    increasing: bool = False
    weighted: bool = False

    @classmethod
    def read(cls, text: str) -> RandAugmentText:
        """Raises ValueError, which says what is wrong."""
        kind, *parts = text.split("-")
        if kind != "rand":
            raise ValueError(f"{kind!r} is no kind of augmentation here, only rand is")
        found: dict[str, str] = {}
        for part in parts:
            match = re.fullmatch(r"(m|n|mstd|inc|w)(\d+(?:\.\d+)?)", part)
            if match is None:
                raise ValueError(f"{part!r} in it is not one of m, n, mstd, inc and w with a number")
            name, number = match.groups()
            if name in found:
                raise ValueError(f"{name} stands in it twice")
            found[name] = number
        weighted = "w" in found
        _number(found, "w", 0, 0)
        return cls(
            magnitude=_number(found, "m", MOST, MOST),
            count=int(_number(found, "n", 2, MOST_WEIGHTED if weighted else MOST_OPERATIONS, whole=True)),
            spread=_number(found, "mstd", 0, MOST),
            increasing=bool(_number(found, "inc", 0, 1, whole=True)),
            weighted=weighted,
        )


def _number(found: dict[str, str], name: str, default: float, most: float, *, whole: bool = False) -> float:
    number = float(found.get(name, default))
    if number > most:
        raise ValueError(f"{name} in it is at most {most:g}, not {found[name]}")
    if whole and number != int(number):
        raise ValueError(f"{name} in it is a whole number, not {found[name]}")
    return number
