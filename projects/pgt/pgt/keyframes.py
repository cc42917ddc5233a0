"""Which persons belong to which step of a clip.

A clip is cut out for one annotated second, which lies at the centre of its last step; its earlier steps see earlier seconds,
some of which are annotated too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self

import torch
from fvcore.common.config import CfgNode
from torch import Tensor

from pgt.preprocess import StepTarget
from pgt.schedule import StepSchedule
from slowfast.annotations.ava import START_SECOND
from slowfast.engine.detection_steps import all_persons
from slowfast.runtime.transfers import sent
from slowfast.structures import ClipBatch, Keyframes


@dataclass(frozen=True, slots=True)
class KeyframeTargets:
    """Shares the persons of a batch out among the steps.

    empty_step: what a step gets in a clip that has no persons at the step's second: those of the clip's own second
    ("keyframe"), which belong to another moment but keep every step learning, or none ("skip"). start_second: the second, as
    the annotation counts them, that a video begins with.
    """

    empty_step: Literal["keyframe", "skip"]
    start_second: int = START_SECOND

    @classmethod
    def from_cfg(cls, cfg: CfgNode) -> Self:
        return cls(cfg.AVA.EMPTY_STEP, cfg.AVA.START_SECOND)

    def __call__(self, batch: ClipBatch, schedule: StepSchedule) -> list[StepTarget]:
        """The persons of each step, with their labels: chosen on the host, and sent to where the frames are."""
        chosen = [all_persons(batch)[rows] for rows in self.rows(batch, schedule)]
        device = batch.frames.device
        return [StepTarget(sent(persons.labels, device), (sent(persons.rois(), device),)) for persons in chosen]

    def rows(self, batch: ClipBatch, schedule: StepSchedule) -> list[Tensor]:
        """Rows of the batch's keyframes, int64, for each step. The last step has those of the clips' own seconds."""
        keyframes = all_persons(batch)
        *earlier, _ = step_seconds(batch.times, schedule, self.start_second).unbind(1)
        return [self._at(keyframes, seconds) for seconds in earlier] + [keyframes.main.nonzero()[:, 0]]

    def _at(self, keyframes: Keyframes, seconds: Tensor) -> Tensor:
        """Rows of the persons at `seconds`, one for each clip (B,)."""
        chosen = keyframes.seconds == seconds[keyframes.clips]
        if self.empty_step == "keyframe":
            has_persons = torch.zeros_like(seconds, dtype=torch.bool)
            has_persons[keyframes.clips[chosen]] = True
            chosen |= keyframes.main & ~has_persons[keyframes.clips]
        return chosen.nonzero()[:, 0]


def step_seconds(times: Tensor, schedule: StepSchedule, start_second: int = START_SECOND) -> Tensor:
    """times (B, T) -> int64 (B, S): the annotation's second nearest to each step's centre, of two the even one."""
    return times[:, schedule.centres()].round().long() + start_second
