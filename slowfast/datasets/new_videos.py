"""Videos that nobody has labelled, taken in the place of those of a test list."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from pathlib import Path

from fvcore.common.config import CfgNode

from slowfast.annotations.list_text import read_lines
from slowfast.config import ConfigError
from slowfast.datasets.clip_dataset import ClipDataset
from slowfast.datasets.errors import DatasetError
from slowfast.datasets.found_files import SUFFIXES, files_below
from slowfast.datasets.remote_files import is_remote
from slowfast.datasets.same_file import file_key, missing
from slowfast.datasets.sources import FileSource, GridSource
from slowfast.datasets.video_dataset import VideoDataset
from slowfast.structures import VideoRecord


def of_new_videos(cfg: CfgNode, dataset: ClipDataset) -> VideoDataset:
    """The data set with the videos of TEST.VIDEOS. Raises ConfigError for a data set that reads no video files, DatasetError
    where there is no video."""
    if not isinstance(dataset, VideoDataset) or not isinstance(dataset.source, FileSource | GridSource):
        raise ConfigError(
            key="TEST.VIDEOS", value=cfg.TEST.VIDEOS,
            why=f"the data set {cfg.TEST.DATASET} reads pictures here, not video files",
            right="a data set of video files, such as folder",
        )  # fmt: skip
    where = Path(cfg.TEST.VIDEOS)
    records = tuple(_of_folder(where) if where.is_dir() else _of_list(where))
    if not records:
        raise DatasetError(
            path=str(where), found="no video", expected=f"files that end in {', '.join(sorted(SUFFIXES))}, or a list of paths"
        )
    return dataset.of(records, labelled=False)


def _of_folder(folder: Path) -> Iterator[VideoRecord]:
    """Named by their paths below the folder."""
    for path in sorted(files_below(folder)):
        if path.suffix.lower() in SUFFIXES:
            yield VideoRecord(video_id=path.relative_to(folder).as_posix(), path=str(path), source=str(path))


def _of_list(path: Path) -> Iterator[VideoRecord]:
    """Named as the list names them; paths start from the list's folder. Raises DatasetError."""
    first: dict[Hashable, int] = {}
    for row, line in read_lines(path, what="a folder of videos, or a text file with the path of a video a line"):
        name = line.strip()
        if not name:
            continue
        video = name if is_remote(name) else str(path.parent / name)
        if not is_remote(name) and not Path(video).is_file():
            raise DatasetError(path=str(path), row=row, found=f"{name!r}: {missing(video)}", expected="the path of a video")
        if first.setdefault(file_key(video), row) != row:
            found = f"{name!r} again, after row {first[file_key(video)]}"
            raise DatasetError(path=str(path), row=row, found=found, expected="each video once")
        yield VideoRecord(video_id=name, path=video, source=f"{path}, row {row}")
