"""The data set of whole videos: annotation, sampling rules and a decoder come together to make clips."""

from __future__ import annotations

import copy
import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import numpy as np
import torch
from fvcore.common.config import CfgNode
from torch import Tensor

from slowfast.datasets.clip_sampling import ClipRule
from slowfast.datasets.errors import DatasetError
from slowfast.datasets.labels import LabelRule
from slowfast.datasets.readable_whole import ReadableWhole
from slowfast.datasets.remote_files import is_remote
from slowfast.datasets.sources import FrameSource
from slowfast.datasets.transforms import (
    Augmentation,
    ColourRule,
    CropFrames,
    SeveralViews,
    SpatialRule,
    Unchanged,
    clip_colours,
)
from slowfast.structures import Clip, VideoRecord


class VideoDataset(ReadableWhole):
    """Views of videos. Sample number = video number * num_views + view; view = temporal view * number of crops + crop."""

    def __init__(
        self,
        *,
        records: Sequence[VideoRecord],
        class_names: tuple[str, ...],
        source: FrameSource,
        clips: ClipRule,
        crops: SpatialRule,
        colours: ColourRule | None = None,
        augmentation: Augmentation | None = None,
        labels: LabelRule,
        seed: int,
        replaces: bool,
        class_groups: Mapping[str, tuple[int, ...]] | None = None,
    ) -> None:
        """colours: what changes them; None: nothing. augmentation: what else changes in clips; None: nothing.
        seed, replaces, class_groups: see ClipDataset."""
        super().__init__(records=records, class_names=class_names, class_groups=class_groups, seed=seed, replaces=replaces)
        self.num_views = clips.num_views * crops.num_crops
        self.source, self.clips, self.crops, self.labels = source, clips, crops, labels
        self.colours = Unchanged() if colours is None else colours
        self.augmentation = Augmentation() if augmentation is None else augmentation
        self.augments = augmentation is not None

    @classmethod
    def from_cfg(
        cls,
        cfg: CfgNode,
        split: str,
        *,
        records: Sequence[VideoRecord],
        class_names: tuple[str, ...],
        source: FrameSource,
        rules: tuple[ClipRule, SpatialRule],
        labels: LabelRule,
        class_groups: Mapping[str, tuple[int, ...]] | None = None,
    ) -> Self:
        """With colours, augmentations and seed as the config says; unreadable videos are replaced in training.
        rules: for clips and crops."""
        clips, crops = rules
        return cls(
            records=records,
            class_names=class_names,
            source=source,
            clips=clips,
            crops=crops,
            colours=clip_colours(cfg, split),
            augmentation=Augmentation.from_cfg(cfg, split),
            labels=labels,
            seed=cfg.RNG_SEED,
            replaces=split == "train",
            class_groups=class_groups,
        )

    def of(self, records: Sequence[VideoRecord], *, labelled: bool = True) -> Self:
        """The same with other videos, which are read and cut out alike."""
        other = copy.copy(self)
        other.records, other.labelled = records, labelled
        return other

    def cut_as(self, crops: SpatialRule) -> Self:
        """The same with other crops."""
        other = copy.copy(self)
        other.crops, other.num_views = crops, self.num_views // self.crops.num_crops * crops.num_crops
        return other

    def __len__(self) -> int:
        return len(self.records) * self.num_views

    @property
    def multi_label(self) -> bool:
        """Whether a video can have several classes."""
        return self.labels.several

    def check_files(self, *, first_alone: bool = False) -> None:
        """Looks for the files of every video, remote ones excepted. Raises DatasetError, which names the first missing one.

        first_alone: of each video its first file, which is quicker where videos are folders of pictures.
        """
        missing = [
            (record, path)
            for record in self.records
            for path in itertools.islice(self.source.files(record.path), 1 if first_alone else None)
            if not is_remote(path) and not Path(path).is_file()
        ]
        if missing:
            record, path = missing[0]
            videos = len({record.video_id for record, _ in missing})
            raise DatasetError(
                path=record.source,
                found=f"{path} does not exist; {len(missing)} files are missing, of {videos} of {len(self.records)} videos",
                expected="every listed file (validation and tests leave missing ones out with TEST.SKIP_UNREADABLE True)",
            )

    @property
    def num_crops(self) -> int:
        return self.crops.num_crops

    @property
    def shape(self) -> tuple[int, int]:
        """Crops have one size, whatever the size of the video."""
        return self.crops.draw(0, np.random.default_rng(0)).box(480, 640).shape

    def spacing(self, fps: float) -> float | None:
        return self.clips.spacing(fps)

    def shown(self, video: int, view: int, rng: np.random.Generator) -> CropFrames:
        return CropFrames(self.crops.draw(view, rng), self.colours.draw(rng), self.augmentation.pictures.draw(rng))

    def piece_labels(self, video: int, first: int, last: int, num_frames: int) -> Tensor:
        return self.labels.stretch(self.records[video], first, last, num_frames)

    def _read(self, sample: int, rng: np.random.Generator, replaced: tuple[str, ...], clip_frames: int | None) -> Clip:
        video, view = divmod(sample, self.num_views)
        record = self.records[video]
        temporal_view, crop = divmod(view, self.crops.num_crops)
        opened = self.source.open(record.path)
        clips = self.clips if clip_frames is None else dataclasses.replace(self.clips, length=clip_frames)
        frames = clips.frames(opened.num_frames, opened.fps, temporal_view, rng)
        views = SeveralViews(tuple(self.shown(video, crop, rng) for _ in range(self.augmentation.num_samples)))
        samples = views.parts(opened.read(frames, views))
        self.augmentation.erase(samples, rng)
        first, *others = (torch.from_numpy(pictures).permute(3, 0, 1, 2) for pictures in samples)
        labels = self.labels.labels(record, frames, opened.num_frames)
        return Clip(
            frames=first,
            times=torch.from_numpy(opened.seconds(frames).astype(np.float32)),
            label=labels.clip,
            frame_labels=labels.frames,
            video=video,
            view=view,
            name=record.video_id,
            replaced=replaced,
            others=tuple(others),
        )
