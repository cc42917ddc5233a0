"""ActivityNet's truths (Caba Heilbron et al., CVPR 2015), in which many data sets and tools write events."""

from __future__ import annotations

from slowfast.annotations.errors import DatasetError
from slowfast.annotations.times import Time
from slowfast.preparation.exports.export import Export, Json, Place


def is_activitynet(content: Json) -> bool:
    return isinstance(content.value, dict) and isinstance(content.value.get("database"), dict)


def read_activitynet(content: Json) -> Export:
    """Videos of all subsets: the split is made anew."""
    version = content.get("version").value
    export = Export(path=content.place.path, format=f"ActivityNet ({version})" if version else "ActivityNet")
    subsets: dict[str, int] = {}
    for name, video in content.get("database").items():
        place = Place(content.place.path, None, f"video {name!r}")
        export.add_video(name, place)
        if subset := video.get("subset").value:
            subsets[str(subset)] = subsets.get(str(subset), 0) + 1
        annotations = video.get("annotations")
        if not isinstance(annotations.value, list):
            export.faults.append(place.fault(f"annotations: {ascii(annotations.value)[:100]}", "a list, maybe an empty one"))
            continue
        for number, entry in enumerate(annotations.entries(), 1):
            here = Place(content.place.path, None, f"video {name!r}, annotation {number}")
            try:
                segment = Json(entry.get("segment").value, here)
                if not isinstance(segment.value, list) or len(segment.value) != 2:
                    raise here.fault(f"its segment is {ascii(segment.value)[:100]}", "[start, end] in seconds")
                start, end = (Json(value, here).number("seconds") for value in segment.value)
                label = Json(entry.get("label").value, here).text("the name of a class")
                export.add_event(name, label, Time(start), Time(end), here)
            except DatasetError as fault:
                export.faults.append(fault)
    if len(subsets) > 1:
        told = ", ".join(f"{name} ({count})" for name, count in sorted(subsets.items()))
        export.notes.append(f"subsets {told} are put together and split anew (--split)")
    return export
