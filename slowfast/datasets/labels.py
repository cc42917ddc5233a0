"""From what the annotation says of a video to the targets of a clip.

K classes, T frames of the clip.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from slowfast.datasets.clip_sampling import Frames
from slowfast.structures import ActionInterval, VideoRecord


@dataclass(frozen=True, slots=True)
class ClipLabels:
    """clip, frames: `label` and `frame_labels` of `slowfast.structures.Clip`."""

    clip: Tensor
    frames: Tensor | None


class LabelRule(Protocol):
    @property
    def several(self) -> bool:
        """Whether a video can have several classes."""

    def labels(self, record: VideoRecord, frames: Frames, num_frames: int) -> ClipLabels:
        """Targets of the clip with these frames, out of a video with `num_frames`."""

    def stretch(self, record: VideoRecord, first: int, last: int, num_frames: int) -> Tensor:
        """The target of the frames from `first` to `last`, both included: int64 scalar, or float32 (K,)."""


@dataclass(frozen=True, slots=True)
class ClassLabel:
    """The one class of the whole video."""

    @property
    def several(self) -> bool:
        return False

    def labels(self, record: VideoRecord, frames: Frames, num_frames: int) -> ClipLabels:
        assert record.label is not None, record
        return ClipLabels(torch.tensor(record.label), None)

    def stretch(self, record: VideoRecord, first: int, last: int, num_frames: int) -> Tensor:
        assert record.label is not None, record
        return torch.tensor(record.label)


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalLabels:
    """Classes that are on for stretches of time; a class is on at frame i if start <= i / fps <= end. Of a stretch between two
    frames, or of a single moment, it is the frame that is shown then: no class of the annotation is lost for being brief.

    whole_video: the clip's label holds all classes of the video, whatever part of it the clip shows (evaluation); else
    those that are on anywhere between its first and its last frame, frames that the step skips included (training).
    """

    num_classes: int
    fps: int
    whole_video: bool

    @property
    def several(self) -> bool:
        return True

    def labels(self, record: VideoRecord, frames: Frames, num_frames: int) -> ClipLabels:
        rows = self._frame_labels(record.actions, frames, num_frames)
        if self.whole_video:
            clip = self._frame_labels(record.actions, np.array([num_frames - 1]), num_frames, begin=-1)[0]
        else:
            clip = rows.any(axis=0)
        return ClipLabels(torch.from_numpy(clip.astype(np.float32)), torch.from_numpy(rows))

    def stretch(self, record: VideoRecord, first: int, last: int, num_frames: int) -> Tensor:
        rows = self._frame_labels(record.actions, np.array([last]), num_frames, begin=first - 1)
        return torch.from_numpy(rows[0].astype(np.float32))

    def _frame_labels(
        self, actions: Sequence[ActionInterval], frames: Frames, num_frames: int, begin: int | None = None
    ) -> np.ndarray:
        """bool (T, K): classes on in frames f(t-1) + 1 .. f(t), both included; the first row begins after frame `begin`.

        A frame that repeats the one before has that frame's labels, so that a part of the clip beyond the end of the video
        is not without any.
        """
        before = np.concatenate([[frames[0] - 1 if begin is None else begin], frames[:-1]])
        firsts = np.minimum(before + 1, frames)
        rows = np.zeros((len(frames), self.num_classes), bool)
        for label, start, stop in self._frames_on(actions, num_frames):
            rows[(start <= frames) & (stop > firsts), label] = True
        return rows

    def _frames_on(self, actions: Sequence[ActionInterval], num_frames: int) -> Iterator[tuple[int, int, int]]:
        """(class, start, stop) of each action that is on at some frame: it is on at frames start .. stop - 1. One that begins
        behind the end of the video is on at none."""
        moments = np.arange(num_frames) / self.fps
        for action in actions:
            start = int(np.searchsorted(moments, action.start_sec, side="left"))
            stop = int(np.searchsorted(moments, action.end_sec, side="right"))
            # Frame i is shown until the next; the last one until the end, which is less than a frame away.
            if start == stop > 0 and action.start_sec < (num_frames + 1) / self.fps:
                start -= 1
            if start < stop:
                yield action.label, start, stop
