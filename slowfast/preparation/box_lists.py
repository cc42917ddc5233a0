"""Lists in the format of AVA out of the boxes that annotation tools export: annotated boxes of training, validation and test,
the same boxes as detected ones, which tests classify, and the map of labels."""

from __future__ import annotations

import csv
import io
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from slowfast.annotations.ava import NUM_ACTIONS
from slowfast.datasets.ava.videos import video_files
from slowfast.datasets.errors import DatasetError
from slowfast.preparation.exports.gathering import AS_WRITTEN, Gathered, Reading, absolute, gather
from slowfast.preparation.exports.keyframes import KeyframeBox, keyframe_boxes
from slowfast.preparation.exports.sniffing import files_of, read_exports
from slowfast.preparation.lists import class_numbers
from slowfast.preparation.probing import Probe, probe_all
from slowfast.preparation.splitting import group_videos, parse_shares, split_groups
from slowfast.preparation.videos import LabelledVideo, Span, check_class_names

LABEL_MAP = "actions.pbtxt"
TRUTHS = {split: f"ava_{split}.csv" for split in ("train", "val", "test")}
DETECTED = {split: f"ava_{split}_predicted_boxes.csv" for split in ("val", "test")}

Boxes = dict[str, list[tuple[int, KeyframeBox]]]
"""(number of the person, box) by video."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxPreparation:
    """media: folder of the videos. annotations: exports. shares, group_by, seed: see `splitting`. start: the second, as the
    lists count them, that the first frame of a video shows."""

    media: Path
    annotations: Sequence[Path]
    reading: Reading = AS_WRITTEN
    shares: Sequence[float] = (0.8, 0.1, 0.1)
    group_by: str = ""
    seed: int = 0
    start: int = 0
    jobs: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedBoxes:
    """texts: files by name. options: of the training, KEY to value. classes: (class, its boxes in each split). understood: rows
    of what was read. notes: sentences on what may be meant otherwise."""

    texts: dict[str, str]
    options: dict[str, object]
    classes: list[tuple[str | int, ...]]
    understood: list[tuple[str | int, ...]]
    notes: list[str]


def is_exported(annotations: Path) -> bool:
    """Whether annotations are what a tool exported, and not a folder of AVA's lists, which are csv files."""
    return annotations.is_file() or (
        annotations.is_dir() and not any(annotations.rglob("*.csv")) and bool(files_of(annotations))
    )


def prepare_boxes(wanted: BoxPreparation) -> PreparedBoxes:
    """Reads exports and looks into the videos; writes nothing. Raises DatasetError."""
    shares = parse_shares(wanted.shares)
    wanted.reading.check()
    exports, strange = read_exports(wanted.annotations)
    for export in exports:
        if export.events:
            export.left_out["events, beside boxes (prepare_data.py folder reads events)"] += len(export.events)
    gathered = gather(exports, wanted.media, strange)
    if not any(export.tracks for export in exports):
        raise DatasetError(
            path=str(exports[0].path), found="no box", expected="boxes (CVAT, Label Studio, VIA, VIDAT); events are read by "
            "`prepare_data.py folder`",
        )  # fmt: skip
    places = {path: absolute(wanted.media, path) for path in gathered.video_paths()}
    probes = dict(zip(places, map(probe_all(list(places.values()), jobs=wanted.jobs).get, places.values()), strict=True))
    known = {path: probe for path, probe in probes.items() if probe is not None}
    _check_places(wanted.media, gathered, known)
    boxes, notes = _boxes(gathered, known, wanted.reading)
    videos = _labelled(gathered, boxes)
    numbers = class_numbers(videos)
    if not numbers or len(numbers) > NUM_ACTIONS:
        raise DatasetError(
            path=str(exports[0].path),
            found=f"{len(numbers)} classes",
            expected=f"1 to {NUM_ACTIONS}, as many as AVA's format has",
        )
    splits = split_groups(group_videos(videos, wanted.group_by), shares, seed=wanted.seed)
    if not shares[2]:
        splits["test"] = splits["val"]
    texts = {LABEL_MAP: "".join(_map_entry(name, number) for name, number in numbers.items())}
    for split, listed in splits.items():
        texts[TRUTHS[split]] = _truths(listed, boxes, numbers, wanted.start)
        if split in DETECTED:
            texts[DETECTED[split]] = _detected(listed, boxes, wanted.start)
    _check_splits(splits, texts)
    return PreparedBoxes(
        texts=texts,
        options=_options(len(numbers), wanted.start),
        classes=_counts(splits, boxes, numbers),
        understood=list(gathered.understood(known, wanted.reading)),
        notes=[*gathered.notes, *notes, *_broken(known)],
    )


def _check_places(media: Path, gathered: Gathered, probes: Mapping[str, Probe]) -> None:
    """Raises DatasetError for videos that AVA.VIDEO_DIR would not find."""
    files = {path.name for path in video_files(media).values()}
    first = gathered.first_places()
    for path, probe in probes.items():
        if not probe.problem and path not in files:
            raise first[path].fault(
                f"{path!r}, which is not a video directly in {media}", "all videos in one folder (AVA.VIDEO_DIR)"
            )
    if all(probe.problem for probe in probes.values()):
        path, probe = next(iter(probes.items()))
        raise first[path].fault(f"none of {len(probes)} videos can be read; of {path!r}, {probe.problem}", f"videos in {media}")


