"""What all data sets share: samples that depend on nothing but their numbers, and stand-ins for unreadable videos."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from torch.utils.data import Dataset

from slowfast.datasets.errors import DecodeError, TooManyBadVideosError
from slowfast.datasets.time_limit import within
from slowfast.structures import Clip, VideoRecord

MAX_REPLACEMENTS = 10
"""Samples that may stand in for one, one after the other, before training stops."""

SAMPLE_STREAM = 1
"""Keeps the random numbers of samples apart from others with the same seed."""


@dataclass(frozen=True, slots=True)
class SampleKey:
    """Which sample, and in which epoch: the two numbers that its random choices depend on, besides the seed.

    clip_frames: frames of the clip, where a training changes them from epoch to epoch; None: as configured.
    """

    epoch: int
    index: int
    clip_frames: int | None = None


class ClipDataset(Dataset[Clip], ABC):
    """Clips of videos, by sample number.

    A sample is a function of (seed, epoch, sample number) alone, so workers may share them out in any way. `replaces`: where
    a video is unreadable, another sample, drawn at random, takes its place, and the clip says so (training); else DecodeError
    is raised. num_views: samples that are taken from one video and whose scores belong together. breaks: the samples before
    which a batch ends in evaluation, as clips differ in size there; rising. time_limit_sec: how long reading one sample may
    take before its video counts as unreadable; 0 is no limit. labelled: whether anybody knows what is seen in the videos.
    augments: whether training does with its clips what AUG asks. start_second: the second, as the annotation counts them, that
    a video begins with.
    """

    num_views: int = 1
    start_second: int = 0
    time_limit_sec: float = 0.0
    breaks: tuple[int, ...] = ()
    labelled: bool = True
    augments: bool = False

    def __init__(
        self,
        *,
        records: Sequence[VideoRecord],
        class_names: tuple[str, ...],
        class_groups: Mapping[str, tuple[int, ...]] | None,
        seed: int,
        replaces: bool,
    ) -> None:
        """class_groups: classes whose mean result is worth a line of its own, by the group's name."""
        self.records = records
        self.class_names = class_names
        self.class_groups = dict(class_groups or {})
        self.seed = seed
        self.replaces = replaces

    @property
    def num_classes(self) -> int:
        return len(self.class_names)

    @abstractmethod
    def __len__(self) -> int:
        """Samples."""

    @abstractmethod
    def _read(self, sample: int, rng: np.random.Generator, replaced: tuple[str, ...], clip_frames: int | None) -> Clip:
        """The clip of a sample, with random choices from `rng`. clip_frames: see SampleKey. Raises DecodeError."""

    def __getitem__(self, key: SampleKey) -> Clip:
        sample = key.index
        rng = np.random.default_rng((SAMPLE_STREAM, self.seed, key.epoch, sample))
        replaced: list[str] = []
        for _ in range(1 + MAX_REPLACEMENTS):
            try:
                read = functools.partial(self._read, sample, rng, tuple(replaced), key.clip_frames)
                return within(self.time_limit_sec, f"sample {sample}", read)
            except DecodeError as error:
                if not self.replaces:
                    raise
                replaced.append(str(error))
                sample = int(rng.integers(len(self)))
        raise TooManyBadVideosError(f"{len(replaced)} videos drawn one after the other cannot be read: {'; '.join(replaced)}")
