"""The annotation of Something-Something v2: three json files.

`something-something-v2-labels.json` numbers the classes by their templates; `something-something-v2-train.json` and
`something-something-v2-validation.json` give each video the template that it shows, with brackets around its gaps.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slowfast.annotations.errors import DatasetError, OnFault, stop
from slowfast.annotations.json_reading import read_json, short

LABEL_FILE = "something-something-v2-labels.json"
ANNOTATION_FILES = {
    "train": "something-something-v2-train.json",
    "val": "something-something-v2-validation.json",
    "test": "something-something-v2-validation.json",
}

UNKNOWN = -1
"""The class of a template whose number cannot be read."""

_NUMBER = re.compile(r"\d{1,9}", re.ASCII)
_LABELS_EXAMPLE = 'templates with their numbers, like {"Holding something": "0"}'
_VIDEO_EXAMPLE = 'a video and its template, like {"id": "78687", "template": "Holding [something]"}'


@dataclass(frozen=True, slots=True)
class LabelledVideo:
    """where: the file and the entry, from 1."""

    video_id: str
    label: int
    where: str


def read_labels(path: Path, *, on_fault: OnFault = stop) -> dict[str, int]:
    """Numbers of the classes by their templates. Raises DatasetError for a file that cannot be read or does not count from 0
    without a gap; `on_fault` gets each template whose number is none, which has UNKNOWN then."""
    content = read_json(path, dict, _LABELS_EXAMPLE)
    labels: dict[str, int] = {}
    for template, number in content.items():
        is_number = isinstance(number, int | str) and not isinstance(number, bool) and _NUMBER.fullmatch(str(number))
        labels[template] = int(number) if is_number else UNKNOWN
        if not is_number:
            found = f"the number of {template!r} is {short(number)}"
            on_fault(DatasetError(path=str(path), found=found, expected=_LABELS_EXAMPLE))
    if UNKNOWN not in labels.values() and sorted(labels.values()) != list(range(len(labels))):
        found = (
            f"{len(labels)} templates with numbers from {min(labels.values(), default=0)} to {max(labels.values(), default=0)}"
        )
        raise DatasetError(path=str(path), found=found, expected=f"each number from 0 to {max(len(labels) - 1, 0)} once")
    return labels


def read_videos(path: Path, labels: dict[str, int], *, on_fault: OnFault = stop) -> list[LabelledVideo]:
    """All videos of an annotation file, in its order. Raises DatasetError for a file that cannot be read or has no video;
    `on_fault` gets every wrong entry."""
    videos = list(_videos(path, labels, on_fault))
    if not videos:
        raise DatasetError(path=str(path), found="no video", expected=f"a list of entries, each {_VIDEO_EXAMPLE}")
    return videos


def _videos(path: Path, labels: dict[str, int], on_fault: OnFault) -> Iterator[LabelledVideo]:
    first_entry: dict[str, int] = {}
    for number, entry in enumerate(read_json(path, list, f"a list of entries, each {_VIDEO_EXAMPLE}"), 1):
        try:
            video = _video(f"{path}, entry {number}", entry, labels)
            if video.video_id in first_entry:
                found = f"video {video.video_id!r} again, after entry {first_entry[video.video_id]}"
                raise DatasetError(path=video.where, found=found, expected="one entry a video")
        except DatasetError as fault:
            on_fault(fault)
        else:
            first_entry[video.video_id] = number
            yield video


def _video(where: str, entry: Any, labels: dict[str, int]) -> LabelledVideo:
    video_id, template = (_text(entry, key, where) for key in ("id", "template"))
    name = template.replace("[", "").replace("]", "")
    if name not in labels:
        near = difflib.get_close_matches(name, labels, n=1)
        hint = f" such as {near[0]!r}" if near else ""
        raise DatasetError(path=where, found=f"template {short(template)}", expected=f"one of {LABEL_FILE}{hint}")
    return LabelledVideo(video_id, labels[name], where)


def _text(entry: object, key: str, where: str) -> str:
    """A text of an entry; numbers of videos may also be numbers."""
    if not isinstance(entry, dict) or key not in entry:
        raise DatasetError(path=where, found=f"{json.dumps(entry)[:200]}, without {key!r}", expected=_VIDEO_EXAMPLE)
    value = entry[key]
    text = str(value) if key == "id" and isinstance(value, int) and not isinstance(value, bool) else value
    # What cannot be printed (NUL, halves of characters) names no file either.
    if not isinstance(text, str) or not text.strip() or not text.isprintable():
        raise DatasetError(path=where, found=f"{key} {short(value)}", expected=_VIDEO_EXAMPLE)
    return text
