"""Which column of a table says what, by the names that people give them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

ROLES: dict[str, tuple[str, ...]] = {
    "video": (
        *("path", "video", "file", "filename", "file name", "video name", "videoname", "video file", "video path", "video id"),
        *("videoid", "vid", "media file name", "media file path", "media file", "media", "clip", "clip name", "recording"),
        *("movie", "film", "datei", "dateiname", "fichier", "vidéo", "archivo"),
    ),
    "label": (
        *("label", "class", "event", "action", "activity", "behavior", "behaviour", "annotation", "category", "label name"),
        *("class name", "event name", "event type", "type", "tag", "code", "phase", "klasse", "ereignis", "verhalten"),
        *("classe", "comportement", "étiquette", "clase", "evento", "comportamiento"),
    ),
    "labels": ("labels", "classes", "tags", "actions", "events"),
    "start": (
        *("start", "begin", "onset", "from", "start time", "starttime", "time start", "begin time", "t start", "tstart"),
        *("first", "in", "time in", "anfang", "beginn", "von", "début", "debut", "inicio", "inizio"),
    ),
    "end": (
        *("end", "stop", "offset", "to", "end time", "endtime", "time end", "stop time", "finish", "t end", "tend"),
        *("last", "out", "time out", "ende", "bis", "fin", "fine"),
    ),
    "duration": ("duration", "length", "dur", "dauer", "durée", "duración"),
    "time": ("time", "timestamp", "at", "moment", "zeit", "temps", "tiempo", "frame"),
    "fps": ("fps", "frame rate", "framerate", "frames per second"),
}
"""Names, the surest first; see `_plain` for how they are compared."""

_UNITS = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds", "sek", "sekunden"), "s"),
    **dict.fromkeys(("ms", "msec", "milliseconds"), "ms"),
    **dict.fromkeys(("min", "mins", "minutes", "minuten"), "min"),
    **dict.fromkeys(("h", "hours"), "h"),
    **dict.fromkeys(("frame", "frames", "frame number", "frame no", "frame index", "f"), "frame"),
}
_BRACKET = re.compile(r"\s*[(\[]\s*([^)\]]*?)\s*[)\]]\s*$")
_FRAME = re.compile(r"\bframes?\b|(?<=start)frame|(?<=end)frame")


@dataclass(frozen=True, slots=True)
class Column:
    """name: as the header has it. unit: what bare numbers in it count; see `parse_time`."""

    name: str
    unit: str = "s"


def understand(header: Sequence[str]) -> dict[str, Column]:
    """Columns by their role, one of ROLES; a role that nothing in the header has is missing. Of several names for one role the
    surest counts, and a column has one role alone."""
    found: dict[str, Column] = {}
    rank: dict[str, int] = {}
    for name in header:
        for role, names in ROLES.items():
            base, unit = _base(name, role)
            if base in names and (role not in rank or names.index(base) < rank[role]):
                found[role], rank[role] = Column(name, unit), names.index(base)
    return found


def _base(name: str, role: str) -> tuple[str, str]:
    """The name without its unit, and the unit."""
    plain, unit = _plain(name), "s"
    if role not in ("start", "end", "duration", "time"):
        return plain, unit
    if bracket := _BRACKET.search(plain):
        unit, plain = _UNITS.get(bracket[1], "s"), plain[: bracket.start()]
    elif (words := plain.rpartition(" "))[2] in _UNITS and words[0]:
        unit, plain = _UNITS[words[2]], words[0]
    if role != "time" and _FRAME.search(plain):
        unit, plain = "frame", " ".join(_FRAME.sub(" ", plain).split())
    elif plain == "frame":
        unit = "frame"
    return plain, unit


def _plain(name: str) -> str:
    return " ".join(unicodedata.normalize("NFC", name).lower().replace("_", " ").replace("-", " ").split())
