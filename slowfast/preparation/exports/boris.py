"""Exports of BORIS (Friard and Gamba 2016, doi:10.1111/2041-210X.12584): tables of events, aggregated or not, and projects.

An observation may play several files one after the other; its times then count through all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from slowfast.annotations.errors import DatasetError
from slowfast.annotations.list_text import read_lines
from slowfast.annotations.times import Time, parse_time
from slowfast.preparation.exports.export import Export, Json, Place
from slowfast.preparation.exports.tables import CsvTable, Table

_FILE = ("Media file name", "Media file", "Media file path")
_MEDIA = (*_FILE, "Source", "Media duration (s)", "Time offset (s)")
_KIND = ("Behavior type", "Status")
_PLAYER = re.compile(r"player #1\s*:\s*(.*?)(?:\s*\|?\s*player #\d+\s*:.*)?")
_NOTHING = ("", "NA", "Not found")


@dataclass(frozen=True, slots=True)
class Queue:
    """The files of an observation, one after the other, with their lengths in seconds, where those are known. offset: what
    the observation adds to its times."""

    files: tuple[str, ...]
    lengths: tuple[float, ...] = ()
    offset: float = 0.0

    def parts(self, start: float, end: float, place: Place) -> Iterator[tuple[str, float, float]]:
        """(file, start, end) of each file that a time falls into. Raises DatasetError where nothing says which those are."""
        start, end = start - self.offset, end - self.offset
        if len(self.files) == 1:
            yield self.files[0], start, end
            return
        if len(self.lengths) != len(self.files):
            raise place.fault(
                f"an observation of {len(self.files)} files, one after the other, and nothing says how long each is",
                'the project itself (.boris), or a table of BORIS 8, with a column "Media duration (s)"',
            )
        begins = 0.0
        for number, (file, length) in enumerate(zip(self.files, self.lengths, strict=True)):
            ends = begins + length
            is_last = number == len(self.files) - 1
            if (start < ends or is_last) and (end > begins or start == end >= begins or (number == 0 and end <= begins)):
                yield (
                    file,
                    max(start - begins, 0.0) if number else start - begins,
                    (end if is_last else min(end, ends)) - begins,
                )
                if start == end:
                    return
            begins = ends


def is_boris_table(table: Table) -> bool:
    header = set(table.header)
    return "Behavior" in header and (
        {"Start (s)", "Stop (s)", "Observation id"} <= header or ("Time" in header and bool(set(_KIND) & header))
    )


def table_behind_preamble(path: Path) -> CsvTable | None:
    """The table of a csv file that BORIS 7 wrote, which has lines about the observation before it; None of any other file."""
    for number, (_, line) in enumerate(read_lines(path, what="a csv file")):
        if number == 0 and not line.strip().strip('"').startswith("Observation id"):
            return None
        if number and re.match(r'"?Time"?[\t,;]"?Media file path', line):
            return CsvTable(path, skip=number)
        if number > 1000:
            return None
    return None


def read_boris_table(table: Table) -> Export:
    export = Export(path=table.place().path, format="BORIS, aggregated events")
    if "Start (s)" in table.header:
        _read_aggregated(table, export)
    else:
        export.format = "BORIS, tabular events"
        _read_tabular(table, export)
    return export


def _read_aggregated(table: Table, export: Export) -> None:
    wanted = _present(table, "Behavior", "Start (s)", "Stop (s)", *_MEDIA, "Modifiers", "Modifier #1")
    for row, values in table.rows(wanted, export.faults.append):
        place = table.place(row)
        try:
            start = _seconds(place, values["Start (s)"])
            stop = values["Stop (s)"]
            end = start if stop in _NOTHING else _seconds(place, stop)
            _add(export, _queue(place, values), values["Behavior"], start, end, place)
            _tell_modifiers(export, values.get("Modifiers", "") or values.get("Modifier #1", ""))
        except DatasetError as fault:
            export.faults.append(fault)


def _read_tabular(table: Table, export: Export) -> None:
    kind = _present(table, *_KIND)[0]
    modifiers = [name for name in table.header if re.fullmatch(r"Modifiers?( ?#?\d+)?", name)]
    wanted = _present(table, "Behavior", "Time", kind, "Observation id", "Subject", *_MEDIA)
    running: dict[tuple[str, ...], tuple[float, Queue, Place]] = {}
    for row, values in table.rows([*wanted, *modifiers], export.faults.append):
        place = table.place(row)
        try:
            when, queue = _seconds(place, values["Time"]), _queue(place, values)
            # A file's own name is no part of the key: an event may go on in the next file of its observation.
            key = (
                values.get("Observation id", ""),
                values.get("Subject", ""),
                values["Behavior"],
                *(values[m] for m in modifiers),
            )
            status = values[kind].upper().removesuffix(" EVENT")
            _tell_modifiers(export, "".join(values[name] for name in modifiers))
            if status == "POINT":
                _add(export, queue, values["Behavior"], when, when, place)
            elif status == "START":
                if key in running:
                    raise place.fault(
                        f"{values['Behavior']!r} starts again, after row {running[key][2].row}", "a STOP before it"
                    )
                running[key] = (when, queue, place)
            elif status == "STOP":
                if key not in running:
                    raise place.fault(f"{values['Behavior']!r} stops, and nothing started it", "a START before it")
                begun, first, _ = running.pop(key)
                _add(export, first, values["Behavior"], begun, when, place)
            else:
                raise place.fault(f"{kind} {values[kind]!r}", "START, STOP or POINT")
        except DatasetError as fault:
            export.faults.append(fault)
    for key, (_, _, place) in running.items():
        export.faults.append(
            place.fault(f"{key[2]!r} starts and never stops", "a STOP for each START (BORIS: check state events)")
        )


def _queue(place: Place, values: dict[str, str]) -> Queue:
    """The files of a row's observation."""
    offset = _seconds(place, values.get("Time offset (s)", "") or "0")
    named = next((values[name] for name in _FILE if values.get(name, "") not in _NOTHING), "")
    source = values.get("Source", "")
    player = _PLAYER.fullmatch(source.strip())
    files = [file.strip() for file in (player[1] if player else source).split(";") if file.strip() not in _NOTHING]
    if len(files) < 2:
        if not named and not files:
            raise place.fault("no media file: a live observation, or one of pictures", "observations of videos")
        return Queue((named or files[0],), (), offset)
    lengths = [parse_time(text) for text in values.get("Media duration (s)", "").partition("|")[0].split(";")]
    known = tuple(time.seconds for time in lengths if time is not None)
    return Queue(tuple(files), known if len(known) == len(files) else (), offset)


