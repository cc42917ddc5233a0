"""Scores of persons at annotated moments, step by step."""

from __future__ import annotations

from typing import Self

import torch
from fvcore.common.config import CfgNode

from pgt.keyframes import KeyframeTargets
from pgt.preprocess import StepCutter
from pgt.wrapper import ProgressiveModel
from slowfast.engine.detection_steps import all_persons
from slowfast.registry import EVAL_STEPS
from slowfast.structures import ClipBatch, DetectionOutput


@EVAL_STEPS.register("pgt_detection")
class ProgressiveDetectionEvalStep:
    """The last step scores the persons at the clips' own seconds; with `all_steps` every step scores those at its own."""

    def __init__(self, *, cutter: StepCutter, targets: KeyframeTargets, all_steps: bool) -> None:
        self.cutter, self.targets, self.all_steps = cutter, targets, all_steps

    @staticmethod
    def enabled(cfg: CfgNode) -> bool:
        return bool(cfg.PGT.ENABLE and cfg.DETECTION.ENABLE)

    @classmethod
    def from_cfg(cls, cfg: CfgNode) -> Self:
        return cls(cutter=StepCutter.from_cfg(cfg), targets=KeyframeTargets.from_cfg(cfg), all_steps=cfg.PGT.ALL_STEP_TEST)

    def __call__(self, model: ProgressiveModel, batch: ClipBatch) -> DetectionOutput:
        persons = all_persons(batch)
        rows = self.targets.rows(batch, self.cutter.schedule)
        if not self.all_steps:
            rows = [*(own[:0] for own in rows[:-1]), rows[-1]]
        model.reset()
        scores = [
            model.step(inputs, persons[own].rois()) for inputs, own in zip(self.cutter.steps(batch.frames), rows, strict=True)
        ]
        model.reset()
        return DetectionOutput(scores=torch.cat(scores), keyframes=persons[torch.cat(rows)])

    def segments(self, num_frames: int) -> tuple[tuple[int, int], ...]:
        """[start, stop) of the clip's frames that belong to each step."""
        return tuple(self.cutter.schedule.clip_ranges())
