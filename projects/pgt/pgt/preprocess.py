"""From a clip on the device to the inputs of one step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import torch
from fvcore.common.config import CfgNode
from torch import Tensor

from pgt.fit import schedule_of
from pgt.schedule import StepSchedule
from slowfast.models.normalize import Normalizer
from slowfast.models.pathways import select_frames
from slowfast.structures import ClipBatch


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCutter:
    """Cuts clips into steps. Only the frames of the step at hand are made float, so that a long clip costs the device no more
    than a short one."""

    schedule: StepSchedule
    normalizer: Normalizer

    @classmethod
    def from_cfg(cls, cfg: CfgNode) -> Self:
        return cls(schedule=schedule_of(cfg), normalizer=Normalizer.from_cfg(cfg))

    def steps(self, frames: Tensor) -> Iterator[list[Tensor]]:
        """frames (B, C, T, H, W), uint8 -> for each step, one float tensor a pathway with the frames that it reads."""
        for step in range(self.schedule.steps):
            yield self.step(frames, step)

    def group(self, frames: Tensor, steps: range) -> list[Tensor]:
        """Several steps of equal lengths: float, one tensor a pathway, with the rows (clips) of one step after those of the
        other."""
        if len(steps) == 1:
            return self.step(frames, steps[0])
        return [
            self.normalizer(torch.cat([select_frames(frames, tuple(self._indices(pathway, step))) for step in steps]))
            for pathway in range(self.schedule.num_pathways)
        ]

    def step(self, frames: Tensor, step: int) -> list[Tensor]:
        """One step of these: float, one tensor a pathway."""
        return [self._pick(frames, self._indices(pathway, step)) for pathway in range(self.schedule.num_pathways)]

    def whole(self, frames: Tensor) -> list[Tensor]:
        """The whole clip for evaluation in one pass: one float tensor a pathway, with the frames that the steps would read."""
        steps = range(self.schedule.steps)
        return [
            self._pick(frames, [index for step in steps for index in self._indices(pathway, step)])
            for pathway in range(self.schedule.num_pathways)
        ]

    def _indices(self, pathway: int, step: int) -> list[int]:
        return self.schedule.frames(pathway, step)

    def _pick(self, frames: Tensor, indices: list[int]) -> Tensor:
        return self.normalizer(select_frames(frames, tuple(indices)))


@dataclass(frozen=True, slots=True)
class StepTarget:
    """What a step is to find. labels: one row for each row that the network returns. rois: its boxes, in detection."""

    labels: Tensor
    rois: tuple[Tensor, ...] = ()


def step_targets(batch: ClipBatch, schedule: StepSchedule) -> list[StepTarget]:
    """The target of each step: what is on in the frames that it reads, where a batch knows that; else the clip's label."""
    if batch.frame_labels is None:
        return [StepTarget(batch.labels)] * schedule.steps
    return [StepTarget(batch.frame_labels[:, start:stop].any(dim=1).float()) for start, stop in schedule.clip_ranges()]
