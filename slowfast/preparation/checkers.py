"""The formats that a folder can be checked in: how each one is recognised, and what its lists name.

A further format is a further line in CHECKERS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from slowfast.config.prepared_folder import MANIFEST, FolderManifest
from slowfast.datasets import ssv2, ssv2_lists
from slowfast.datasets.charades import ANNOTATION_FILES, FRAME_LISTS, annotation_file, find_video_folder
from slowfast.datasets.charades_csv import CLASS_FILE, read_annotation, read_class_names
from slowfast.datasets.csv_reading import read_rows
from slowfast.datasets.errors import DatasetError
from slowfast.datasets.folder import INTERVAL_LISTS
from slowfast.datasets.frame_lists import has_frame_list_header, read_frame_list
from slowfast.datasets.kinetics_lists import read_list, read_names
from slowfast.preparation.lists import CLASS_LIST, LISTS

ANY_CLASS = 1_000_000
"""Where nothing says how many classes there are."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One row, or one video, of a list. where: the list and the row. files: the video, or all pictures of one, in order."""

    where: str
    files: tuple[str, ...]
    are_pictures: bool = False


ReadList = Callable[[], list[Listed]]


@dataclass(frozen=True, slots=True)
class Checker:
    """recognises(folder): whether the folder is of this format. lists(folder, prefix): for each list, its rows, read when
    asked for; asking raises DatasetError where a list is wrong. prefix: DATA.PATH_PREFIX, or ""."""

    format: str
    recognises: Callable[[Path], bool]
    lists: Callable[[Path, str], Iterator[ReadList]]


def _folder_lists(folder: Path, prefix: str) -> Iterator[ReadList]:
    manifest = FolderManifest.read(folder)
    root = prefix or str(folder / manifest.videos)
    num_classes = len(manifest.classes)
    if manifest.multi_label:
        yield partial(_nothing, read_class_names, folder / CLASS_FILE, num_classes)
        for name in INTERVAL_LISTS.values():
            yield partial(_intervals, folder / name, root, num_classes)
    else:
        yield partial(_nothing, read_names, folder / CLASS_LIST, num_classes)
        for name in LISTS.values():
            yield partial(_kinetics_list, folder / name, root, num_classes)


def _kinetics_lists(folder: Path, prefix: str) -> Iterator[ReadList]:
    num_classes = _count_lines(folder / CLASS_LIST) or ANY_CLASS
    for name in LISTS.values():
        yield partial(_kinetics_list, folder / name, prefix or str(folder), num_classes)


def _charades_lists(folder: Path, prefix: str) -> Iterator[ReadList]:
    num_classes = _count_lines(folder / CLASS_FILE) or ANY_CLASS
    if num_classes != ANY_CLASS:
        yield partial(_nothing, read_class_names, folder / CLASS_FILE, num_classes)
    for path in dict.fromkeys(annotation_file(folder, split) for split in ("train", "val", "test")):
        yield partial(_charades_list, path, Path(prefix or folder), num_classes)


def _frame_lists(folder: Path, prefix: str) -> Iterator[ReadList]:
    for name in dict.fromkeys(FRAME_LISTS.values()):
        yield partial(_frame_list, folder / name, Path(prefix or folder))


def _ava_lists(folder: Path, prefix: str) -> Iterator[ReadList]:
    for path in sorted((folder / "frame_lists").glob("*.csv")):
        yield partial(_frame_list, path, Path(prefix or folder / "frames"))


def _ssv2_lists(folder: Path, prefix: str) -> Iterator[ReadList]:
    yield partial(_ssv2_labels, folder)
    for split in ("train", "val"):
        if has_frame_list_header(folder / ssv2.FRAME_LISTS[split]):
            yield partial(_frame_list, folder / ssv2.FRAME_LISTS[split], Path(prefix or folder))
        yield partial(_ssv2_list, folder, split, Path(prefix or folder))


def _ssv2_labels(folder: Path) -> list[Listed]:
    ssv2_lists.read_labels(folder / ssv2_lists.LABEL_FILE)
    return []


def _ssv2_list(folder: Path, split: str, root: Path) -> list[Listed]:
    """The annotation; it names files only where no list of frames does."""
    labels = ssv2_lists.read_labels(folder / ssv2_lists.LABEL_FILE)
    videos = ssv2_lists.read_videos(folder / ssv2_lists.ANNOTATION_FILES[split], labels)
    if has_frame_list_header(folder / ssv2.FRAME_LISTS[split]):
        ssv2.listed_frames(folder, split, videos, len(labels))
        return []
    return [Listed(record.source, (record.path,)) for record in ssv2.filed_records(root, folder, split, videos)]


def _kinetics_list(path: Path, root: str, num_classes: int) -> list[Listed]:
    videos = read_list(path, separator=" ", num_classes=num_classes, prefix=root)
    return [Listed(video.source, (video.path,)) for video in videos]


def _intervals(path: Path, root: str, num_classes: int) -> list[Listed]:
    read_annotation(path, num_classes)
    return [
        Listed(f"{path}, row {row}", (str(Path(root) / values["path"]),)) for row, values in read_rows(path, ("id", "path"))
    ]


def _charades_list(path: Path, root: Path, num_classes: int) -> list[Listed]:
    rows = read_annotation(path, num_classes)
    videos = find_video_folder(root, [row.video_id for row in rows])
    return [Listed(f"{path}, row {row.row}", (str(videos / f"{row.video_id}.mp4"),)) for row in rows]


def _frame_list(path: Path, root: Path) -> list[Listed]:
    videos = read_frame_list(path, ANY_CLASS)
    return [
        Listed(f"{path}, row {video.row}", tuple(str(root / frame) for frame in video.paths), are_pictures=True)
        for video in videos.values()
    ]


def _nothing(read: Callable[[Path, int], tuple[str, ...]], path: Path, num_classes: int) -> list[Listed]:
    """Names of classes are read for their errors alone: they name no files."""
    read(path, num_classes)
    return []


def _count_lines(path: Path) -> int:
    """Lines that are not empty; 0 if there is no such file."""
    try:
        return sum(1 for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip())
    except FileNotFoundError:
        return 0
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(path=str(path), found=f"{error}", expected="names of classes in UTF-8") from error


CHECKERS: list[Checker] = [
    Checker("folder (prepared)", lambda folder: (folder / MANIFEST).exists(), _folder_lists),
    Checker(
        "charades (csv files and videos)",
        lambda folder: any((folder / name).exists() for name in ANNOTATION_FILES.values()),
        _charades_lists,
    ),
    Checker("ssv2 (json files)", lambda folder: (folder / ssv2_lists.LABEL_FILE).exists(), _ssv2_lists),
    Checker(
        "frame lists (pictures)",
        lambda folder: any(has_frame_list_header(folder / name) for name in FRAME_LISTS.values()),
        _frame_lists,
    ),
    Checker(
        "ava (pictures; `ava` checks the boxes)",
        lambda folder: any(has_frame_list_header(path) for path in (folder / "frame_lists").glob("*.csv")),
        _ava_lists,
    ),
    Checker("kinetics (lists)", lambda folder: any((folder / name).exists() for name in LISTS.values()), _kinetics_lists),
]
"""The first one that recognises a folder checks it."""
