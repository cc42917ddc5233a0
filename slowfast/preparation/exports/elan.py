"""ELAN's annotation documents (.eaf): tiers of annotations between time slots, in milliseconds.

Every annotation is an event of the class that its text names. Annotations of tiers that symbolically belong to others have no
times of their own and take those of their parents; a tier whose parent has the same times (a translation, say) is told.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from slowfast.annotations.errors import DatasetError
from slowfast.annotations.times import Time
from slowfast.annotations.xml_reading import Element
from slowfast.preparation.exports.export import Export, Place

ROOT = "ANNOTATION_DOCUMENT"


@dataclass(frozen=True, slots=True)
class _Annotation:
    """slots: ids of the time slots, or None where `parent` has the times."""

    tier: str
    text: str
    place: Place
    slots: tuple[str, str] | None
    parent: str = ""


def read_elan(root: Element, place: Place) -> Export:
    """Raises DatasetError for a document without a video; what is wrong with annotations goes to `faults`."""
    export = Export(path=place.path, format=f"ELAN {root.attributes.get('FORMAT', '')}".strip())
    video, origin = _media(root, place, export)
    export.add_video(video, place)
    slots = _time_slots(root, place, export)
    annotations = _annotations(root, place, export)
    tiers: dict[str, int] = {}
    for key, annotation in annotations.items():
        label = " ".join(annotation.text.split())
        if not label:
            export.left_out["annotations without a text"] += 1
            continue
        try:
            start, end = _times(key, annotations, slots)
        except DatasetError as fault:
            export.faults.append(fault)
            continue
        if start is None or end is None:
            export.left_out["annotations that are not aligned to times"] += 1
            continue
        tiers[annotation.tier] = tiers.get(annotation.tier, 0) + 1
        export.add_event(video, label, Time(round(start - origin, 3)), Time(round(end - origin, 3)), annotation.place)
    if len(tiers) > 1:
        told = ", ".join(f"{name!r} ({count})" for name, count in tiers.items())
        export.notes.append(f"tiers, which all count: {told}")
    return export


def _media(root: Element, place: Place, export: Export) -> tuple[str, float]:
    """The video that the document is about, and the second of it that ELAN counts from."""
    media = list(root.all("HEADER", "MEDIA_DESCRIPTOR"))
    names = [(_name(medium), medium) for medium in media if not medium.attributes.get("MIME_TYPE", "").startswith("audio/")]
    names = [(name, medium) for name, medium in names if name]
    if not names:
        header = root.first("HEADER")
        name = header.attributes.get("MEDIA_FILE", "") if header else ""
        if name:
            return name, 0.0
        if not media:
            export.notes.append("it names no video: that called like the file is meant")
            return place.path.stem, 0.0
        raise Place(place.path, media[0].row).fault(
            "media files without a video", "a document with a video (ELAN: linked files)"
        )
    if len(names) > 1:
        export.notes.append(f"{len(names)} videos are linked, and the first is meant: {names[0][0]}")
    origin = names[0][1].attributes.get("TIME_ORIGIN", "0")
    return names[0][0], -_milliseconds(origin, Place(place.path, names[0][1].row)) / 1000 if origin else 0.0


def _name(medium: Element) -> str:
    return medium.attributes.get("RELATIVE_MEDIA_URL", "") or medium.attributes.get("MEDIA_URL", "")


def _milliseconds(text: str, place: Place) -> float:
    if not text.strip().lstrip("-").isdecimal():
        raise place.fault(f"the time {text!r}", "a whole number of milliseconds")
    return float(text)


def _time_slots(root: Element, place: Place, export: Export) -> dict[str, float | None]:
    """Seconds of each slot; None of one that is not aligned."""
    header = root.first("HEADER")
    units = header.attributes.get("TIME_UNITS", "milliseconds") if header else "milliseconds"
    if units != "milliseconds":
        raise Place(place.path, header.row if header else None).fault(
            f"times in {units}", "milliseconds, as ELAN 3 and later write"
        )
    slots: dict[str, float | None] = {}
    for slot in root.all("TIME_ORDER", "TIME_SLOT"):
        here, key = Place(place.path, slot.row), slot.attributes.get("TIME_SLOT_ID", "")
        if key in slots:
            export.faults.append(here.fault(f"the time slot {key!r} a second time", "each id once"))
        value = slot.attributes.get("TIME_VALUE")
        try:
            slots[key] = None if value is None else _milliseconds(value, here) / 1000
        except DatasetError as fault:
            export.faults.append(fault)
            slots[key] = None
    return slots


def _annotations(root: Element, place: Place, export: Export) -> dict[str, _Annotation]:
    found: dict[str, _Annotation] = {}
    for tier in root.all("TIER"):
        name = tier.attributes.get("TIER_ID", "")
        for element in _elements(tier):
            key = element.attributes.get("ANNOTATION_ID", "")
            here = Place(place.path, element.row, f"tier {name!r}, annotation {key}")
            if key in found:
                export.faults.append(here.fault(f"the id {key!r} a second time, after {found[key].place}", "each id once"))
                continue
            slots = (element.attributes.get("TIME_SLOT_REF1", ""), element.attributes.get("TIME_SLOT_REF2", ""))
            aligned = element.name == "ALIGNABLE_ANNOTATION"
            parent = element.attributes.get("ANNOTATION_REF", "")
            found[key] = _Annotation(name, element.words("ANNOTATION_VALUE"), here, slots if aligned else None, parent)
    return found


def _elements(tier: Element) -> Iterator[Element]:
    for wrapper in tier.all("ANNOTATION"):
        yield from (child for child in wrapper.children if child.name in ("ALIGNABLE_ANNOTATION", "REF_ANNOTATION"))


def _times(key: str, annotations: dict[str, _Annotation], slots: dict[str, float | None]) -> tuple[float | None, float | None]:
    """Start and end; None where a slot has no time. Raises DatasetError for references that lead nowhere, or round."""
    annotation, seen = annotations[key], {key}
    while annotation.slots is None:
        if annotation.parent not in annotations or annotation.parent in seen:
            raise annotations[key].place.fault(f"it refers to annotation {annotation.parent!r}", "one with times of its own")
        seen.add(annotation.parent)
        annotation = annotations[annotation.parent]
    for slot in annotation.slots:
        if slot not in slots:
            raise annotations[key].place.fault(f"the time slot {slot!r}, which is not there", "one of TIME_ORDER")
    start, end = (slots[slot] for slot in annotation.slots)
    return start, end