def _boxes(gathered: Gathered, probes: Mapping[str, Probe], reading: Reading) -> tuple[Boxes, list[str]]:
    """Boxes at whole seconds of all videos that can be read, with numbers of their persons, and notes on them."""
    found: Boxes = {path: [] for path in gathered.video_paths() if not probes[path].problem}
    shifted: list[float] = []
    without = 0
    for number, export in enumerate(gathered.exports):
        for person, track in enumerate(export.tracks):
            path = gathered.paths[number, track.video]
            if path not in found:
                continue
            probe = probes[path]
            fps = reading.fps or export.fps.get(track.video) or probe.fps
            shown = list(keyframe_boxes(
                track, fps=fps, duration_sec=probe.duration_sec, size=(float(probe.width), float(probe.height))
            ))  # fmt: skip
            found[path] += [(person, box) for box in shown]
            shifted += [box.shift_sec for box in shown if box.shift_sec > 1e-3]
            without += sum(not box.labels for box in shown)
    notes = []
    if shifted:
        notes.append(
            f"boxes of moments that count for the second nearest to them, up to {max(shifted):.2f} s away: {len(shifted)}"
        )
    if without:
        notes.append(f"boxes of persons who do nothing, which are tested and not trained on: {without}")
    total = sum(len(export.tracks) for export in gathered.exports)
    notes.append(f"boxes at whole seconds, out of {total} tracks or single boxes: {sum(map(len, found.values()))}")
    return found, notes


def _labelled(gathered: Gathered, boxes: Boxes) -> list[LabelledVideo]:
    """Videos with boxes, as the split wants them."""
    first = gathered.first_places()
    videos = [
        LabelledVideo(
            path=path,
            source=str(first[path]),
            spans=tuple(Span(label) for label in dict.fromkeys(label for _, box in listed for label in box.labels)),
        )
        for path, listed in boxes.items()
        if listed
    ]
    if not videos:
        raise DatasetError(
            path=str(gathered.exports[0].path),
            found="no box at a whole second of any video",
            expected="boxes that last a second or more",
        )
    check_class_names(gathered.exports[0].path, videos)
    return videos


def _check_splits(splits: Mapping[str, Sequence[LabelledVideo]], texts: Mapping[str, str]) -> None:
    for split in splits:
        if not texts[TRUTHS[split]]:
            raise DatasetError(
                path="--split", found=f"no video of {split} shows an action", expected="more videos, or another --seed"
            )


def _rows(videos: Sequence[LabelledVideo], boxes: Boxes, start: int) -> Iterator[tuple[tuple[str, ...], int, KeyframeBox]]:
    """(id of the video, second and corners; person; box), by video and second."""
    for video in videos:
        for person, box in sorted(boxes[video.path], key=lambda entry: (entry[1].second, entry[0])):
            second = f"{start + box.second:04d}"
            yield (Path(video.path).stem, second, *(f"{corner:.4f}" for corner in box.box)), person, box


def _truths(videos: Sequence[LabelledVideo], boxes: Boxes, numbers: Mapping[str, int], start: int) -> str:
    return _csv(
        (*place, str(numbers[label] + 1), str(person))
        for place, person, box in _rows(videos, boxes, start)
        for label in box.labels
    )


def _detected(videos: Sequence[LabelledVideo], boxes: Boxes, start: int) -> str:
    """Each box once, found for sure and of no action."""
    return _csv((*place, "", "1.0") for place in dict.fromkeys(place for place, _, _ in _rows(videos, boxes, start)))


def _csv(rows: Iterator[tuple[str, ...]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _map_entry(name: str, number: int) -> str:
    return f"item {{\n  name: {json.dumps(name, ensure_ascii=False)}\n  id: {number + 1}\n}}\n"


def _options(num_classes: int, start: int) -> dict[str, object]:
    """What training has to be told, besides where videos and lists are."""
    return {
        "AVA.START_SECOND": start,
        "AVA.TRAIN_GT_BOX_LISTS": [TRUTHS["train"]],
        "AVA.TRAIN_PREDICT_BOX_LISTS": [],
        "AVA.VAL_GROUNDTRUTH_FILE": TRUTHS["val"],
        "AVA.VAL_PREDICT_BOX_LISTS": [DETECTED["val"]],
        "AVA.GROUNDTRUTH_FILE": TRUTHS["test"],
        "AVA.TEST_PREDICT_BOX_LISTS": [DETECTED["test"]],
        "AVA.EXCLUSION_FILE": "",
        "AVA.LABEL_MAP_FILE": LABEL_MAP,
        "AVA.FULL_TEST_ON_VAL": True,
        "MODEL.NUM_CLASSES": num_classes,
    }


def _counts(
    splits: Mapping[str, Sequence[LabelledVideo]], boxes: Boxes, numbers: Mapping[str, int]
) -> list[tuple[str | int, ...]]:
    counts = {
        split: Counter(label for video in videos for _, box in boxes[video.path] for label in box.labels)
        for split, videos in splits.items()
    }
    rows: list[tuple[str | int, ...]] = [(name, *(count[name] for count in counts.values())) for name in numbers]
    return [*rows, ("all videos", *(len(videos) for videos in splits.values()))]


def _broken(probes: Mapping[str, Probe]) -> Iterator[str]:
    for path, probe in probes.items():
        if probe.problem:
            yield f"left out: {os.path.basename(path)}: {probe.problem}"  # noqa: PTH119 - a text in a message
