"""The json files of ActivityNet (Caba Heilbron et al., CVPR 2015), in which many tools write and score events.

Results: {"version": ..., "results": {video: [{"label": name, "score": s, "segment": [start, end]}]}, "external_data": {}}
Truths: {"version": ..., "taxonomy": [], "database": {video: {"subset": ..., "duration": d, "annotations": [{"label": name,
"segment": [start, end]}]}}}

Times are seconds from the start of a video. Keys that are not named here are passed over.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from slowfast.annotations.errors import DatasetError
from slowfast.annotations.events.listed import Faults, ListedEvents, Row, list_events, name_fault
from slowfast.annotations.events.table import EventError
from slowfast.annotations.json_reading import read_json, short

VERSION = "VERSION 1.3"

_RESULTS = 'ActivityNet\'s results, {"results": {video: [{"label": name, "score": 0.5, "segment": [start, end]}]}}'
_TRUTHS = 'ActivityNet\'s truths, {"database": {video: {"annotations": [{"label": name, "segment": [start, end]}]}}}'
_SEGMENT = "two finite numbers of seconds, [start, end], with start <= end"


def read_results(path: Path) -> ListedEvents:
    """Detected events. Raises DatasetError for a file that cannot be read or is none of results, and for wrong entries, all of
    which it names."""
    faults = Faults(str(path))
    videos = _videos(path, "results", "database", _RESULTS)
    rows: list[Row] = []
    names: list[str] = []
    for video, where in _named(path, videos, faults):
        names.append(video)
        rows += _rows(video, where, videos[where.key], faults, scored=True)
    faults.check()
    return list_events(names, rows, scored=True)


def read_truths(path: Path) -> ListedEvents:
    """Annotated events of all subsets. Raises DatasetError as `read_results` does."""
    faults = Faults(str(path))
    videos = _videos(path, "database", "results", _TRUTHS)
    rows: list[Row] = []
    names: list[str] = []
    duration: dict[str, float] = {}
    subset: dict[str, str] = {}
    for video, where in _named(path, videos, faults):
        names.append(video)
        content = videos[where.key]
        if not isinstance(content, dict) or "annotations" not in content:
            faults.add(DatasetError(path=where.text, found=f"{short(content)}, without 'annotations'", expected=_TRUTHS))
            continue
        if content.get("duration") is not None:
            duration[video] = _number(content["duration"])
            if not duration[video] > 0:
                found = f"the duration is {short(content['duration'])}"
                faults.add(DatasetError(path=where.text, found=found, expected="seconds above 0, or no duration"))
        subset[video] = content.get("subset") or ""
        if not isinstance(subset[video], str):
            found = f"the subset is {short(content['subset'])}"
            faults.add(DatasetError(path=where.text, found=found, expected='a text like "validation", or no subset'))
        rows += _rows(video, where, content["annotations"], faults, scored=False)
    faults.check()
    return list_events(names, rows, scored=False, duration=duration, subset=subset)


def format_results(listed: ListedEvents) -> str:
    """Detections as a file of results; `read_results` gives back all of it but classes without events. Raises EventError for
    events without scores, and for infinite ones, for which json has no name."""
    return _format({"version": VERSION, "results": _entries(listed, scored=True), "external_data": {}})


def format_truths(listed: ListedEvents) -> str:
    """Events as a file of truths, whether they have scores or not; `read_truths` gives back all else but classes without
    events. Durations and subsets that are not known are left out."""
    database: dict[str, dict[str, Any]] = {}
    entries = _entries(listed, scored=False)
    for video, subset, duration in zip(listed.videos, listed.subset, listed.duration.tolist(), strict=True):
        database[video] = {
            **({"subset": subset} if subset else {}),
            **({} if math.isnan(duration) else {"duration": duration}),
            "annotations": entries[video],
        }
    return _format({"version": VERSION, "taxonomy": [], "database": database})


class _Place:
    """A video of a file: its key there, and the words for it."""

    def __init__(self, path: Path, key: str) -> None:
        self.key = key
        self.text = f"{path}, video {key!r}"


def _videos(path: Path, key: str, other: str, right: str) -> dict[str, Any]:
    content = read_json(path, dict, right)
    if key in content and isinstance(content[key], dict):
        return dict(content[key])
    if key in content:
        found = f"{key!r} is a {type(content[key]).__name__}, not a dict"
    else:
        mistaken = f" but {other!r}: it seems to be the other kind of file" if other in content else ""
        found = f"there is no {key!r}{mistaken}"
    raise DatasetError(path=str(path), found=found, expected=right)


def _named(path: Path, videos: dict[str, Any], faults: Faults) -> Iterator[tuple[str, _Place]]:
    """(name, place) of each video with a name; blanks at the ends of names do not count."""
    seen: dict[str, str] = {}
    for key in videos:
        place, name = _Place(path, key), key.strip()
        if fault := name_fault(name):
            faults.add(DatasetError(path=place.text, found=f"its name is {fault}", expected="the name of a video"))
        elif name in seen:
            found = f"it stands there a second time, as {seen[name]!r}"
            faults.add(DatasetError(path=place.text, found=found, expected="each video once"))
        else:
            seen[name] = key
            yield name, place


def _rows(video: str, place: _Place, entries: Any, faults: Faults, *, scored: bool) -> list[Row]:
    if not isinstance(entries, list):
        found = f"its events are {short(entries)}"
        faults.add(DatasetError(path=place.text, found=found, expected=_RESULTS if scored else _TRUTHS))
        return []
    rows: list[Row] = []
    for number, entry in enumerate(entries, 1):
        try:
            rows.append(_parse(video, entry, scored))
        except _WrongEntryError as error:
            faults.add(DatasetError(path=f"{place.text}, entry {number}", found=error.found, expected=error.expected))
    return rows


class _WrongEntryError(Exception):
    def __init__(self, found: str, expected: str) -> None:
        super().__init__(found, expected)
        self.found, self.expected = found, expected


def _parse(video: str, entry: Any, scored: bool) -> Row:
    wanted = ("label", "score", "segment") if scored else ("label", "segment")
    if not isinstance(entry, dict):
        raise _WrongEntryError(f"it is {short(entry)}", f"an object with {', '.join(wanted)}")
    if missing := [key for key in wanted if key not in entry]:
        raise _WrongEntryError(f"it has no {', '.join(missing)}", f"an object with {', '.join(wanted)}")
    label, segment = entry["label"], entry["segment"]
    if not isinstance(label, str) or (fault := name_fault(label.strip())):
        what = short(label) if not isinstance(label, str) else f"{short(label)}, {fault}"
        raise _WrongEntryError(f"its label is {what}", "the name of a class")
    if not isinstance(segment, list) or len(segment) != 2:
        raise _WrongEntryError(f"its segment is {short(segment)}", _SEGMENT)
    start, end = (_number(value) for value in segment)
    if not (math.isfinite(start) and math.isfinite(end) and start <= end):
        raise _WrongEntryError(f"its segment is {short(segment)}", _SEGMENT)
    score = _number(entry["score"]) if scored else 0.0
    if not math.isfinite(score):
        raise _WrongEntryError(f"its score is {short(entry['score'])}", "a finite number")
    return video, label.strip(), start, end, score


def _number(value: Any) -> float:
    """NaN for what is no number, or too large for one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.nan


def _entries(listed: ListedEvents, *, scored: bool) -> dict[str, list[dict[str, Any]]]:
    events = listed.events
    entries: dict[str, list[dict[str, Any]]] = {video: [] for video in listed.videos}
    columns = [events.video, events.label, events.start, events.end]
    if scored:
        if events.score is None or not np.isfinite(events.score).all():
            raise EventError("events: their scores are missing or not finite; right would be a finite score for each")
        columns.append(events.score)
    for video, label, start, end, *score in zip(*(column.tolist() for column in columns), strict=True):
        entry: dict[str, Any] = {"label": listed.classes[label]}
        if score:
            entry["score"] = score[0]
        entries[listed.videos[video]].append({**entry, "segment": [start, end]})
    return entries


def _format(content: dict[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False, allow_nan=False) + "\n"
