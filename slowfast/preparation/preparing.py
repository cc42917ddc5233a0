"""From videos as they lie around to lists that data sets read."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from slowfast.config.prepared_folder import MANIFEST, FolderManifest
from slowfast.datasets.errors import DatasetError, raise_first
from slowfast.datasets.folder import INTERVAL_LISTS
from slowfast.datasets.found_files import SUFFIXES
from slowfast.preparation.exports.gathering import AS_WRITTEN, Reading, absolute, events_of_tracks, gather
from slowfast.preparation.exports.sniffing import files_of, looks_like_export, read_exports
from slowfast.preparation.lists import (
    LISTS,
    ListedVideo,
    class_numbers,
    multi_label_texts,
    single_label_texts,
)
from slowfast.preparation.probing import PROBES, Probe, probe_all
from slowfast.preparation.splitting import group_videos, parse_shares, split_groups
from slowfast.preparation.videos import Inventory, LabelledVideo, Span, find_class_folders, one_class
from slowfast.runtime.atomic_files import make_folder

_ROUNDING_SEC = 0.1
"""Ends that lie so little behind the end are rounded ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """What to do. videos: the folder of the videos; data: that of the lists. labels: exports of annotation tools, tables, or
    folders of them; none: class folders, or the exports that lie beside the videos. reading: how they are read. shares,
    group_by, seed: see `splitting`. jobs: files that are probed at once."""

    videos: Path
    data: Path
    labels: Path | Sequence[Path] | None = None
    reading: Reading = AS_WRITTEN
    shares: Sequence[float] = (0.8, 0.1, 0.1)
    group_by: str = ""
    seed: int = 0
    jobs: int = field(default_factory=lambda: os.cpu_count() or 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What came of it. splits: the good videos. broken: the others, whose probes name the problem. texts: files to be written,
    by name. unknown_classes: classes that no readable video shows. notes: sentences on what may be meant otherwise. understood:
    rows of what was read from exports, see `exports.gathering.UNDERSTOOD`."""

    manifest: FolderManifest
    splits: dict[str, list[ListedVideo]]
    broken: list[ListedVideo]
    ignored: dict[str, int]
    unknown_classes: list[str]
    notes: list[str]
    texts: dict[str, str]
    understood: list[tuple[str | int, ...]]


def prepare(wanted: Preparation) -> Prepared:
    """Finds, probes and splits the videos. Writes nothing but a notebook of the probes into the folder of the lists, so that an
    interrupted call can be taken up again. Raises DatasetError."""
    shares = parse_shares(wanted.shares)
    _refuse_foreign_folder(wanted.data)
    labels = _label_files(wanted)
    _check_reading(wanted.reading, labels)
    inventory, found = _from_exports(wanted, labels) if labels else _from_folders(wanted)
    good = [video for video in inventory.videos if not found[video.path].problem]
    if not good:
        raise DatasetError(path=str(wanted.videos), found=f"none of {len(found)} videos can be read, {_first_problem(found)}",
                           expected="videos here (relative paths in a csv file start from this folder)")  # fmt: skip
    _check_times(good, found)
    split_videos = split_groups(group_videos(good, wanted.group_by), shares, seed=wanted.seed)
    if not shares[2]:
        split_videos["test"] = split_videos["val"]
    splits = {name: [ListedVideo(video, found[video.path]) for video in videos] for name, videos in split_videos.items()}
    broken = [ListedVideo(video, found[video.path]) for video in inventory.videos if found[video.path].problem]
    return _describe(wanted, inventory, good, splits, broken, labels)


def _label_files(wanted: Preparation) -> list[Path]:
    """The exports to read; none: folders are the classes. Without any named, those that lie beside videos that are in no class
    folder."""
    if wanted.labels is not None:
        return [wanted.labels] if isinstance(wanted.labels, Path) else list(wanted.labels)
    if not wanted.videos.is_dir() or not any(_is_video(path) for path in wanted.videos.iterdir()):
        return []
    beside = [path for path in files_of(wanted.videos) if path.parent == wanted.videos and looks_like_export(path)]
    if any(path.is_dir() and any(map(_is_video, path.iterdir())) for path in wanted.videos.iterdir()):
        return []
    return beside


def _check_reading(reading: Reading, labels: Sequence[Path]) -> None:
    """Raises DatasetError for what no label can be read with."""
    reading.check()
    if reading != AS_WRITTEN and not labels:
        key = "--fps" if reading.fps is not None else "--point-seconds"
        raise DatasetError(path=key, found="class folders, which have no times", expected="--labels as well, or neither")


def _is_video(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def _from_folders(wanted: Preparation) -> tuple[Inventory, dict[str, Probe]]:
    """The inventory, and the probe of each of its videos by its path."""
    inventory = find_class_folders(wanted.videos)
    return inventory, _probe(wanted, [video.path for video in inventory.videos])


def _from_exports(wanted: Preparation, labels: Sequence[Path]) -> tuple[Inventory, dict[str, Probe]]:
    exports, strange = read_exports(labels)
    gathered = gather([events_of_tracks(export) for export in exports], wanted.videos, strange)
    probes = _probe(wanted, gathered.video_paths())
    return gathered.inventory(probes, wanted.reading), probes


def _probe(wanted: Preparation, paths: Sequence[str]) -> dict[str, Probe]:
    places = {path: absolute(wanted.videos, path) for path in paths}
    make_folder(wanted.data)
    probes = probe_all(list(places.values()), jobs=wanted.jobs, notebook=wanted.data / PROBES)
    return {path: probes[place] for path, place in places.items()}


def _describe(
    wanted: Preparation,
    inventory: Inventory,
    good: Sequence[LabelledVideo],
    splits: dict[str, list[ListedVideo]],
    broken: list[ListedVideo],
    labels: Sequence[Path],
) -> Prepared:
    numbers = class_numbers(good)
    if len(numbers) == 1 and not inventory.multi_label:
        raise one_class(labels[0] if labels else wanted.videos, good)
    make_texts = multi_label_texts if inventory.multi_label else single_label_texts
    manifest = FolderManifest(
        multi_label=inventory.multi_label,
        classes=tuple(numbers),
        videos=str(wanted.videos.resolve()),
    )
    return Prepared(
        manifest=manifest,
        splits=splits,
        broken=sorted(broken, key=lambda entry: entry.probe.path),
        ignored=inventory.ignored,
        notes=[*inventory.notes, *_late_ends(splits), *_moments(splits), *_thin_splits(splits)],
        unknown_classes=sorted(set(class_numbers(inventory.videos)) - set(numbers)),
        texts=make_texts(splits, numbers),
        understood=list(inventory.understood),
    )


def _check_times(videos: Sequence[LabelledVideo], probes: Mapping[str, Probe]) -> None:
    """Raises DatasetError where a class is seen when its video is over: no clip would ever show it."""
    faults = []
    for video in videos:
        length = probes[video.path].duration_sec
        for span in video.spans:
            if span.start_sec is not None and span.start_sec >= length:
                faults.append(DatasetError(
                    path=span.source, row=span.row,
                    found=f"{span.name!r} from second {span.start_sec:g} on in {video.path!r}, which lasts {length:.2f}",
                    expected=f"times within the video, in seconds ({_what_was_meant(span.start_sec, length)})",
                ))  # fmt: skip
    raise_first(faults)


def _what_was_meant(start_sec: float, length_sec: float) -> str:
    """Why a time may lie behind the end of a video."""
    if start_sec >= 3600 and start_sec % 60 == 0 and start_sec / 60 < length_sec:
        return (
            f"1:30 in a cell of Excel is 1 h 30 min; 0:01:30 is a minute and a half, so maybe {start_sec / 60:g} s were meant"
        )
    return "not in milliseconds or frames; columns called start frame or start (ms) say which"


def _late_ends(splits: Mapping[str, Sequence[ListedVideo]]) -> Iterator[str]:
    late = _rows_of_spans(
        splits, lambda span, length_sec: span.end_sec is not None and span.end_sec > length_sec + _ROUNDING_SEC
    )  # fmt: skip
    if late:
        yield f"times that end behind the end of their videos, and last until it: {len(late)}, the first in {late[0]}"


def _moments(splits: Mapping[str, Sequence[ListedVideo]]) -> Iterator[str]:
    moments = _rows_of_spans(splits, lambda span, _: span.start_sec is not None and span.start_sec == span.end_sec)
    if moments:
        yield (
            "times that end as they begin, each of which is that of the frame shown then, and which no event that is found can "
            f"match (--point-seconds 1 makes each a second long): {len(moments)}, the first in {moments[0]}"
        )


def _rows_of_spans(splits: Mapping[str, Sequence[ListedVideo]], holds: Callable[[Span, float], bool]) -> list[str]:
    """File and row, each once, of the spans for which it holds, given the length of their video in seconds."""
    return list(dict.fromkeys(
        span.place
        for listed in splits.values()
        for entry in listed
        for span in entry.video.spans
        if holds(span, entry.probe.duration_sec)
    ))  # fmt: skip


def _thin_splits(splits: Mapping[str, Sequence[ListedVideo]]) -> Iterator[str]:
    """Splits whose figures say little."""
    trained = {name for entry in splits["train"] for name in entry.video.class_names}
    for split in ("val", "test"):
        if len(splits[split]) == 1:
            yield f"{split} has one video: its figures say hardly anything (--split takes larger shares)"
        never = sorted(trained - {name for entry in splits[split] for name in entry.video.class_names})
        if never:
            yield f"classes that no video of {split} shows: {', '.join(never[:5])}{', ...' if len(never) > 5 else ''}"


def stale_lists(folder: Path, texts: Mapping[str, str]) -> list[Path]:
    """Lists of an earlier preparation that the new one does not replace."""
    return [
        folder / name for name in (*LISTS.values(), *INTERVAL_LISTS.values()) if name not in texts and (folder / name).exists()
    ]


def _refuse_foreign_folder(data: Path) -> None:
    """Lists that somebody else wrote are not overwritten."""
    if any((data / ours).exists() for ours in (MANIFEST, PROBES)):
        return
    for name in (*LISTS.values(), *INTERVAL_LISTS.values()):
        if (data / name).exists():
            raise DatasetError(
                path=str(data), found=f"a {name} that was not written here", expected="an empty or new folder (--out)"
            )


def _first_problem(probes: Mapping[str, Probe]) -> str:
    (problem, count), *_ = Counter(probe.problem for probe in probes.values()).most_common(1)
    return f"{count} because {problem}"
