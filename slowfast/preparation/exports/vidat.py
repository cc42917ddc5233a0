"""Annotations of VIDAT, ANU's video annotation tool (Zhang et al. 2020): actions, in seconds, and boxes of single frames, in
pixels. A file is about one video."""

from __future__ import annotations

from slowfast.annotations.errors import DatasetError
from slowfast.annotations.times import Time
from slowfast.preparation.exports.export import Export, Json, Key, Place, Track

_UNNAMED = "default"


def is_vidat(content: Json) -> bool:
    return isinstance(content.value, dict) and isinstance(content.get("annotation").get("actionAnnotationList").value, list)


def read_vidat(content: Json) -> Export:
    """Raises DatasetError for a file that names no video."""
    annotation = content.get("annotation")
    version = content.get("version").value
    export = Export(path=content.place.path, format=f"VIDAT {version}" if isinstance(version, str) else "VIDAT")
    video = _video(annotation, content, export)
    export.add_video(video, content.place)
    actions = _names(content, "actionLabelData")
    for number, action in enumerate(annotation.get("actionAnnotationList").entries(), 1):
        place = Place(content.place.path, None, f"action {number}")
        try:
            start, end = action.get("start").number("seconds"), action.get("end").number("seconds")
            label = _label(place, action.get("action"), actions)
            if label == _UNNAMED:
                export.left_out["actions that were left as 'default'"] += 1
            else:
                export.add_event(video, label, Time(start), Time(end), place)
        except DatasetError as fault:
            export.faults.append(fault)
    _add_boxes(content, annotation, video, export)
    for kind, what in (("regionAnnotationListMap", "regions (polygons)"), ("skeletonAnnotationListMap", "skeletons")):
        if count := sum(len(list(shapes.entries())) for _, shapes in annotation.get(kind).items()):
            export.left_out[what] += count
    return export


def _video(annotation: Json, content: Json, export: Export) -> str:
    source = annotation.get("video").get("src").value
    if isinstance(source, str) and source.strip() and not source.startswith(("blob:", "data:")):
        return source.strip()
    export.notes.append("it does not name its video: that called like the file is meant")
    return content.place.path.stem.removesuffix("_annotations").removesuffix("-annotations")


def _names(content: Json, kind: str) -> dict[str, str]:
    return {str(entry.get("id").value): str(entry.get("name").value) for entry in content.get("config").get(kind).entries()}


def _label(place: Place, given: Json, names: dict[str, str]) -> str:
    if str(given.value) not in names:
        raise place.fault(f"the label {given.value!r}, which the config lacks", f"one of {', '.join(names) or 'its labels'}")
    return names[str(given.value)].strip()


def _add_boxes(content: Json, annotation: Json, video: str, export: Export) -> None:
    frames = annotation.get("objectAnnotationListMap")
    boxes = [(frame, number, box) for frame, found in frames.items() for number, box in enumerate(found.entries(), 1)]
    if not boxes:
        return
    facts = annotation.get("video")
    try:
        fps, width, height = (facts.get(key).number("a number above 0") for key in ("fps", "width", "height"))
    except DatasetError as fault:
        export.faults.append(fault)
        return
    export.fps[video] = fps
    labels = _names(content, "objectLabelData")
    for frame, number, box in boxes:
        place = Place(content.place.path, None, f"object {number} of frame {frame}")
        try:
            if not frame.isdecimal():
                raise place.fault(f"the frame {frame!r}", "a whole number")
            x, y, wide, high = (box.get(key).number("a number of pixels") for key in ("x", "y", "width", "height"))
            label = _label(place, box.get("labelId"), labels)
            key = Key(Time(0.0, int(frame)), (x, y, x + wide, y + high), () if label == _UNNAMED else (label,))
            export.tracks.append(
                Track(video=video, keys=(key,), place=place, moments=True, in_pixels=True, size=(width, height))
            )
        except DatasetError as fault:
            export.faults.append(fault)
