"""What a data set must tell of its videos so that they can be read whole, in pieces of P frames."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from slowfast.datasets.clip_dataset import ClipDataset
from slowfast.datasets.clip_sampling import Frames
from slowfast.datasets.sources import FrameSource
from slowfast.structures import Keyframes


@dataclass(frozen=True, slots=True)
class PieceOfVideo:
    """One piece. number: of the piece, from 0. sampled: the frames that are read of all of the video. piece_frames: P."""

    video: int
    number: int
    sampled: Frames
    piece_frames: int


class ReadableWhole(ClipDataset):
    """A data set whose videos can be read whole, too, by `WholeVideos`.

    has_boxes: whether persons are classified, instead of what is seen of a piece.
    """

    source: FrameSource
    has_boxes: bool = False

    @property
    @abstractmethod
    def multi_label(self) -> bool:
        """Whether a video can have several classes."""

    @property
    @abstractmethod
    def num_crops(self) -> int:
        """Views of a whole video."""

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int] | None:
        """Height and width of the pictures as they are shown; None: they differ from video to video."""

    def read_whole(self) -> Sequence[int]:
        """Numbers of the videos that there is anything to learn from or to score in."""
        return range(len(self.records))

    @abstractmethod
    def spacing(self, fps: float) -> float | None:
        """Frames of a video from one that is read to the next; None: it depends on the length of the video."""

    def stretch(self, video: int, num_frames: int, piece_frames: int) -> tuple[int, int]:
        """What is read of a video of `num_frames` frames, in pieces of P: [begin, stop) of them."""
        return 0, num_frames

    @abstractmethod
    def shown(self, video: int, view: int, rng: np.random.Generator) -> Any:
        """A FrameTransform: one draw of crop, mirroring and colours for all of a video."""

    @abstractmethod
    def piece_labels(self, video: int, first: int, last: int, num_frames: int) -> Tensor:
        """What is seen from one frame to another, both included: int64 scalar, or float32 (K,)."""

    def piece_keyframes(self, piece: PieceOfVideo, shown: Any) -> Keyframes | None:
        """The persons of a piece, in detection only. shown: by what its frames were shown."""
        return None
