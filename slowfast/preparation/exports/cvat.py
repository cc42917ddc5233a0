"""CVAT's xml for videos, version 1.1 (CVAT.ai): tracks of boxes, in frames from 0 and pixels.

What a track's person does is its attribute action (or activity, behavior, class, label), or all its attributes that are ticked,
or else the label of the track.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from slowfast.annotations.errors import DatasetError
from slowfast.annotations.times import Time
from slowfast.annotations.xml_reading import Element
from slowfast.preparation.exports.export import Export, Key, Place, Track

ROOT = "annotations"
EXPECTED = 'an export "CVAT for video 1.1" of one video or more'
ACTION_ATTRIBUTES = ("action", "actions", "activity", "behavior", "behaviour", "class", "label")
_NO_ACTION = ("", "none", "no action", "__undefined__", "-")
_OTHER_SHAPES = ("polygon", "polyline", "points", "cuboid", "skeleton", "mask", "ellipse")


@dataclass(frozen=True, slots=True)
class _Task:
    """video: its name. size: width and height. stop: the first frame behind its last; None if nothing says it."""

    video: str
    size: tuple[float, float]
    stop: int | None


def read_cvat(root: Element, place: Place) -> Export:
    """Raises DatasetError for an export of pictures, and for one that does not say which video it is of."""
    export = Export(path=place.path, format=f"CVAT for video {root.words('version')}".strip())
    if root.first("image") is not None:
        row = next(root.all("image")).row
        raise Place(place.path, row).fault("annotated pictures (CVAT for images)", EXPECTED)
    tasks = _tasks(root, place)
    for task in tasks.values():
        export.add_video(task.video, place)
    for element in root.all("track"):
        name = element.attributes.get("id", "")
        here = Place(place.path, element.row, f"track {name}")
        try:
            key = element.attributes.get("task_id", "")
            of_track = tasks.get(key) or (next(iter(tasks.values())) if len(tasks) == 1 else None)
            if of_track is None:
                raise here.fault(f"task {key!r}, which the file does not describe", f"one of {', '.join(tasks)}")
            for shape in _OTHER_SHAPES:
                if element.first(shape) is not None:
                    export.left_out[f"tracks of {shape}s, not of boxes"] += 1
            if element.first("box") is not None:
                export.tracks.append(_track(element, of_track, here))
        except DatasetError as fault:
            export.faults.append(fault)
    attributes = sorted({name for track in root.all("track") for name in _attribute_names(track)})
    if attributes:
        export.notes.append(f"attributes: {', '.join(attributes)}; {_how(attributes)}")
    return export


def _tasks(root: Element, place: Place) -> dict[str, _Task]:
    """Tasks by their ids."""
    single = [*root.all("meta", "task"), *root.all("meta", "job")]
    found = single or list(root.all("meta", "project", "tasks", "task"))
    tasks = {}
    for task in found:
        here = Place(place.path, task.row, "meta")
        video = task.words("source") or root.words("meta", "source") or task.words("name")
        size = task.first("original_size") or root.first("meta", "original_size")
        if not video or size is None:
            raise here.fault("no source or no original_size", f"{EXPECTED}, which says both")
        width, height = (_number(size.words(key), Place(place.path, size.row), "pixels above 0") for key in ("width", "height"))
        if not (width > 0 and height > 0):
            raise Place(place.path, size.row).fault(f"a picture of {width:g} x {height:g}", "pixels above 0")
        tasks[task.words("id")] = _Task(video, (width, height), _stop(task))
    if not tasks:
        raise place.fault("no task", EXPECTED)
    return tasks


def _stop(task: Element) -> int | None:
    for text, more in ((task.words("stop_frame"), 1), (task.words("size"), 0)):
        if text.isdecimal():
            return int(text) + more
    return None


def _track(element: Element, task: _Task, place: Place) -> Track:
    label = element.attributes.get("label", "").strip()
    fixed = _attributes(element)
    width, height = task.size
    keys: dict[int, Key] = {}
    for box in element.all("box"):
        here = Place(place.path, box.row, place.part)
        frame = int(_number(box.attributes.get("frame", ""), here, "the number of a frame"))
        corners = [_number(box.attributes.get(name, ""), here, f"{name} in pixels") for name in ("xtl", "ytl", "xbr", "ybr")]
        if corners[0] > corners[2] or corners[1] > corners[3]:
            raise here.fault(
                f"a box with corners {', '.join(f'{corner:g}' for corner in corners)}", "xtl <= xbr and ytl <= ybr"
            )
        if frame < 0 or frame in keys:
            raise here.fault(f"frame {frame}{' a second time' if frame in keys else ''}", "each frame once, from 0")
        keys[frame] = Key(
            time=Time(0.0, frame),
            box=(corners[0] / width, corners[1] / height, corners[2] / width, corners[3] / height),
            labels=actions({**fixed, **_attributes(box)}, label),
            hidden=box.attributes.get("outside", "0") == "1",
        )
    last = max(keys)
    if not keys[last].hidden:  # a shape that does not end stays until the end of the task
        stop = max(task.stop or 0, last + 1)
        keys[stop] = Key(Time(0.0, stop), keys[last].box, (), hidden=True)
    return Track(video=task.video, keys=tuple(keys[frame] for frame in sorted(keys)), place=place)


def actions(attributes: Mapping[str, str], label: str) -> tuple[str, ...]:
    """Classes by the attributes of a box and the label of its track."""
    by_name = {name.lower(): value for name, value in attributes.items()}
    for name in ACTION_ATTRIBUTES:
        if name in by_name:
            values = (value.strip() for value in by_name[name].split(";"))
            return tuple(dict.fromkeys(value for value in values if value.lower() not in _NO_ACTION))
    ticks = {name: value.lower() == "true" for name, value in attributes.items() if value.lower() in ("true", "false")}
    if ticks:
        return tuple(name for name, ticked in ticks.items() if ticked)
    return (label,) if label else ()


def _how(attributes: list[str]) -> str:
    known = {name.lower(): name for name in attributes}
    for name in ACTION_ATTRIBUTES:
        if name in known:
            return f"classes are the values of {known[name]!r}"
    return "classes are the attributes that are ticked, or the labels of tracks that have none to tick"


def _attributes(element: Element) -> dict[str, str]:
    return {child.attributes.get("name", ""): child.text.strip() for child in element.all("attribute")}


def _attribute_names(track: Element) -> set[str]:
    return {name for box in track.all("box") for name in _attributes(box)} | set(_attributes(track))


def _number(text: str, place: Place, expected: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise place.fault(f"{text!r}", expected) from None
    if not abs(value) < 1e9:
        raise place.fault(f"{text!r}", expected)
    return value
