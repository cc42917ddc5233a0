"""Where a clip's frames come from: what a video looks like to the sampling rules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from slowfast.datasets.clip_sampling import Frames
from slowfast.datasets.decoding import FrameTransform, VideoIndex
from slowfast.datasets.video_files import VideoFiles


class OpenVideo(Protocol):
    """A video whose length is known."""

    @property
    def num_frames(self) -> int: ...

    @property
    def fps(self) -> float: ...

    def seconds(self, frames: Frames) -> NDArray[np.float64]:
        """When these frames are shown, counted from the start of the video."""

    def read(self, frames: Frames, transform: FrameTransform) -> NDArray[np.uint8]:
        """Frames as uint8 (T, H, W, 3), RGB. Raises DecodeError."""

    def stream(self, frames: Frames, transform: FrameTransform) -> Iterator[NDArray[np.uint8]]:
        """The same one by one, (H, W, 3), for rising frames, repeats allowed: for videos that are longer than memory. Raises
        DecodeError for the first that cannot be read."""


class FrameSource(Protocol):
    def open(self, path: str) -> OpenVideo:
        """Finds out what the video has. Raises DecodeError."""

    def files(self, path: str) -> Iterator[str]:
        """All files that the video is made of."""


@dataclass(frozen=True, slots=True)
class FileSource:
    """Video files as they are, at their own frame rate."""

    videos: VideoFiles

    def open(self, path: str) -> FileVideo:
        return FileVideo(self.videos, path, self.videos.index(path))

    def files(self, path: str) -> Iterator[str]:
        yield path


@dataclass(frozen=True, slots=True)
class FileVideo:
    """Frame i is the file's. Where frames come at uneven times, it is the picture shown at second i / fps, fps being the mean
    rate: the sampling rules mean moments, and say them in frames."""

    files: VideoFiles
    path: str
    index: VideoIndex

    @property
    def num_frames(self) -> int:
        return self.index.num_frames

    @property
    def fps(self) -> float:
        return self.index.fps

    def seconds(self, frames: Frames) -> NDArray[np.float64]:
        return self.index.seconds(self._numbers(frames))

    def read(self, frames: Frames, transform: FrameTransform) -> NDArray[np.uint8]:
        return self.files.decode(self.path, self.index, self._numbers(frames), transform)

    def stream(self, frames: Frames, transform: FrameTransform) -> Iterator[NDArray[np.uint8]]:
        return self.files.stream(self.path, self.index, self._numbers(frames), transform)

    def _numbers(self, frames: Frames) -> Frames:
        return frames if self.index.is_steady else self.index.on_grid(frames, self.index.rate)


@dataclass(frozen=True, slots=True)
class GridSource:
    """Video files of any frame rate, seen as if their frames had been taken out at `fps`."""

    fps: int
    videos: VideoFiles = field(default_factory=VideoFiles)

    def open(self, path: str) -> GridVideo:
        return GridVideo(self.videos, path, self.videos.index(path), self.fps)

    def files(self, path: str) -> Iterator[str]:
        yield path


@dataclass(frozen=True, slots=True)
class GridVideo:
    """Frame i is the picture that the file shows at second i / fps."""

    files: VideoFiles
    path: str
    index: VideoIndex
    fps: int

    @property
    def num_frames(self) -> int:
        return self.index.grid_length(self.fps)

    def seconds(self, frames: Frames) -> NDArray[np.float64]:
        return frames / self.fps

    def read(self, frames: Frames, transform: FrameTransform) -> NDArray[np.uint8]:
        return self.files.decode(self.path, self.index, self.index.on_grid(frames, self.fps), transform)

    def stream(self, frames: Frames, transform: FrameTransform) -> Iterator[NDArray[np.uint8]]:
        return self.files.stream(self.path, self.index, self.index.on_grid(frames, self.fps), transform)
