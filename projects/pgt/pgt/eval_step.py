"""Scores of a clip, or of the persons in it, step by step or in one pass."""

from __future__ import annotations

from typing import Literal, Self

import torch
from fvcore.common.config import CfgNode

from pgt.fit import whole_videos, with_few_steps
from pgt.keyframes import KeyframeTargets
from pgt.preprocess import StepCutter
from pgt.wrapper import ProgressiveModel
from slowfast.engine.detection_steps import all_persons
from slowfast.registry import EVAL_STEPS
from slowfast.runtime.transfers import sent
from slowfast.structures import ClipBatch, DetectionOutput, EvalOutput


class _StepByStep:
    """What evaluation step by step has in common."""

    def __init__(self, *, cutter: StepCutter) -> None:
        self.cutter = cutter

    @staticmethod
    def shortened(cfg: CfgNode) -> CfgNode:
        return with_few_steps(cfg)

    def segments(self, num_frames: int) -> tuple[tuple[int, int], ...]:
        """[start, stop) of the clip's frames that belong to each step."""
        return tuple(self.cutter.schedule.clip_ranges())


@EVAL_STEPS.register("pgt")
class ProgressiveEvalStep(_StepByStep):
    """Progressive evaluation: the scores of a clip are the sum or the maximum over its steps."""

    def __init__(self, *, cutter: StepCutter, ensemble: Literal["sum", "max"]) -> None:
        super().__init__(cutter=cutter)
        self.ensemble = ensemble

    @staticmethod
    def enabled(cfg: CfgNode) -> bool:
        return bool(cfg.PGT.ENABLE and cfg.PGT.PG_EVAL and not cfg.DETECTION.ENABLE) and not whole_videos(cfg)

    @classmethod
    def from_cfg(cls, cfg: CfgNode) -> Self:
        return cls(cutter=StepCutter.from_cfg(cfg), ensemble=cfg.PGT.ENSEMBLE_METHOD)

    def __call__(self, model: ProgressiveModel, batch: ClipBatch) -> EvalOutput:
        model.reset()
        scores = torch.stack([model.step(inputs) for inputs in self.cutter.steps(batch.frames)], dim=1)
        model.reset()
        return EvalOutput(
            scores=scores.sum(dim=1) if self.ensemble == "sum" else scores.amax(dim=1),
            segments=self.segments(batch.num_frames),
            segment_scores=scores,
        )


@EVAL_STEPS.register("pgt_detection")
class ProgressiveDetectionEvalStep(_StepByStep):
    """The last step scores the persons at the clips' own seconds; with `all_steps` every step scores those at its own."""

    def __init__(self, *, cutter: StepCutter, targets: KeyframeTargets, all_steps: bool) -> None:
        super().__init__(cutter=cutter)
        self.targets, self.all_steps = targets, all_steps

    @staticmethod
    def enabled(cfg: CfgNode) -> bool:
        return bool(cfg.PGT.ENABLE and cfg.DETECTION.ENABLE) and not whole_videos(cfg)

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
            model.step(inputs, sent(persons[own].rois(), batch.frames.device))
            for inputs, own in zip(self.cutter.steps(batch.frames), rows, strict=True)
        ]
        model.reset()
        return DetectionOutput(scores=torch.cat(scores), keyframes=persons[torch.cat(rows)])


@EVAL_STEPS.register("pgt_one_pass")
class OnePassEvalStep:
    """Evaluation of a progressively trained network as a plain one: the whole clip at once, without memory."""

    def __init__(self, *, cutter: StepCutter) -> None:
        self.cutter = cutter

    @staticmethod
    def enabled(cfg: CfgNode) -> bool:
        return bool(cfg.PGT.ENABLE and not cfg.PGT.PG_EVAL)

    @classmethod
    def from_cfg(cls, cfg: CfgNode) -> Self:
        return cls(cutter=StepCutter.from_cfg(cfg))

    def __call__(self, model: ProgressiveModel, batch: ClipBatch) -> EvalOutput:
        scores = model(self.cutter.whole(batch.frames))
        return EvalOutput(scores=scores, segments=((0, batch.num_frames),), segment_scores=scores[:, None])
