"""The types that the parts hand to each other.

B batch, C colour channels, T frames, H height, W width, K classes, S steps.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class ActionInterval:
    """One labelled stretch of a video. `end_sec` belongs to the action; it may lie behind the end of the video."""

    label: int
    start_sec: float
    end_sec: float


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoRecord:
    """One video as its annotation describes it; nothing in it needs the video to be opened.

    `source` says where the record comes from ("train.csv, row 12"), so that errors can point at it. Data sets with one label a
    video fill `label`; data sets with several fill `actions`.
    """

    video_id: str
    path: str
    source: str
    label: int | None = None
    actions: tuple[ActionInterval, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyframes:
    """Persons at annotated moments: R boxes, at all the annotated seconds that a clip, or the clips of a batch, shows.

    clips: int64 (R,), number of the clip, or lane, in its batch. seconds: int64 (R,), the moment, in seconds as the annotation
    counts them. main: bool (R,), whether that is the moment the clip was cut out for. boxes: float32 (R, 4), x1 y1 x2 y2 in
    pixels of the frames; original: float64 (R, 4), the same as the annotation has them, in fractions of the picture. labels:
    float32 (R, K). videos: int64 (R,), number of the video in its data set. numbers: int64 (R,), number of the box among those
    of its second; (video, second, number) is the same wherever the box turns up.
    """

    clips: Tensor
    seconds: Tensor
    main: Tensor
    boxes: Tensor
    original: Tensor
    labels: Tensor
    videos: Tensor
    numbers: Tensor

    def __len__(self) -> int:
        return self.clips.shape[0]

    def __getitem__(self, rows: Tensor) -> Keyframes:
        """Some of the rows, by a mask (R,) or by numbers."""
        return self.map(lambda tensor: tensor[rows])

    def rois(self) -> Tensor:
        """float32 (R, 5): number of the clip, x1, y1, x2, y2, as detection models read them."""
        return torch.cat([self.clips[:, None].to(self.boxes), self.boxes], dim=1)

    def map(self, function: Callable[[Tensor], Tensor]) -> Keyframes:
        return Keyframes(**{field.name: function(getattr(self, field.name)) for field in dataclasses.fields(self)})

    @classmethod
    def join(cls, parts: Sequence[Keyframes]) -> Keyframes:
        """The rows of all parts, one part after the other."""
        return cls(
            **{field.name: torch.cat([getattr(part, field.name) for part in parts]) for field in dataclasses.fields(cls)}
        )

    @classmethod
    def of_clips(cls, parts: Sequence[Keyframes]) -> Keyframes:
        """The persons of a batch, from those of each of its clips, or lanes, in order."""
        numbers = torch.repeat_interleave(torch.tensor([len(part) for part in parts]))
        return dataclasses.replace(cls.join(parts), clips=numbers)

    @classmethod
    def none(cls, num_classes: int) -> Keyframes:
        """Nobody."""
        rows = torch.zeros(0, dtype=torch.int64)
        return cls(
            clips=rows,
            seconds=rows,
            main=rows.bool(),
            boxes=torch.zeros((0, 4)),
            original=torch.zeros((0, 4), dtype=torch.float64),
            labels=torch.zeros((0, num_classes)),
            videos=rows,
            numbers=rows,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """One sample, as a data set returns it.

    frames: uint8 (C, T, H, W), RGB; may be a permuted view of a channels-last array.
    times: float32 (T,), seconds from the start of the video.
    label: int64 scalar, or float32 (K,) of zeros and ones.
    frame_labels: bool (T, K) or None. Row t holds the classes that are on anywhere after sampled frame t-1 up to and
        including sampled frame t (row 0: at frame 0), so that any cut of the clip shares every source frame out once.
    video: number of the video in its data set; view: number of the temporal view times the number of crops, plus the crop.
    name: the video's id, for messages. replaced: "path: reason" of each unreadable video that this clip stands in for.
    keyframes: the persons to classify, in detection only.
    others: the frames once more, augmented in other ways: each is a row of its own in a batch.
    """

    frames: Tensor
    times: Tensor
    label: Tensor
    frame_labels: Tensor | None
    video: int
    view: int
    name: str
    replaced: tuple[str, ...] = ()
    keyframes: Keyframes | None = None
    others: tuple[Tensor, ...] = ()

    def rows(self) -> list[Clip]:
        """One clip for each of its rows in a batch."""
        return [dataclasses.replace(self, frames=frames, others=()) for frames in (self.frames, *self.others)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipBatch:
    """B clips of equal size; augmented repeatedly, a clip has several rows, one after the other.

    frames: uint8 (B, C, T, H, W), RGB; made float on the device. times: float32 (B, T), seconds.
    labels: int64 (B,) or float32 (B, K). frame_labels: bool (B, T, K) or None; see `Clip`.
    videos, views: int64 (B,); see `Clip`. names: B video ids. replaced: all that the clips say, one after the other, each once.
    keyframes: the persons of all clips, one clip after the other, in detection only.

    `to` moves what networks and losses read: frames, labels and frame_labels. What is asked to decide something (which persons
    belong to a step, whose clip this is) stays on the host, where asking does not wait for the device.
    """

    frames: Tensor
    times: Tensor
    labels: Tensor
    frame_labels: Tensor | None
    videos: Tensor
    views: Tensor
    names: tuple[str, ...]
    replaced: tuple[str, ...] = ()
    keyframes: Keyframes | None = None

    def __len__(self) -> int:
        return self.frames.shape[0]

    @property
    def num_frames(self) -> int:
        return self.frames.shape[2]

    def to(self, device: torch.device) -> ClipBatch:
        """Does not wait for the copies where they come from pinned memory."""
        return self.map(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> ClipBatch:
        """Called by torch's DataLoader, which skips types without such a method."""
        return self.map(lambda tensor: tensor.pin_memory())

    def map(self, function: Callable[[Tensor], Tensor]) -> ClipBatch:
        """Of the tensors that `to` moves."""
        frame_labels = None if self.frame_labels is None else function(self.frame_labels)
        return dataclasses.replace(self, frames=function(self.frames), labels=function(self.labels), frame_labels=frame_labels)


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneBatch:
    """The next S pieces of B lanes, each of which goes through one whole video after the other; T = S x frames of a piece.

    frames: uint8 (B, C, T, H, W), RGB. times: float32 (B, T), seconds from the start of the video. frame_sec: float32 (B, S),
    seconds from one frame of a piece to the next. video_sec: float64 (B, S), how long the video is that a piece is of, or how
    much of it is read. valid: bool (B, T), false for frames that are none of a video: behind its
    end, or where it cannot be read. begins: bool (B, S), pieces that are the
    first of their video. labels: int64 (B, S), or float32 (B, S, K) with the classes that are on in the piece.
    videos, views: int64 (B, S), the video's number in its data set and its view; -1: no video. pieces: int64 (B, S), from 0.
    names: ids of the videos, each once. replaced: "path: reason" of each video that broke off here. keyframes: of each of the S
    pieces the persons of all lanes, in detection only; all of them are `main`.

    `to` moves frames and labels; the rest stays on the host, as in `ClipBatch`.
    """

    frames: Tensor
    times: Tensor
    frame_sec: Tensor
    video_sec: Tensor
    valid: Tensor
    begins: Tensor
    labels: Tensor
    videos: Tensor
    views: Tensor
    pieces: Tensor
    names: tuple[str, ...]
    replaced: tuple[str, ...] = ()
    keyframes: tuple[Keyframes, ...] | None = None

    def __len__(self) -> int:
        return self.frames.shape[0]

    @property
    def num_frames(self) -> int:
        return self.frames.shape[2]

    @property
    def num_pieces(self) -> int:
        return self.begins.shape[1]

    def rows(self) -> Tensor:
        """bool (B, S): pieces with a frame of a video, which can be learned from and scored."""
        return self.valid.reshape(*self.begins.shape, -1).any(dim=2)

    def to(self, device: torch.device) -> LaneBatch:
        return self.map(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> LaneBatch:
        return self.map(lambda tensor: tensor.pin_memory())

    def map(self, function: Callable[[Tensor], Tensor]) -> LaneBatch:
        """Of the tensors that `to` moves."""
        return dataclasses.replace(self, frames=function(self.frames), labels=function(self.labels))


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochPlan:
    """What a train step asks of an epoch. clip_frames: frames of a clip; None: as configured. lr_scale: factor of the rate."""

    clip_frames: int | None = None
    lr_scale: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StepOutput:
    """What one training step reports. loss: the mean loss as a detached scalar; on the host where it has been read already
    (`Updater.apply_and_read`), else on the device until somebody wants to know. scalars: further numbers worth a log line.
    """

    loss: Tensor
    scalars: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneOutput:
    """What one evaluation step found out about a batch of lanes. scores: float (B, S, K), activated, one row a piece.
    joined_by: how the pieces of a video become one row, "sum" (by their mean) or "max"."""

    scores: Tensor
    joined_by: str = "sum"


@dataclass(frozen=True, slots=True, kw_only=True)
class EvalOutput:
    """What one evaluation step found out about a batch of clips.

    scores: float (B, K), activated, one row a clip. segments: S ranges [start, stop) of the clip's frames.
    segment_scores: float (B, S, K), the scores that each segment alone gave; timelines are drawn from them. summed: of how many
    rows of activated scores `scores` is the sum.
    """

    scores: Tensor
    segments: tuple[tuple[int, int], ...]
    segment_scores: Tensor
    summed: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionOutput:
    """What one evaluation step found out about the persons of a batch. scores: float (R, K), activated; row by row those of
    `keyframes`. A person may turn up in several rows, if several steps of the clip scored it."""

    scores: Tensor
    keyframes: Keyframes
