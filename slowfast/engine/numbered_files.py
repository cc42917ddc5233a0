"""Names of many files that differ by a number alone, said in few words: a video may be a hundred thousand pictures."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

_LAST_NUMBER = re.compile(r"(.*?)([0-9]+)([^0-9]*)", re.DOTALL)


def packed(files: Sequence[str]) -> list[str] | dict[str, str]:
    """As JSON holds them: what stands before and after the number, and the first and the last number; the names themselves
    where that does not say it all."""
    first = _LAST_NUMBER.fullmatch(files[0]) if len(files) > 1 else None
    last = _LAST_NUMBER.fullmatch(files[-1]) if first else None
    if first and last:
        short = {"before": first[1], "first": first[2], "last": last[2], "after": first[3]}
        if int(last[2]) - int(first[2]) == len(files) - 1 and unpacked(short) == tuple(files):
            return short
    return list(files)


def unpacked(content: Any) -> tuple[str, ...]:
    """Raises KeyError, ValueError, TypeError or AttributeError for content of another form."""
    if not isinstance(content, dict):
        return tuple(map(str, content))
    before, first, last, after = (str(content[name]) for name in ("before", "first", "last", "after"))
    return tuple(f"{before}{number:0{len(first)}d}{after}" for number in range(int(first), int(last) + 1))
