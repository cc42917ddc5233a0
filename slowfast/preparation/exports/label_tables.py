"""Tables that people write themselves: a row for each video, or for each time at which something is seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from slowfast.annotations.errors import DatasetError
from slowfast.annotations.times import EXPECTED, Time, parse_time
from slowfast.preparation.exports.columns import Column, understand
from slowfast.preparation.exports.export import Event, Export, Place
from slowfast.preparation.exports.tables import Table

RIGHT = (
    "names of columns with path (or video) and label (or class) among them, and for events in time start and end; other names "
    "are known too, such as Video file, Start (s), Onset, Stop frame, Behavior"
)


_PLAIN = ("path", "class")
"""Names that need no word."""


def is_label_table(table: Table) -> bool:
    """Whether its columns say which classes there are, and of a video or when."""
    found = understand(table.header)
    return bool({"label", "labels"} & set(found)) and bool({"video", "start", "time"} & set(found))


def read_label_table(table: Table) -> Export:
    """Raises DatasetError for a header that says too little; what is wrong with rows goes to `faults`. Without a column of
    videos the file is about the one that is called as it is."""
    columns = understand(table.header)
    path = table.place().path
    timed = bool({"start", "time"} & set(columns))
    export = Export(path=path, format="table of events" if timed else "table of videos", whole=not timed)
    missing = [name for name, ok in (
        ("path", "video" in columns or timed), ("label", bool({"label", "labels"} & set(columns))),
        ("end", "start" not in columns or bool({"end", "duration"} & set(columns))),
        ("start", "end" not in columns or timed),
    ) if not ok]  # fmt: skip
    if missing:
        header = ",".join(table.header)
        raise table.place(1).fault(f"the header is {header[:200]!r} and lacks {', '.join(missing)}", RIGHT)
    export.notes.extend(_how(columns))
    export.scored = any(name.lower() in ("score", "confidence") for name in table.header)
    used = {column.name for column in columns.values()}
    unused = [name for name in table.header if name and name not in used]
    if unused:
        export.left_out[f"columns not used: {', '.join(unused)}"] += len(unused)
    if timed:
        _read_events(table, columns, export)
    else:
        _read_videos(table, columns, export)
    return export


def _how(columns: Mapping[str, Column]) -> Iterator[str]:
    """How columns were understood, where their names are not plain."""
    told = [f"{column.name!r} as {role}" for role, column in columns.items() if column.name not in (role, *_PLAIN)]
    if told:
        yield f"columns were understood: {', '.join(told)}"
    units = {column.unit for role, column in columns.items() if role in ("start", "end", "time", "duration")}
    if units - {"s"}:
        yield f"bare numbers count {', '.join(sorted(units))}"


def _rows(table: Table, columns: Mapping[str, Column], export: Export) -> Iterator[tuple[Place, dict[str, str]]]:
    """(place, values by role)"""
    names = {role: column.name for role, column in columns.items()}
    for row, values in table.rows(list(dict.fromkeys(names.values())), export.faults.append):
        ours = {role: values[name].strip() for role, name in names.items()}
        if "video" not in ours:
            ours["video"] = table.place().path.stem
        if any(ours[role] for role in ours if role != "video") or ours["video"]:
            yield table.place(row), ours


def _read_videos(table: Table, columns: Mapping[str, Column], export: Export) -> None:
    export.several = "labels" in columns
    role = "labels" if export.several else "label"
    several, commas = False, []
    for place, values in _rows(table, columns, export):
        name, text = values["video"], values[role]
        if not name:
            export.faults.append(place.fault("an empty path", "the path of a video"))
        elif not text and not export.several:
            export.faults.append(place.fault("an empty label", "the name of a class"))
        elif name in export.videos:
            export.faults.append(again(place, name, name, export.videos[name]))
        else:
            several |= ";" in text
            commas += [place] if "," in text or "|" in text else []
            labels = [part.strip() for part in text.split(";") if part.strip()] if export.several else [text]
            export.add_video(name, place)
            export.events += [Event(video=name, label=label, place=place) for label in dict.fromkeys(labels)]
    if export.several and commas and not several:
        export.faults.append(commas[0].fault(
            "commas or bars in labels, and no semicolon in any row",
            "';' between the classes of a video (or a column label, if each video has one class)",
        ))  # fmt: skip


def again(place: Place, name: str, known: str, first: Place) -> DatasetError:
    """A video has a second row, maybe under another name."""
    spelt = "" if known == name else f", which calls it {known!r}"
    return place.fault(
        f"{name!r} again, after row {first.row}{spelt}", "one row a video; for several classes a column labels, like 'run;jump'"
    )


def _read_events(table: Table, columns: Mapping[str, Column], export: Export) -> None:
    role = "label" if "label" in columns else "labels"
    without: dict[str, Place] = {}
    with_class: dict[str, Place] = {}
    for place, values in _rows(table, columns, export):
        try:
            name = values["video"]
            if not name:
                raise place.fault("an empty path", "the path of a video")
            times: dict[str, str] = {key: values[key] for key in ("start", "end", "time", "duration") if key in values}
            if not values[role]:
                if any(times.get(key) for key in ("start", "end", "time")):
                    raise place.fault("times without a label", "a class, or an empty label without times")
                without[name] = place
                export.add_video(name, place)
                continue
            with_class.setdefault(name, place)
            start, end = _times(place, times, columns)
            fps = values.get("fps", "")
            if fps:
                export.fps[name] = _rate(place, fps)
            labels = [values[role]] if role == "label" else [part.strip() for part in values[role].split(";") if part.strip()]
            for label in labels:
                export.add_event(name, label, start, end, place)
        except DatasetError as fault:
            export.faults.append(fault)
    export.faults += [
        place.fault(
            f"an empty label for {name!r}, which row {with_class[name].row} gives a class",
            "an empty label for videos without any class only",
        )
        for name, place in without.items()
        if name in with_class
    ]


def _times(place: Place, texts: Mapping[str, str], columns: Mapping[str, Column]) -> tuple[Time, Time]:
    """Start and end; both the same of a row with a single time."""

    def read(role: str) -> Time:
        found = parse_time(texts[role], columns[role].unit)
        if found is None or found.at(1.0) < 0:
            raise place.fault(f"the time {texts[role]!r}", f"{EXPECTED}, 0 or later")
        return found

    if "start" not in texts:
        moment = read("time")
        return moment, moment
    start = read("start")
    if "end" in texts and (texts["end"] or not texts.get("duration")):
        if not texts["end"] and _is_point(texts):
            return start, start
        end = read("end")
    else:
        length = read("duration")
        if (length.frames is None) != (start.frames is None):
            raise place.fault(
                f"a start {texts['start']!r} and a duration {texts['duration']!r}", "both in seconds, or both in frames"
            )
        frames = None if length.frames is None or start.frames is None else start.frames + length.frames
        return start, Time(start.seconds + length.seconds, frames)
    # A time code says where an event ends, the number of a frame which is its last.
    return start, end if ":" in texts.get("end", "") else past_last_frame(start, end)


def past_last_frame(start: Time, end: Time) -> Time:
    """Where an event ends whose end is the number of its last frame: when that ceases to be shown."""
    if start.frames is None or end.frames is None or start.seconds or end.seconds or end.frames < start.frames:
        return end
    return Time(0.0, end.frames + 1)


def _is_point(texts: Mapping[str, str]) -> bool:
    return "duration" in texts and texts["duration"].upper() in ("NA", "POINT")


def _rate(place: Place, text: str) -> float:
    found = parse_time(text)
    if found is None or not 0 < found.at(1.0) <= 1000:
        raise place.fault(f"the frame rate {text!r}", "frames a second, such as 25 or 29.97")
    return found.at(1.0)
