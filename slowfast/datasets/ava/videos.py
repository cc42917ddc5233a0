"""The videos of AVA on disk: lists of pictures, or a folder of video files."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from slowfast.datasets.decoding.opening import open_video
from slowfast.datasets.errors import DatasetError, DecodeError
from slowfast.datasets.frame_folder import FrameFolderSource
from slowfast.datasets.frame_lists import ListedFrames, read_frame_list
from slowfast.datasets.remote_files import is_remote
from slowfast.datasets.sources import FrameSource, GridSource
from slowfast.datasets.video_files import VideoFiles
from slowfast.structures import VideoRecord

UNKNOWN = 10**9
"""A length that nothing states."""

SUFFIXES = frozenset([".avi", ".mkv", ".mov", ".mp4", ".webm"])


@dataclass(frozen=True, slots=True, kw_only=True)
class AvaVideos:
    """lengths: frames of each video; UNKNOWN where nothing says it before a video is read."""

    records: tuple[VideoRecord, ...]
    source: FrameSource
    lengths: tuple[int, ...]

    @property
    def numbers(self) -> dict[str, int]:
        """Number of each video by its id."""
        return {record.video_id: number for number, record in enumerate(self.records)}

    def only(self, numbers: Sequence[int]) -> AvaVideos:
        """Some of the videos, renumbered from 0."""
        records = tuple(self.records[number] for number in numbers)
        lengths = tuple(self.lengths[number] for number in numbers)
        return AvaVideos(records=records, source=self.source, lengths=lengths)


def listed_videos(lists: Sequence[Path], frame_dir: str, files: VideoFiles, *, fps: int) -> AvaVideos:
    """Videos in the order of the frame lists, whose paths are relative to `frame_dir`. Raises DatasetError."""
    frames: dict[str, ListedFrames] = {}
    records = []
    for path in lists:
        for video_id, listed in read_frame_list(path, num_classes=0).items():
            if video_id in frames:
                raise DatasetError(
                    path=str(path),
                    row=listed.row,
                    found=f"video {video_id} again, after another list",
                    expected="one list a video",
                )
            frames[video_id] = listed
            records.append(VideoRecord(video_id=video_id, path=f"{frame_dir}/{video_id}", source=f"{path}, row {listed.row}"))
    paths = {record.path: frames[record.video_id].paths for record in records}
    source = FrameFolderSource(frames=paths, prefix=frame_dir, fps=fps, one_size=True, remote=files.remote)
    if not is_remote(frame_dir) and not any(Path(next(source.files(record.path))).is_file() for record in records):
        raise DatasetError(
            path=frame_dir,
            found=f"the first picture of none of the {len(records)} listed videos",
            expected=f"files like {paths[records[0].path][0]} (AVA.FRAME_DIR)",
        )
    return AvaVideos(records=tuple(records), source=source, lengths=tuple(len(paths[record.path]) for record in records))


def filed_videos(folder: Path, files: VideoFiles, *, fps: int) -> AvaVideos:
    """The video files of a folder, by name; the id of a video is the name without its ending. Raises DatasetError."""
    if not folder.is_dir():
        raise DatasetError(path=str(folder), found="there is no such folder", expected="the videos here (AVA.VIDEO_DIR)")
    paths = video_files(folder)
    if not paths:
        raise DatasetError(
            path=str(folder), found="no video", expected=f"files like ID.mp4 ({', '.join(sorted(SUFFIXES))}; AVA.VIDEO_DIR)"
        )
    records = tuple(VideoRecord(video_id=stem, path=str(path), source=str(path)) for stem, path in paths.items())
    return AvaVideos(records=records, source=GridSource(fps, files), lengths=(UNKNOWN,) * len(records))


def video_files(folder: Path) -> dict[str, Path]:
    """The video files of a folder by their ids, sorted; hidden files, as macOS leaves them, are none. Raises DatasetError for
    two files of one id."""
    paths: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in SUFFIXES and not path.name.startswith("."):
            if path.stem in paths:
                raise DatasetError(
                    path=str(folder),
                    found=f"{paths[path.stem].name} and {path.name}",
                    expected="one file a video (AVA.VIDEO_DIR)",
                )
            paths[path.stem] = path
    return paths


def stated_lengths(videos: AvaVideos, *, fps: int) -> AvaVideos:
    """The same videos with the lengths that their files state, which costs a look at the header of each."""
    return replace(videos, lengths=tuple(_stated_length(record.path, fps) for record in videos.records))


def _stated_length(path: str, fps: int) -> int:
    try:
        with open_video(path) as (container, _):
            return UNKNOWN if container.duration is None else math.ceil(container.duration / 1_000_000 * fps)
    except DecodeError:
        return UNKNOWN  # whoever reads the video says what is wrong with it
