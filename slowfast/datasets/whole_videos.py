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
from slowfast.datasets.readable_whole import PieceOfVideo, ReadableWhole
from slowfast.datasets.sources import OpenVideo
from slowfast.datasets.time_limit import within
from slowfast.structures import Keyframes, LaneBatch

Picture = NDArray[np.uint8]

VISIT_STREAM = 3
"""Keeps the random numbers of visits to videos apart from others with the same seed."""

FEW_SECONDS = 3
"""A count of the videos' lengths that may take longer shows its progress."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneClip:
    """S pieces of one lane, T frames; see `LaneBatch` for what the fields hold. broken: of videos that broke off here.
    keyframes: of each piece."""

    frames: Tensor
    times: Tensor
    frame_sec: Tensor
    video_sec: Tensor
    valid: Tensor
    labels: Tensor
    pieces: tuple[Piece | None, ...]
    names: tuple[str, ...]
    broken: tuple[str, ...]
    keyframes: tuple[Keyframes | None, ...]


@dataclass(frozen=True, slots=True)
class Length:
    """num_frames: of the video, up to where it is read; seconds: of these. sampled: which of them are read. frame_sec: from one
    of these to the next."""

    num_frames: int
    seconds: float
    sampled: Frames
    frame_sec: float

    def pieces(self, piece_frames: int) -> int:
        return -(-len(self.sampled) // piece_frames)


def length_of(fps: float, spacing: float, begin: int, stop: int) -> Length:
    """Of a video of which the frames [begin, stop) are read, every `spacing` of them one."""
    sampled = begin + np.floor(np.arange(math.ceil((stop - begin) / spacing)) * spacing + 1e-9).astype(np.int64)
    return Length(stop, stop / fps, sampled, spacing / fps)


class WholeVideos(Dataset[LaneClip]):
    """The videos of a data set from their first frame to their last, in pieces of P frames that follow each other.

    A video is sampled as densely as its clips are, has one draw of crop, mirroring and colours for each visit, which is a
    function of (seed, visit, video), and ends with a piece that repeats its last frame. Keys may come in any order, but a lane
    whose key goes on where its last one ended goes on reading; any other opens the file anew, at the frame that is wanted. A
    video that cannot be read any further ends there: what is left of it is not valid. videos: of the data set, but for those
    that have nothing to show (`ReadableWhole.read_whole`) or cannot be opened, which `unreadable` tells by path. Number in a
    key = place in `videos` * views + view. shapes: (height, width) of the pictures of each video, in the order of `lengths`.
    num_frames: that one pass over all videos reads.
    """

    def __init__(self, dataset: ReadableWhole, *, piece_frames: int, max_seconds: float = 0.0, goes_on: bool = False) -> None:
        """max_seconds: of each video, from its start; 0: all of it. goes_on: whether unreadable videos are left out, and broken
        ones end where they break. Raises DatasetError where clips are not sampled at a rate, and DecodeError."""
        self.dataset, self.piece_frames, self._max_seconds = dataset, piece_frames, max_seconds
        self.goes_on = goes_on
        self.num_views = dataset.num_crops
        self.videos: list[int] = []
        self.unreadable: dict[str, str] = {}
        self.lengths: list[int] = []
        self.shapes: list[tuple[int, int]] = []
        self.num_frames = 0
        self._walks: dict[int, _Walk] = {}
        self._measure()

    def _measure(self) -> None:
        """Finds out how many pieces each video has, by the indexes of the files."""
        for video in tqdm(self.dataset.read_whole(), desc="measuring videos", leave=False, delay=FEW_SECONDS):
            try:
                opened, length = self.open(video)
                shape = self.dataset.shape or self._shape_of(video, opened, length)
            except DecodeError as error:
                if not self.goes_on:
                    raise
                self.unreadable[error.path] = error.reason
                continue
            self.videos.append(video)
            self.lengths += [length.pieces(self.piece_frames)] * self.num_views
            self.shapes += [shape] * self.num_views
            self.num_frames += len(length.sampled) * self.num_views

    def _shape_of(self, video: int, opened: OpenVideo, length: Length) -> tuple[int, int]:
        """Height and width at which a video is shown, by its first picture. Raises DecodeError."""
        shown = self.dataset.shown(video, 0, np.random.default_rng(0))
        picture = within(
            self.dataset.time_limit_sec,
            self.dataset.records[video].path,
            lambda: next(iter(opened.stream(length.sampled[:1], shown))),
        )
        return picture.shape[0], picture.shape[1]

    def open(self, video: int) -> tuple[OpenVideo, Length]:
        """A video of the data set. Raises DecodeError."""
        record = self.dataset.records[video]
        opened = self.dataset.source.open(record.path)
        spacing = self.dataset.spacing(opened.fps)
        if spacing is None:
            raise DatasetError(
                path=record.source,
                found="clips of this data set are spread over their videos, however long these are",
                expected="for whole videos (DATA.LANE_PIECES): a data set whose clips have a frame rate, such as charades",
            )
        begin, stop = self.dataset.stretch(video, opened.num_frames, self.piece_frames)
        if self._max_seconds:
            stop = max(begin + 1, min(stop, math.ceil(self._max_seconds * opened.fps)))
        return opened, length_of(opened.fps, spacing, begin, stop)

    def __getitem__(self, key: LaneKey) -> LaneClip:
        if not key.pieces:
            nothing = torch.zeros(0)
            return LaneClip(
                **dict.fromkeys(("frames", "times", "frame_sec", "video_sec", "valid", "labels"), nothing),
                pieces=(), names=(), broken=(), keyframes=(),
            )  # fmt: skip
        walk = self._walks.setdefault(key.lane, _Walk(self))
        parts = [walk.rest() if piece is None else walk.read(piece) for piece in key.pieces]
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
            keyframes=tuple(part.keyframes for part in parts),
        )

    def name_of(self, piece: Piece) -> str:
        return self.dataset.records[self.videos[piece.video // self.num_views]].video_id

    def nothing(self, shape: tuple[int, int], last: Picture | None = None, broken: str = "") -> _Part:
        """A piece of no video, or one that repeats a picture. broken: what is wrong with the video."""
        frames = np.zeros((self.piece_frames, *shape, 3), np.uint8)
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
    keyframes: Keyframes | None = None


class _Walk:
    """A lane's way through its videos."""

    def __init__(self, videos: WholeVideos) -> None:
        self._videos = videos
        self._next: Piece | None = None  # what it goes on with; anything else has to be begun
        self._pictures: Iterator[Picture] = iter(())
        self._last: Picture | None = None
        self._is_broken = False
        self._shape = videos.shapes[0] if videos.shapes else (1, 1)

    def rest(self) -> _Part:
        """A piece of no video."""
        return self._videos.nothing(self._shape)

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
            return videos.nothing(self._shape, self._last, broken)
        part = videos.nothing(self._shape, self._last, broken)
        part.frames[: len(pictures)] = pictures
        part.valid[: len(pictures)] = True
        own = self._own(piece)[: len(pictures)]
        part.times[: len(own)] = self._opened.seconds(own)
        return dataclasses.replace(
            part,
            labels=dataset.piece_labels(self._video, *self._stretch(piece), self._length.num_frames),
            frame_sec=self._length.frame_sec,
            video_sec=self._length.seconds,
            keyframes=None if broken else self._keyframes(piece),
        )

    def _begin(self, piece: Piece) -> None:
        """Opens a video at a piece of it."""
        videos, dataset = self._videos, self._videos.dataset
        place, view = divmod(piece.video, videos.num_views)
        self._video, self._shape = videos.videos[place], videos.shapes[piece.video]
        self._record = dataset.records[self._video]
        self._last, self._is_broken = None, False
        self._opened, self._length = videos.open(self._video)
        rng = np.random.default_rng((VISIT_STREAM, dataset.seed, piece.visit, piece.video))
        self._shown = dataset.shown(self._video, view, rng)
        self._pictures = self._opened.stream(self._length.sampled[piece.piece * videos.piece_frames :], self._shown)

    def _own(self, piece: Piece) -> Frames:
        """The frames of a piece, fewer at the end of the video."""
        first = piece.piece * self._videos.piece_frames
        return self._length.sampled[first : first + self._videos.piece_frames]

    def _keyframes(self, piece: Piece) -> Keyframes | None:
        own = PieceOfVideo(self._video, piece.piece, self._length.sampled, self._videos.piece_frames)
        return self._videos.dataset.piece_keyframes(own, self._shown)

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
    frames = default_collate([clip.frames.permute(1, 2, 3, 0) for clip in _of_one_size(clips)])
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
        keyframes=_keyframes(clips, whole.dataset.num_classes) if whole.dataset.has_boxes else None,
    )


def _of_one_size(clips: Sequence[LaneClip]) -> Sequence[LaneClip]:
    """Videos side by side are of one size; a lane that has no video left takes that of the others."""
    busy = [clip for clip in clips if any(piece is not None for piece in clip.pieces)]
    shape = (busy or clips)[0].frames.shape
    return [
        clip if clip.frames.shape == shape else dataclasses.replace(clip, frames=clip.frames.new_zeros(shape)) for clip in clips
    ]


def _keyframes(clips: Sequence[LaneClip], num_classes: int) -> tuple[Keyframes, ...]:
    """The persons of each piece, in all lanes."""
    nobody = Keyframes.none(num_classes)
    pieces = zip(*(clip.keyframes for clip in clips), strict=True)
    return tuple(Keyframes.of_clips([persons or nobody for persons in piece]) for piece in pieces)
