"""The annotation of THUMOS'14 (Idrees et al., arXiv:1604.06182): a file for each class, with lines of video, start, end."""

from __future__ import annotations

import re
from pathlib import Path

from slowfast.annotations.list_text import read_lines
from slowfast.annotations.times import Time, parse_time
from slowfast.preparation.exports.export import Export, Place

_LINE = re.compile(r"(\S+)\s+(\S+)\s+(\S+)")
_SPLIT = re.compile(r"_(val|validation|test|train|bg)$", re.IGNORECASE)
AMBIGUOUS = "ambiguous"


def is_thumos(path: Path) -> bool:
    """Whether the first line that says anything is video, start and end, between blanks."""
    for _, line in read_lines(path, what="a text file"):
        if line.strip():
            found = _LINE.fullmatch(line.strip())
            return found is not None and all(_seconds(text) is not None for text in found.groups()[1:])
    return False


def read_thumos(path: Path) -> Export:
    """The name of the file is that of the class."""
    export = Export(path=path, format="THUMOS")
    label = _SPLIT.sub("", path.stem)
    for row, line in read_lines(path, what="lines of video, start and end"):
        place, found = Place(path, row), _LINE.fullmatch(line.strip())
        if not line.strip():
            continue
        start, end = (_seconds(found[2]), _seconds(found[3])) if found else (None, None)
        if found is None or start is None or end is None:
            export.faults.append(
                place.fault(f"{line.strip()[:100]!r}", "video, start and end in seconds, with blanks between them")
            )
        elif label.lower() == AMBIGUOUS:
            export.add_video(found[1], place)
            export.left_out["times marked as ambiguous, of no class"] += 1
        else:
            export.add_event(found[1], label, start, end, place)
    return export


def _seconds(text: str) -> Time | None:
    found = parse_time(text)
    return found if found is not None and found.frames is None else None
