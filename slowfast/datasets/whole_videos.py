"""Whole videos as pieces that are read one after the other, with the file open all the while.

B lanes, S pieces of a batch, P frames of a piece, K classes.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, default_collate
from tqdm import tqdm

from slowfast.datasets.clip_sampling import Frames
from slowfast.datasets.errors import DatasetError, DecodeError
from slowfast.datasets.lanes import LaneKey, Piece
from slowfast.datasets.sources import OpenVideo
from slowfast.datasets.time_limit import within
from slowfast.datasets.transforms import CropFrames
from slowfast.datasets.video_dataset import VideoDataset
from slowfast.structures import LaneBatch

Picture = NDArray[np.uint8]

VISIT_STREAM = 3
"""Keeps the random numbers of visits to videos apart from others with the same seed."""

FEW_SECONDS = 3
"""A count of the videos' lengths that may take longer shows its progress."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneClip:
    """S pieces of one lane, T frames; see `LaneBatch` for what the fields hold. broken: of videos that broke off here."""

    frames: Tensor
    times: Tensor
    frame_sec: Tensor
    video_sec: Tensor
    valid: Tensor
    labels: Tensor
    pieces: tuple[Piece | None, ...]
    names: tuple[str, ...]
    broken: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Length:
    """num_frames: of the video, or that are read of it; seconds: of these. sampled: which of them are read. frame_sec: from one
    of these to the next."""

    num_frames: int
    seconds: float
    sampled: Frames
    frame_sec: float

    def pieces(self, piece_frames: int) -> int:
        return -(-len(self.sampled) // piece_frames)


class WholeVideos(Dataset[LaneClip]):
    """The videos of a data set from their first frame to their last, in pieces of P frames that follow each other.

    A video is sampled as densely as its clips are, has one draw of crop, mirroring and colours for each visit, which is a
    function of (seed, visit, video), and ends with a piece that repeats its last frame. Keys may come in any order, but a lane
    whose key goes on where its last one ended goes on reading; any other opens the file anew, at the frame that is wanted. A
    video that cannot be read any further ends there: what is left of it is not valid. videos: of the data set, but for those
    that cannot be opened, which `unreadable` tells by path. Number in a key = place in `videos` * views + view.
    """

    def __init__(self, dataset: VideoDataset, *, piece_frames: int, max_seconds: float = 0.0, goes_on: bool = False) -> None:
        """max_seconds: of each video, from its start; 0: all of it. goes_on: whether unreadable videos are left out, and broken
        ones end where they break. Raises DatasetError where clips are not sampled at a rate, and DecodeError."""
        self.dataset, self.piece_frames, self._max_seconds = dataset, piece_frames, max_seconds
        self.goes_on = goes_on
        self.num_views = dataset.crops.num_crops
        self.videos: list[int] = []
        self.unreadable: dict[str, str] = {}
        self.lengths: list[int] = []
        self._walks: dict[int, _Walk] = {}
        # Crops have one size, whatever the size of the video.
        self._shape = (*dataset.crops.draw(0, np.random.default_rng(0)).box(480, 640).shape, 3)
        self._measure()

    def _measure(self) -> None:
        """Finds out how many pieces each video has, by the indexes of the files."""
        records = self.dataset.records
        for video in tqdm(range(len(records)), desc="measuring videos", leave=False, delay=FEW_SECONDS):
            try:
                pieces = self.open(video)[1].pieces(self.piece_frames)
            except DecodeError as error:
                if not self.goes_on:
                    raise
                self.unreadable[error.path] = error.reason
                continue
            self.videos.append(video)
            self.lengths += [pieces] * self.num_views

    def open(self, video: int) -> tuple[OpenVideo, Length]:
        """A video of the data set. Raises DecodeError."""
        record = self.dataset.records[video]
        opened = self.dataset.source.open(record.path)
        spacing = self.dataset.clips.spacing(opened.fps)
        if spacing is None:
            raise DatasetError(
                path=record.source,
                found="clips of this data set are spread over their videos, however long these are",
                expected="for whole videos (DATA.LANE_PIECES): a data set whose clips have a frame rate, such as charades",
            )
        num_frames = opened.num_frames
        if self._max_seconds:
            num_frames = max(1, min(num_frames, math.ceil(self._max_seconds * opened.fps)))
        sampled = np.floor(np.arange(math.ceil(num_frames / spacing)) * spacing + 1e-9).astype(np.int64)
        return opened, Length(num_frames, num_frames / opened.fps, sampled, spacing / opened.fps)

    def __getitem__(self, key: LaneKey) -> LaneClip:
        walk = self._walks.setdefault(key.lane, _Walk(self))
        parts = [self.nothing() if piece is None else walk.read(piece) for piece in key.pieces]
        return LaneClip(
            frames=torch.from_numpy(np.concatenate([part.frames for part in parts])).permute(3, 0, 1, 2),
            times=torch.from_numpy(np.concatenate([part.times for part in parts])),
            frame_sec=torch.tensor([part.frame_sec for part in parts]),
            video_sec=torch.tensor([part.video_sec for part in parts], dtype=torch.float64),
            valid=torch.from_numpy(np.concatenate([part.valid for part in parts])),
            labels=torch.stack([part.labels for part in parts]),
            pieces=key.pieces,
            names=tuple(dict.fromkeys(self.name_of(piece) for piece in key.pieces if piece is not None)),
            broken=tuple(part.broken for part in parts if part.broken),
        )

    def name_of(self, piece: Piece) -> str:
        return self.dataset.records[self.videos[piece.video // self.num_views]].video_id

    def nothing(self, last: Picture | None = None, broken: str = "") -> _Part:
        """A piece of no video, or one that repeats a picture. broken: what is wrong with the video."""
        frames = np.zeros((self.piece_frames, *self._shape), np.uint8)
        if last is not None:
            frames[:] = last
        labels = torch.zeros(self.dataset.num_classes) if self.dataset.multi_label else torch.tensor(0)
        return _Part(frames, np.zeros(self.piece_frames, np.float32), np.zeros(self.piece_frames, bool), labels, broken)


@dataclass(frozen=True, slots=True)
class _Part:
    """One piece. frames: uint8 (P, H, W, C)."""

    frames: NDArray[np.uint8]
    times: NDArray[np.float32]
    valid: NDArray[np.bool_]
    labels: Tensor
    broken: str = ""
    frame_sec: float = 0.0
    video_sec: float = 0.0


class _Walk:
    """A lane's way through its videos."""

    def __init__(self, videos: WholeVideos) -> None:
        self._videos = videos
        self._next: Piece | None = None  # what it goes on with; anything else has to be begun
        self._pictures: Iterator[Picture] = iter(())
        self._last: Picture | None = None
        self._is_broken = False

    def read(self, piece: Piece) -> _Part:
        """Raises DecodeError, unless reading goes on without what is unreadable."""
        videos, dataset = self._videos, self._videos.dataset
        pictures: list[Picture] = []
        broken = ""
        try:
            if self._next != piece:
                self._begin(piece)
            if not self._is_broken:
                wanted = len(self._own(piece))
                read = functools.partial(pictures.extend, itertools.islice(self._pictures, wanted))
                within(dataset.time_limit_sec, self._record.path, read)
        except DecodeError as error:
            if not videos.goes_on:
                raise
            self._is_broken, self._pictures, broken = True, iter(()), str(error)
        self._next = piece._replace(piece=piece.piece + 1)
        self._last = pictures[-1] if pictures else self._last
        if not pictures:
            return videos.nothing(self._last, broken)
        part = videos.nothing(self._last, broken)
        part.frames[: len(pictures)] = pictures
        part.valid[: len(pictures)] = True
        own = self._own(piece)[: len(pictures)]
        part.times[: len(own)] = self._opened.seconds(own)
        labels = dataset.labels.stretch(self._record, *self._stretch(piece), self._length.num_frames)
        return dataclasses.replace(part, labels=labels, frame_sec=self._length.frame_sec, video_sec=self._length.seconds)

    def _begin(self, piece: Piece) -> None:
        """Opens a video at a piece of it."""
        videos, dataset = self._videos, self._videos.dataset
        place, view = divmod(piece.video, videos.num_views)
        self._record = dataset.records[videos.videos[place]]
        self._last, self._is_broken = None, False
        self._opened, self._length = videos.open(videos.videos[place])
        rng = np.random.default_rng((VISIT_STREAM, dataset.seed, piece.visit, piece.video))
        transform = CropFrames(dataset.crops.draw(view, rng), dataset.colours.draw(rng))
        self._pictures = self._opened.stream(self._length.sampled[piece.piece * videos.piece_frames :], transform)

    def _own(self, piece: Piece) -> Frames:
        """The frames of a piece, fewer at the end of the video."""
        first = piece.piece * self._videos.piece_frames
        return self._length.sampled[first : first + self._videos.piece_frames]

    def _stretch(self, piece: Piece) -> tuple[int, int]:
        """First and last frame of the video that belong to a piece: all since the piece before, so that pieces share all of
        the video out."""
        first = piece.piece * self._videos.piece_frames
        sampled, behind = self._length.sampled, first + self._videos.piece_frames
        begin = int(sampled[first - 1]) + 1 if first else 0
        return begin, int(sampled[behind - 1]) if behind < len(sampled) else self._length.num_frames - 1


def collate_lanes(clips: Sequence[LaneClip], whole: WholeVideos) -> LaneBatch:
    """One batch of the lanes' next pieces, which `whole` has read."""
    num_views, videos = whole.num_views, whole.videos
    frames = default_collate([clip.frames.permute(1, 2, 3, 0) for clip in clips])
    places = [[(-1, -1) if piece is None else divmod(piece.video, num_views) for piece in clip.pieces] for clip in clips]
    numbers = [[-1 if piece is None else piece.piece for piece in clip.pieces] for clip in clips]
    pieces = torch.tensor(numbers)
    return LaneBatch(
        frames=frames.permute(0, 4, 1, 2, 3),
        times=default_collate([clip.times for clip in clips]),
        frame_sec=default_collate([clip.frame_sec for clip in clips]),
        video_sec=default_collate([clip.video_sec for clip in clips]),
        valid=default_collate([clip.valid for clip in clips]),
        begins=pieces == 0,
        labels=default_collate([clip.labels for clip in clips]),
        videos=torch.tensor([[videos[place] if place >= 0 else -1 for place, _ in lane] for lane in places]),
        views=torch.tensor([[view for _, view in lane] for lane in places]),
        pieces=pieces,
        names=tuple(dict.fromkeys(name for clip in clips for name in clip.names)),
        replaced=tuple(text for clip in clips for text in clip.broken),
    )
