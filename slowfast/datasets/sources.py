"""Where a clip's frames come from: what a video looks like to the sampling rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from slowfast.datasets.clip_sampling import Frames
from slowfast.datasets.decoding import FrameTransform, VideoIndex, decode_frames, read_index


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


class FrameSource(Protocol):
    def open(self, path: str) -> OpenVideo:
        """Finds out what the video has. Raises DecodeError."""


@dataclass(frozen=True, slots=True)
class FileSource:
    """Video files as they are, at their own frame rate."""

    def open(self, path: str) -> FileVideo:
        return FileVideo(path, read_index(path))


@dataclass(frozen=True, slots=True)
class FileVideo:
    """Frame i is the file's."""

    path: str
    index: VideoIndex

    @property
    def num_frames(self) -> int:
        return self.index.num_frames

    @property
    def fps(self) -> float:
        return self.index.fps

    def seconds(self, frames: Frames) -> NDArray[np.float64]:
        return self.index.seconds(frames)

    def read(self, frames: Frames, transform: FrameTransform) -> NDArray[np.uint8]:
        return decode_frames(self.path, self.index, frames, transform)


@dataclass(frozen=True, slots=True)
class GridSource:
    """Video files of any frame rate, seen as if their frames had been taken out at `fps`."""

    fps: int

    def open(self, path: str) -> GridVideo:
        return GridVideo(path, read_index(path), self.fps)


@dataclass(frozen=True, slots=True)
class GridVideo:
    """Frame i is the picture that the file shows at second i / fps."""

    path: str
    index: VideoIndex
    fps: int

    @property
    def num_frames(self) -> int:
        return self.index.grid_length(self.fps)

    def seconds(self, frames: Frames) -> NDArray[np.float64]:
        return frames / self.fps

    def read(self, frames: Frames, transform: FrameTransform) -> NDArray[np.uint8]:
        return decode_frames(self.path, self.index, self.index.on_grid(frames, self.fps), transform)
