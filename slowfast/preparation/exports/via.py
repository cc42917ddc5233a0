"""Projects of VIA 3, the VGG Video Annotator (Dutta and Zisserman 2019, arXiv:1904.10699): segments of videos, in seconds, and
regions of single frames, in pixels."""

from __future__ import annotations

from collections.abc import Iterator

from slowfast.annotations.errors import DatasetError
from slowfast.annotations.times import Time
from slowfast.preparation.exports.export import Export, Json, Key, Place, Track

_CHECKBOX = 2
_VIDEO = 4
_RECTANGLE, _EXTREME_RECTANGLE = 2, 8


def is_via(content: Json) -> bool:
    return isinstance(content.value, dict) and {"attribute", "file", "view", "metadata"} <= set(content.value)


def is_via2(content: Json) -> bool:
    """Projects of version 2, which are of pictures."""
    return isinstance(content.value, dict) and "_via_img_metadata" in content.value


def read_via(content: Json) -> Export:
    version = content.get("project").get("data_format_version").value
    export = Export(path=content.place.path, format=f"VIA {version}" if isinstance(version, str) else "VIA 3")
    names = _video_names(content, export)
    segments: list[tuple[str, list[tuple[str, str]], float, float, Place]] = []
    regions: list[tuple[str, list[tuple[str, str]], float, Json, Place]] = []
    for key, entry in content.get("metadata").items():
        place = Place(content.place.path, None, f"metadata {key!r}")
        try:
            view = str(entry.get("vid").value)
            if view not in names:
                raise place.fault(f"view {view!r}, which shows no video", f"one of {', '.join(names) or 'none'}")
            times = [Json(value, place).number("seconds") for value in entry.get("z").value or []]
            classes = list(_classes(content, entry, place))
            shape = entry.get("xy").value
            if len(times) == 2 and not shape:
                segments.append((names[view], classes, times[0], times[1], place))
            elif len(times) == 1 and shape:
                regions.append((names[view], classes, times[0], entry.get("xy"), place))
            elif len(times) == 1:
                segments.append((names[view], classes, times[0], times[0], place))
            else:
                export.left_out["metadata of whole files"] += 1
        except DatasetError as fault:
            export.faults.append(fault)
    _add_segments(segments, export)
    _add_regions(regions, export)
    return export


def _video_names(content: Json, export: Export) -> dict[str, str]:
    """The video of each view, by the view's id."""
    names = {}
    for view, value in content.get("view").items():
        files = [content.get("file").get(str(fid.value)) for fid in value.get("fid_list").entries()]
        videos = [file for file in files if file.get("type").value in (_VIDEO, str(_VIDEO))]
        if not videos:
            export.left_out["views without a video"] += 1
            continue
        if len(videos) > 1:
            export.notes.append(f"view {view} shows {len(videos)} videos, and the first is meant")
        name = videos[0].get("fname")
        names[view] = name.text("the name of a file") if name.value else videos[0].get("src").text("the name of a file")
        export.add_video(names[view], Place(content.place.path, None, f"view {view}"))
    return names


def _classes(content: Json, entry: Json, place: Place) -> Iterator[tuple[str, str]]:
    """(attribute, value) of a metadata, by names."""
    for number, given in entry.get("av").items():
        attribute = content.get("attribute").get(number)
        if not isinstance(attribute.value, dict):
            raise place.fault(f"attribute {number!r}, which is not defined", "one of those under 'attribute'")
        name, value = str(attribute.get("aname").value or ""), str(given.value if given.value is not None else "")
        options = {key: str(option.value) for key, option in attribute.get("options").items()}
        chosen = value.split(",") if attribute.get("type").value == _CHECKBOX else [value]
        for one in chosen:
            if label := options.get(one.strip(), one).strip():
                yield name, label


def _named(classes: list[tuple[str, str]], used: set[str]) -> list[str]:
    """Classes; with their attributes where several are used."""
    return [value if len(used) < 2 else f"{name}: {value}" for name, value in classes]


def _add_segments(segments: list[tuple[str, list[tuple[str, str]], float, float, Place]], export: Export) -> None:
    used = {name for _, classes, *_ in segments for name, _ in classes}
    if len(used) > 1:
        export.notes.append(f"classes are named with their attribute, as several are used: {', '.join(sorted(used))}")
    for video, classes, start, end, place in segments:
        if not classes:
            export.left_out["segments without a class"] += 1
        for label in _named(classes, used):
            export.add_event(video, label, Time(start), Time(end), place)


def _add_regions(regions: list[tuple[str, list[tuple[str, str]], float, Json, Place]], export: Export) -> None:
    used = {name for _, classes, *_ in regions for name, _ in classes}
    for video, classes, second, shape, place in regions:
        try:
            box = _box(shape, export)
        except DatasetError as fault:
            export.faults.append(fault)
            continue
        if box is not None:
            key = Key(Time(second), box, tuple(_named(classes, used)))
            export.tracks.append(Track(video=video, keys=(key,), place=place, moments=True, in_pixels=True))


def _box(shape: Json, export: Export) -> tuple[float, float, float, float] | None:
    """Corners in pixels; None of a shape that is no rectangle."""
    kind, *numbers = [entry.number("a number of pixels") for entry in shape.entries()]
    if kind == _RECTANGLE and len(numbers) == 4:
        x, y, width, height = numbers
        return x, y, x + width, y + height
    if kind == _EXTREME_RECTANGLE and len(numbers) == 8:
        xs, ys = numbers[::2], numbers[1::2]
        return min(xs), min(ys), max(xs), max(ys)
    export.left_out["regions that are no rectangles"] += 1
    return None
