"""Times as people and programs write them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

EXPECTED = "a time like 12.5, 12,5, 0:12.5, 00:00:12,500, 1m 30s, 1500 ms or 375f (a frame)"
"""For messages."""

_DECIMAL = r"(?:\d+(?:[.,]\d*)?|[.,]\d+)"
_NUMBER = re.compile(rf"([+-]?{_DECIMAL})(?:[eE]([+-]?\d+))?", re.ASCII)
_CLOCK = re.compile(r"([+-]?)(?:(\d+):)?(\d+):(\d{1,2}(?:[.,]\d*)?)", re.ASCII)
_TIMECODE = re.compile(r"(\d+):(\d{2}):(\d{2}):(\d{2,3})", re.ASCII)
_FRAME = re.compile(r"(?:#|frame\s*|f)?\s*(\d+)\s*(?:f|frames?)?", re.ASCII | re.IGNORECASE)
_UNITS = {
    "ms": 0.001, "msec": 0.001, "milliseconds": 0.001, "millisecond": 0.001,
    "s": 1.0, "sec": 1.0, "secs": 1.0, "second": 1.0, "seconds": 1.0, "sek": 1.0,
    "m": 60.0, "min": 60.0, "mins": 60.0, "minute": 60.0, "minutes": 60.0,
    "h": 3600.0, "hr": 3600.0, "hrs": 3600.0, "hour": 3600.0, "hours": 3600.0,
}  # fmt: skip
_PART = re.compile(rf"({_DECIMAL})\s*([A-Za-z]+)\.?\s*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Time:
    """A place in a video. seconds: from its start. frames: how many frames behind `seconds` it is, or None where seconds say it
    all; then `seconds` are those of a time code, which counts as many frames a second as the rate rounded up to a whole number
    (frames alone: seconds are 0)."""

    seconds: float = 0.0
    frames: int | None = None

    def at(self, fps: float) -> float:
        """Seconds in a video of so many frames a second."""
        if self.frames is None:
            return self.seconds
        return (self.seconds * math.ceil(fps - 1e-6) + self.frames) / fps


def parse_time(text: str, unit: str = "s") -> Time | None:
    """The time that a text says; None for any other text. unit: what a bare number counts: h, min, s, ms or "frame".

    Numbers with a point or a comma before their decimals; m:s and h:m:s, whose seconds may have decimals; numbers with units;
    a frame as 375f, #375 or frame 375; h:m:s:f as editing programs write it.
    """
    text = text.strip()
    if found := _NUMBER.fullmatch(text):
        value = _float(found[1]) * 10.0 ** min(int(found[2] or 0), 300)
        if unit == "frame":
            return Time(0.0, int(value)) if value == int(value) else None
        value = value if unit == "s" else round(value * _UNITS[unit], 9)
        return Time(value) if math.isfinite(value) else None
    if found := _CLOCK.fullmatch(text):
        return _clock(found[1], found[2], found[3], found[4])
    if found := _TIMECODE.fullmatch(text):
        hours, minutes, seconds, frames = map(int, found.groups())
        return Time(3600.0 * hours + 60 * minutes + seconds, frames) if minutes < 60 and seconds < 60 else None
    if found := _FRAME.fullmatch(text):
        return Time(0.0, int(found[1]))
    return _with_units(text)


def _clock(sign: str, hours: str | None, minutes: str, seconds: str) -> Time | None:
    if _float(seconds) >= 60 or (hours is not None and int(minutes) >= 60):
        return None
    value = round(3600.0 * int(hours or 0) + 60.0 * int(minutes) + _float(seconds), 9)
    return Time(-value if sign == "-" else value)


def _with_units(text: str) -> Time | None:
    """The sum of numbers with units, each unit once, from the largest to the smallest."""
    total, place, last = 0.0, 0, math.inf
    while place < len(text):
        found = _PART.match(text, place)
        factor = _UNITS.get(found[2].lower()) if found else None
        if found is None or factor is None or factor >= last:
            return None
        total, place, last = total + _float(found[1]) * factor, found.end(), factor
    return Time(round(total, 9)) if text else None


def _float(text: str) -> float:
    return float(text.replace(",", "."))


def clock_text(seconds: float) -> str:
    """h:mm:ss, with as many decimals as milliseconds take; for people to read."""
    milliseconds = round(abs(seconds) * 1000)
    whole, rest = divmod(milliseconds, 1000)
    decimals = f".{rest:03d}".rstrip("0") if rest else ""
    sign = "-" if seconds < 0 and milliseconds else ""
    return f"{sign}{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}{decimals}"
