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
from slowfast.preparation.label_file import read_label_file
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
    """What to do. videos: the folder of the videos; data: that of the lists. labels: a csv file, or None for class folders.
    shares, group_by, seed: see `splitting`. jobs: files that are probed at once."""

    videos: Path
    data: Path
    labels: Path | None = None
    shares: Sequence[float] = (0.8, 0.1, 0.1)
    group_by: str = ""
    seed: int = 0
    jobs: int = field(default_factory=lambda: os.cpu_count() or 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What came of it. splits: the good videos. broken: the others, whose probes name the problem. texts: files to be written,
    by name. unknown_classes: classes that no readable video shows. notes: sentences on what may be meant otherwise."""

    manifest: FolderManifest
    splits: dict[str, list[ListedVideo]]
    broken: list[ListedVideo]
    ignored: dict[str, int]
    unknown_classes: list[str]
    notes: list[str]
    texts: dict[str, str]


def prepare(wanted: Preparation) -> Prepared:
    """Finds, probes and splits the videos. Writes nothing but a notebook of the probes into the folder of the lists, so that an
    interrupted call can be taken up again. Raises DatasetError."""
    shares = parse_shares(wanted.shares)
    _refuse_foreign_folder(wanted.data)
    inventory = find_class_folders(wanted.videos) if wanted.labels is None else read_label_file(wanted.labels, wanted.videos)
    paths = {video.path: os.path.abspath(wanted.videos / video.path) for video in inventory.videos}  # noqa: PTH100
    make_folder(wanted.data)
    probes = probe_all(list(paths.values()), jobs=wanted.jobs, notebook=wanted.data / PROBES)
    found = {video.path: probes[paths[video.path]] for video in inventory.videos}
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
    return _describe(wanted, inventory, good, splits, broken)


def _describe(
    wanted: Preparation,
    inventory: Inventory,
    good: Sequence[LabelledVideo],
    splits: dict[str, list[ListedVideo]],
    broken: list[ListedVideo],
) -> Prepared:
    numbers = class_numbers(good)
    if len(numbers) == 1 and not inventory.multi_label:
        raise one_class(wanted.labels or wanted.videos, good)
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
    )


def _check_times(videos: Sequence[LabelledVideo], probes: Mapping[str, Probe]) -> None:
    """Raises DatasetError where a class is seen when its video is over: no clip would ever show it."""
    faults = []
    for video in videos:
        length = probes[video.path].duration_sec
        for span in video.spans:
            if span.start_sec is not None and span.start_sec >= length:
                faults.append(DatasetError(
                    path=video.source.rpartition(", row ")[0], row=span.row,
                    found=f"{span.name!r} from second {span.start_sec:g} on in {video.path!r}, which lasts {length:.2f}",
                    expected="times within the video, in seconds (not in milliseconds or frames)",
                ))  # fmt: skip
    raise_first(faults)


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
            f"match: {len(moments)}, the first in {moments[0]}"
        )


def _rows_of_spans(splits: Mapping[str, Sequence[ListedVideo]], holds: Callable[[Span, float], bool]) -> list[str]:
    """File and row, each once, of the spans for which it holds, given the length of their video in seconds."""
    return list(dict.fromkeys(
        f"{entry.video.source.rpartition(', row ')[0]}, row {span.row}"
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
