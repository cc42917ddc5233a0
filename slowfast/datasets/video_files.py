"""Video files wherever they lie, with what is known of them kept on disk."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
from fvcore.common.config import CfgNode
from numpy.typing import NDArray

from slowfast.datasets.clip_sampling import Frames
from slowfast.datasets.decoding import FrameTransform, IndexCache, VideoIndex, decode_frames, stream_frames
from slowfast.datasets.errors import DecodeError
from slowfast.datasets.remote_files import RemoteFiles

T = TypeVar("T")

AUTO = "auto"
"""As a folder: one in the user's cache."""


@dataclass(frozen=True, slots=True)
class VideoFiles:
    """Paths may be remote if there is a place for copies; errors name them as they were given."""

    remote: RemoteFiles | None = None
    indexes: IndexCache = field(default_factory=IndexCache)

    @classmethod
    def from_cfg(cls, cfg: CfgNode) -> VideoFiles:
        return cls(
            remote=RemoteFiles(cache_folder(cfg.DATA.REMOTE_CACHE_DIR, "remote"), round(cfg.DATA.REMOTE_CACHE_GB * 1e9)),
            indexes=IndexCache(cache_folder(cfg.DATA.INDEX_CACHE_DIR, "index")),
        )

    def index(self, path: str) -> VideoIndex:
        with _named(path):
            return self._read(path, self.indexes.read)

    def decode(self, path: str, index: VideoIndex, frames: Frames, transform: FrameTransform) -> NDArray[np.uint8]:
        """Frames of the file, as `decode_frames` returns them. Raises DecodeError."""
        with _named(path):
            return self._read(path, lambda local: decode_frames(local, index, frames, transform))

    def stream(self, path: str, index: VideoIndex, frames: Frames, transform: FrameTransform) -> Iterator[NDArray[np.uint8]]:
        """Frames of the file one after the other, as `stream_frames` yields them. Raises DecodeError.

        A copy of a remote file is open once the first frame is there, and may be evicted from then on.
        """

        def begin(local: str) -> Iterator[NDArray[np.uint8]]:
            pictures = stream_frames(local, index, frames, transform)
            return itertools.chain([next(pictures)], pictures)

        with _named(path):
            yield from self._read(path, begin)

    def _read(self, path: str, read: Callable[[str], T]) -> T:
        return read(path) if self.remote is None else self.remote.read(path, read)


@contextmanager
def _named(path: str) -> Iterator[None]:
    try:
        yield
    except DecodeError as error:
        raise DecodeError(path, error.reason) from error.__cause__


def cache_folder(option: str, name: str) -> str:
    """Where things of that name are kept, as an option says it."""
    if option != AUTO:
        return option
    return str(Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "slowfast" / name)