def _add(export: Export, queue: Queue, label: str, start: float, end: float, place: Place) -> None:
    if not label:
        raise place.fault("an empty Behavior", "the code of a behavior")
    if end < start:
        raise place.fault(f"an end, {end:g}, before the start, {start:g}", "start <= end")
    for file, begins, ends in queue.parts(start, end, place):
        export.add_event(file, label, Time(round(begins, 6)), Time(round(ends, 6)), place)
    if queue.offset and not any("offset" in note for note in export.notes):
        export.notes.append(f"the time offset of an observation, {queue.offset:g} s, is taken off its times")


def _tell_modifiers(export: Export, text: str) -> None:
    if text.strip() not in ("", "None", "NA"):
        export.left_out["modifiers, which are no part of a class"] += 1


def _seconds(place: Place, text: str) -> float:
    found = parse_time(text)
    if found is None or found.frames is not None:
        raise place.fault(f"the time {text!r}", "seconds, such as 12.5")
    return found.seconds


def _present(table: Table, *names: str) -> list[str]:
    return [name for name in dict.fromkeys(names) if name in table.header]


def is_boris_project(content: Json) -> bool:
    return isinstance(content.value, dict) and "observations" in content.value and "behaviors_conf" in content.value


def read_boris_project(content: Json) -> Export:
    """All observations of videos in a project."""
    export = Export(path=content.place.path, format="BORIS, project")
    points = _point_behaviors(content)
    for name, observation in content.get("observations").items():
        place = Place(content.place.path, None, f"observation {name!r}")
        if observation.get("type").value != "MEDIA":
            export.left_out["observations without a video (live, or of pictures)"] += 1
            continue
        try:
            queue = _project_queue(observation, place)
            for file in queue.files:
                export.add_video(file, place)
            _read_project_events(observation, queue, points, place, export)
        except DatasetError as fault:
            export.faults.append(fault)
    return export


def _point_behaviors(content: Json) -> dict[str, bool]:
    """Whether each behavior is a point event."""
    kinds = {}
    for _, behavior in content.get("behaviors_conf").items():
        kinds[str(behavior.get("code").value)] = str(behavior.get("type").value).lower().startswith("point")
    return kinds


def _project_queue(observation: Json, place: Place) -> Queue:
    files = [file.text("the path of a video") for file in observation.get("file").get("1").entries()]
    if not files:
        raise place.fault("no file in player 1", "at least one video")
    lengths = observation.get("media_info").get("length")
    known = [lengths.value[file] for file in files if isinstance(lengths.value, dict) and file in lengths.value]
    seconds = tuple(float(length) for length in known if isinstance(length, int | float) and length > 0)
    offset = observation.get("time offset")
    return Queue(tuple(files), seconds if len(seconds) == len(files) else (), offset.number("seconds") if offset.value else 0.0)


def _read_project_events(observation: Json, queue: Queue, points: dict[str, bool], place: Place, export: Export) -> None:
    running: dict[tuple[str, str, str], tuple[float, Place]] = {}
    for number, event in enumerate(_in_time(observation.get("events").entries()), 1):
        here = Place(place.path, None, f"{place.part}, event {number}")
        try:
            when = event.get(0).number("seconds")
            label = event.get(2).text("the code of a behavior")
            subject, modifiers = str(event.get(1).value or ""), str(event.get(3).value or "")
            _tell_modifiers(export, modifiers)
            if label not in points:
                raise here.fault(
                    f"the behavior {label!r}, which the ethogram lacks", f"one of {', '.join(sorted(points)[:20])}"
                )
            key = (subject, label, modifiers)
            if points[label]:
                _add(export, queue, label, when, when, here)
            elif key in running:
                begun, _ = running.pop(key)
                _add(export, queue, label, begun, when, here)
            else:
                running[key] = (when, here)
        except DatasetError as fault:
            export.faults.append(fault)
    for (_, label, _), (_, here) in running.items():
        export.faults.append(
            here.fault(f"{label!r} starts and never stops", "two events for each state (BORIS: check state events)")
        )


def _in_time(events: Iterator[Json]) -> Sequence[Json]:
    """By rising time, those with a wrong one first."""

    def when(event: Json) -> float:
        value = event.get(0).value
        return float(value) if isinstance(value, int | float) and value == value else -1e18

    return sorted(events, key=when)
