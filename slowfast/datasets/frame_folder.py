"""Videos that are folders of pictures, one a frame."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from slowfast.datasets.clip_sampling import Frames
from slowfast.datasets.decoding import FrameTransform
from slowfast.datasets.errors import DatasetError, DecodeError
from slowfast.datasets.frame_lists import ListedFrames
from slowfast.datasets.remote_files import RemoteFiles, is_remote
from slowfast.datasets.time_limit import check_time
from slowfast.structures import VideoRecord

logger = logging.getLogger(__name__)

ATTEMPTS = 3
"""How often a damaged picture is read: on shared disks it may still be on its way."""

PAUSE_SEC = 0.05

_PNG, _PNG_END = b"\x89PNG", b"IEND"
_JPEG, _SCAN, _END = b"\xff\xd8", b"\xff\xda", b"\xff\xd9"


@dataclass(frozen=True, slots=True)
class FrameFolderSource:
    """Videos whose pictures are listed, `fps` of them a second.

    frames: the pictures of a video by the path of its record; relative ones lie below `prefix`. one_size: whether pictures of
    differing sizes are an error; else they are scaled to the size of the clip's first, with a warning. remote: where copies
    of pictures go if the prefix is remote.
    """

    frames: Mapping[str, Sequence[str]]
    prefix: str
    fps: float
    one_size: bool = False
    remote: RemoteFiles | None = None

    def open(self, path: str) -> FrameFolder:
        return FrameFolder(self, path)

    def files(self, path: str) -> Iterator[str]:
        """All pictures of a video."""
        return (os.path.join(self.prefix, frame) for frame in self.frames[path])  # noqa: PTH118 - a prefix may be a URL


@dataclass(frozen=True, slots=True)
class FrameFolder:
    """The pictures of one video."""

    source: FrameFolderSource
    path: str

    @property
    def num_frames(self) -> int:
        return len(self.source.frames[self.path])

    @property
    def fps(self) -> float:
        return self.source.fps

    def seconds(self, frames: Frames) -> NDArray[np.float64]:
        return frames / self.source.fps

    def read(self, frames: Frames, transform: FrameTransform) -> NDArray[np.uint8]:
        """Raises DecodeError, with the path of the picture, when one is missing or damaged."""
        numbers, places = np.unique(frames, return_inverse=True)
        clip = np.zeros(0, np.uint8)
        for place, picture in enumerate(self.stream(numbers, transform)):
            if not clip.size:
                clip = np.empty((len(frames), *picture.shape), np.uint8)
            clip[places == place] = picture
        return clip

    def stream(self, frames: Frames, transform: FrameTransform) -> Iterator[NDArray[np.uint8]]:
        """Raises DecodeError, with the path of the picture, when one is missing or damaged."""
        paths, size, before = self.source.frames[self.path], (0, 0), -1
        for number in frames.tolist():
            if number != before:
                path = os.path.join(self.source.prefix, paths[number])  # noqa: PTH118 - a prefix may be a URL
                image = read_picture(path) if self.source.remote is None else self.source.remote.read(path, read_picture)
                size = size if any(size) else image.shape[:2]
                if image.shape[:2] != size:
                    image = self._to_size(path, image, size)
                picture, before = np.empty((*transform.output_size(*size), 3), np.uint8), number
                transform(image, picture)
            yield picture

    def _to_size(self, path: str, image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
        found = f"a picture of {image.shape[1]} x {image.shape[0]} among others of {size[1]} x {size[0]}"
        if self.source.one_size:
            raise DecodeError(path, found)
        logger.warning("%s: %s is scaled to their size", path, found)
        return cv2.resize(image, size[::-1], interpolation=cv2.INTER_LINEAR).astype(np.uint8, copy=False)


def open_listed(
    records: Sequence[VideoRecord], listed: Mapping[str, ListedFrames], *, prefix: str, fps: int, remote: RemoteFiles | None
) -> FrameFolderSource:
    """The source of records whose pictures a list names, by video id.

    Raises DatasetError when the first picture of none is there.
    """
    frames = {record.path: listed[record.video_id].paths for record in records}
    source = FrameFolderSource(frames=frames, prefix=prefix, fps=fps, remote=remote)
    if not is_remote(prefix) and not any(Path(next(source.files(record.path))).is_file() for record in records):
        raise DatasetError(
            path=prefix,
            found=f"the first picture of none of the {len(records)} listed videos",
            expected=f"files like {frames[records[0].path][0]} (DATA.PATH_PREFIX, or DATA.PATH_TO_DATA_DIR if that is empty)",
        )
    return source


def read_picture(path: str) -> NDArray[np.uint8]:
    """A picture file as uint8 (H, W, 3), RGB, whatever its colours. Raises DecodeError when it is missing or damaged."""
    reason = ""
    for attempt in range(ATTEMPTS):
        check_time(path)
        time.sleep(PAUSE_SEC if attempt else 0)
        try:
            content = np.fromfile(path, np.uint8)
        except FileNotFoundError:
            raise DecodeError(path, "the file does not exist") from None
        except OSError as error:
            reason = f"the file cannot be read ({error.strerror})"
            continue
        image = cv2.imdecode(content, cv2.IMREAD_COLOR_RGB) if _is_whole(content) else None
        if image is not None:
            return image.astype(np.uint8, copy=False)
        reason = "the picture is damaged" if content.size else "the file is empty"
    raise DecodeError(path, reason)


def check_whole(path: str) -> None:
    """Looks whether a picture file is there to its end, without decoding it. Raises DecodeError."""
    try:
        content = np.fromfile(path, np.uint8)
    except OSError as error:
        raise DecodeError(path, f"the file cannot be read ({error.strerror})") from None
    if not _is_whole(content):
        raise DecodeError(path, "the picture is damaged" if content.size else "the file is empty")


def _is_whole(content: NDArray[np.uint8]) -> bool:
    """Whether a picture may be decoded: OpenCV fills up what a JPEG file lacks with grey, and says nothing."""
    data = content.tobytes()
    if data.startswith(_PNG):
        return _PNG_END in data[-64:]
    return len(data) > 0 and (not data.startswith(_JPEG) or data.rfind(_END) > data.rfind(_SCAN) >= 0)
