"""Scores of a whole clip, step by step or in one pass."""

from __future__ import annotations

from typing import Literal, Self

import torch
from fvcore.common.config import CfgNode

from pgt.preprocess import StepCutter
from pgt.wrapper import ProgressiveModel
from slowfast.registry import EVAL_STEPS
from slowfast.structures import ClipBatch, EvalOutput


@EVAL_STEPS.register("pgt")
class ProgressiveEvalStep:
    """Progressive evaluation: the scores of a clip are the sum or the maximum over its steps."""

    def __init__(self, *, cutter: StepCutter, ensemble: Literal["sum", "max"]) -> None:
        self.cutter, self.ensemble = cutter, ensemble

    @staticmethod
    def enabled(cfg: CfgNode) -> bool:
        return bool(cfg.PGT.ENABLE and cfg.PGT.PG_EVAL and not cfg.DETECTION.ENABLE)

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

    def segments(self, num_frames: int) -> tuple[tuple[int, int], ...]:
        """[start, stop) of the clip's frames that belong to each step."""
        return tuple(self.cutter.schedule.clip_ranges())


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
