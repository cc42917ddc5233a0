"""The one data set: annotation, sampling rules and a decoder come together to make clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import Dataset

from slowfast.datasets.clip_sampling import ClipRule
from slowfast.datasets.errors import DecodeError, TooManyBadVideosError
from slowfast.datasets.labels import LabelRule
from slowfast.datasets.sources import FrameSource
from slowfast.datasets.transforms import CropFrames, SpatialRule
from slowfast.structures import Clip, VideoRecord

MAX_REPLACEMENTS = 10
"""Videos that may stand in for one sample, one after the other, before training stops."""

SAMPLE_STREAM = 1
"""Keeps the random numbers of samples apart from others with the same seed."""


@dataclass(frozen=True, slots=True)
class SampleKey:
    """Which sample, and in which epoch: the two numbers that its random choices depend on, besides the seed."""

    epoch: int
    index: int


class VideoDataset(Dataset[Clip]):
    """Clips of videos. Sample number = video number * num_views + view; view = temporal view * number of crops + crop.

    A sample is a function of (seed, epoch, sample number) alone, so workers may share them out in any way. `replaces`: an
    unreadable video is replaced by another, drawn at random, and the clip says so (training); else DecodeError is raised.
    """

    def __init__(
        self,
        *,
        records: Sequence[VideoRecord],
        class_names: tuple[str, ...],
        source: FrameSource,
        clips: ClipRule,
        crops: SpatialRule,
        labels: LabelRule,
        seed: int,
        replaces: bool,
        class_groups: Mapping[str, tuple[int, ...]] | None = None,
    ) -> None:
        """class_groups: classes whose mean result is worth a line of its own, by the group's name."""
        self.records = records
        self.class_names = class_names
        self.class_groups = dict(class_groups or {})
        self.num_views = clips.num_views * crops.num_crops
        self._source, self._clips, self._crops, self._labels = source, clips, crops, labels
        self._seed = seed
        self._replaces = replaces

    @property
    def num_classes(self) -> int:
        return len(self.class_names)

    def __len__(self) -> int:
        return len(self.records) * self.num_views

    def __getitem__(self, key: SampleKey) -> Clip:
        video, view = divmod(key.index, self.num_views)
        rng = np.random.default_rng((SAMPLE_STREAM, self._seed, key.epoch, key.index))
        replaced: list[str] = []
        for _ in range(1 + MAX_REPLACEMENTS):
            try:
                return self._read(video, view, rng, tuple(replaced))
            except DecodeError as error:
                if not self._replaces:
                    raise
                replaced.append(str(error))
                video = int(rng.integers(len(self.records)))
        raise TooManyBadVideosError(f"{len(replaced)} videos drawn one after the other cannot be read: {'; '.join(replaced)}")

    def _read(self, video: int, view: int, rng: np.random.Generator, replaced: tuple[str, ...]) -> Clip:
        record = self.records[video]
        temporal_view, crop = divmod(view, self._crops.num_crops)
        opened = self._source.open(record.path)
        frames = self._clips.frames(opened.num_frames, opened.fps, temporal_view, rng)
        pictures = opened.read(frames, CropFrames(self._crops.draw(crop, rng)))
        labels = self._labels.labels(record, frames, opened.num_frames)
        return Clip(
            frames=torch.from_numpy(pictures).permute(3, 0, 1, 2),
            times=torch.from_numpy(opened.seconds(frames).astype(np.float32)),
            label=labels.clip,
            frame_labels=labels.frames,
            video=video,
            view=view,
            name=record.video_id,
            replaced=replaced,
        )
