"""Label Studio's JSON and JSON-MIN (HumanSignal): labels on the time line of videos, boxes that move, choices for whole videos.

Frames count from 1, at the rate that the project's <Video> tag states (24 if it states none), which the export does not say;
where boxes tell how many frames a video of what length has, that is the rate.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from slowfast.annotations.errors import DatasetError
from slowfast.annotations.times import Time
from slowfast.datasets.found_files import SUFFIXES
from slowfast.preparation.exports.export import Event, Export, Json, Key, Place, Track

_BOX = ("x", "y", "width", "height")
_TIMELINE, _RECTANGLE, _CHOICES = "timelinelabels", "videorectangle", "choices"
RATE_NOTE = (
    "frames are counted at the videos' own rate, as the export states none; Label Studio counts at the framerate of its "
    "<Video> tag, 24 if that has none: then say --fps 24"
)


def is_label_studio(content: Json) -> bool:
    entries = list(content.entries())
    return bool(entries) and all(_is_task(entry) or _is_minimal(entry) for entry in entries)


def _is_task(entry: Json) -> bool:
    return isinstance(entry.get("data").value, dict) and any(
        isinstance(entry.get(key).value, list) for key in ("annotations", "completions")
    )


def _is_minimal(entry: Json) -> bool:
    return (
        isinstance(entry.value, dict)
        and "id" in entry.value
        and any(_looks_like_video(value) for value in entry.value.values())
    )


def _looks_like_video(value: object) -> bool:
    return (isinstance(value, str) and value.lower().partition("?")[0].endswith(tuple(SUFFIXES))) or (
        isinstance(value, str) and "?d=" in value and value.lower().endswith(tuple(SUFFIXES))
    )


def read_label_studio(content: Json) -> Export:
    minimal = not all(_is_task(entry) for entry in content.entries())
    export = Export(path=content.place.path, format="Label Studio, JSON-MIN" if minimal else "Label Studio, JSON")
    choices: list[Event] = []
    for task in content.entries():
        place = Place(content.place.path, None, f"task {task.get('id').value}")
        try:
            results = list(_minimal_results(task)) if minimal else list(_results(task, export))
            video = _video(task if minimal else task.get("data"), place)
            export.add_video(video, place)
            _read_task(results, video, place, export, choices)
        except DatasetError as fault:
            export.faults.append(fault)
    if export.events or export.tracks:
        if choices:
            export.left_out["choices for whole videos, beside labels at times"] += len(choices)
    elif choices:
        export.format += ", choices"
        export.events, export.whole = choices, True
        export.several = len(choices) > len({event.video for event in choices})
    if any(event.start and event.start.frames is not None and event.video not in export.fps for event in export.events):
        export.notes.append(RATE_NOTE)
    return export


def _results(task: Json, export: Export) -> Iterator[Json]:
    """Of the annotation that is marked as ground truth, or else of the first that was not cancelled."""
    kind = "annotations" if isinstance(task.get("annotations").value, list) else "completions"
    good = [entry for entry in task.get(kind).entries() if entry.get("was_cancelled").value is not True]
    best = next((entry for entry in good if entry.get("ground_truth").value is True), good[0] if good else None)
    if len(good) > 1:
        export.left_out["further annotations of the same task"] += len(good) - 1
    if isinstance(task.get("predictions").value, list) and task.get("predictions").value:
        export.left_out["predictions"] += len(task.get("predictions").value)
    if best is not None:
        yield from best.get("result").entries()


def _minimal_results(task: Json) -> Iterator[Json]:
    """What JSON-MIN holds, as results of the full form."""
    for key, member in task.items():
        if isinstance(member.value, dict) and "choices" in member.value:
            yield Json({"type": _CHOICES, "value": {"choices": member.value["choices"]}}, member.place)
        for entry in member.entries():
            kind = _TIMELINE if entry.get(_TIMELINE).value else _RECTANGLE if entry.get("sequence").value else ""
            if kind:
                yield Json({"type": kind, "value": entry.value, "id": f"{key}{len(entry.place.part)}"}, entry.place)


def _video(data: Json, place: Place) -> str:
    for _, value in data.items():
        if _looks_like_video(value.value):
            return str(value.value)
    return Json(data.get("video").value, place).text("the address of a video in its data")


def _read_task(results: Sequence[Json], video: str, place: Place, export: Export, choices: list[Event]) -> None:
    labels: dict[str, list[str]] = {}
    for result in results:
        for kind in ("labels", "videolabels"):
            if isinstance(result.get("value").get(kind).value, list) and result.get("id").value is not None:
                labels.setdefault(str(result.get("id").value), []).extend(map(str, result.get("value").get(kind).value))
    for number, result in enumerate(results, 1):
        kind, value = result.get("type").value, result.get("value")
        here = Place(place.path, None, f"{place.part}, result {number}")
        try:
            if kind == _TIMELINE:
                _add_ranges(value, video, here, export)
            elif kind == _RECTANGLE:
                own = labels.get(str(result.get("id").value), []) or list(map(str, value.get("labels").value or []))
                _add_track(value, video, tuple(dict.fromkeys(own)), here, export)
            elif kind == _CHOICES and isinstance(value.get("choices").value, list):
                choices += [Event(video=video, label=str(label), place=here) for label in value.get("choices").value]
            elif kind not in ("labels", "videolabels"):
                export.left_out[f"results of type {kind}"] += 1
        except DatasetError as fault:
            export.faults.append(fault)


def _frame(value: Json, key: str, place: Place) -> int:
    frame = Json(value.get(key).value, place).number("the number of a frame")
    if frame != int(frame) or frame < 0:
        raise place.fault(f"the frame {frame:g}", "a whole number, 1 or more")
    return int(frame)


def _add_ranges(value: Json, video: str, place: Place, export: Export) -> None:
    names = [label.text("the name of a class") for label in value.get(_TIMELINE).entries()]
    if not names:
        export.left_out["ranges without a label"] += 1
    for entry in value.get("ranges").entries():
        start, end = _frame(entry, "start", place), _frame(entry, "end", place)
        if end < start:
            raise place.fault(f"an end, frame {end}, before the start, frame {start}", "start <= end")
        for label in names:  # frame 1 is the first; the last one is shown for a while, too
            export.add_event(video, label, Time(0.0, max(start - 1, 0)), Time(0.0, end), place)


def _add_track(value: Json, video: str, labels: tuple[str, ...], place: Place, export: Export) -> None:
    count, duration = value.get("framesCount").value, value.get("duration").value
    if all(isinstance(number, int | float) and number > 0 for number in (count, duration)):
        export.fps[video] = count / duration
    keys: dict[int, Key] = {}
    ends: dict[int, Key] = {}
    for entry in value.get("sequence").entries():
        frame = max(_frame(entry, "frame", place), 1) - 1
        x, y, width, height = (Json(entry.get(name).value, place).number("percent of the picture") for name in _BOX)
        if frame in keys:
            raise place.fault(f"frame {frame + 1} a second time", "each frame once")
        if entry.get("rotation").value not in (None, 0, 0.0):
            export.left_out["rotations of boxes"] += 1
        keys[frame] = Key(Time(0.0, frame), (x / 100, y / 100, (x + width) / 100, (y + height) / 100), labels)
        if entry.get("enabled").value is False:  # the box is shown on this frame, and not behind it
            ends[frame + 1] = Key(Time(0.0, frame + 1), keys[frame].box, (), hidden=True)
    if not keys:
        return
    last = max(keys)
    if last + 1 not in ends:
        stop = max(int(count) if isinstance(count, int | float) else 0, last + 1)
        ends[stop] = Key(Time(0.0, stop), keys[last].box, (), hidden=True)
    keys = {**ends, **keys}
    export.tracks.append(Track(video=video, keys=tuple(keys[frame] for frame in sorted(keys)), place=place))


_UPLOAD = re.compile(r"^[0-9a-f]{8}-")


def without_upload_prefix(name: str) -> str:
    """The name that a file had before Label Studio put eight digits in front of it; the same of any other name."""
    return _UPLOAD.sub("", name)
