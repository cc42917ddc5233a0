"""Scores of a clip, or of the persons in it, step by step or in one pass."""

from __future__ import annotations

from typing import Literal, Self

import torch
from fvcore.common.config import CfgNode
from torch import Tensor

from pgt.fit import schedule_of, stream_options, whole_videos, with_few_steps
from pgt.keyframes import KeyframeTargets
from pgt.preprocess import StepCutter
from pgt.wrapper import ProgressiveModel
from slowfast.engine.detection_steps import all_persons
from slowfast.registry import EVAL_STEPS
from slowfast.runtime.transfers import sent
from slowfast.structures import ClipBatch, DetectionOutput, EvalOutput


class _StepByStep:
    """What evaluation step by step has in common."""

    def __init__(self, *, cutter: StepCutter, at_once: int = 1) -> None:
        """at_once: the most steps that the network runs in one pass, as rows of its batch."""
        self.cutter = cutter
        self.groups = cutter.schedule.groups(at_once)

    @staticmethod
    def shortened(cfg: CfgNode) -> CfgNode:
        largest = max(map(len, schedule_of(cfg).groups(cfg.PGT.EVAL_STEPS_AT_ONCE)))
        return with_few_steps(cfg, at_least=1 + largest)

    @staticmethod
    def stream_options(cfg: CfgNode) -> dict[str, object] | None:
        return stream_options(cfg)

    def segments(self, num_frames: int) -> tuple[tuple[int, int], ...]:
        """[start, stop) of the clip's frames that belong to each step."""
        return tuple(self.cutter.schedule.clip_ranges())


@EVAL_STEPS.register("pgt")
class ProgressiveEvalStep(_StepByStep):
    """Progressive evaluation: the scores of a clip are the sum or the maximum over its steps."""

    def __init__(self, *, cutter: StepCutter, ensemble: Literal["sum", "max"], at_once: int = 1) -> None:
        super().__init__(cutter=cutter, at_once=at_once)
        self.ensemble = ensemble

    @staticmethod
    def enabled(cfg: CfgNode) -> bool:
        return bool(cfg.PGT.ENABLE and cfg.PGT.PG_EVAL and not cfg.DETECTION.ENABLE) and not whole_videos(cfg)

    @classmethod
    def from_cfg(cls, cfg: CfgNode) -> Self:
        return cls(
            cutter=StepCutter.from_cfg(cfg), ensemble=cfg.PGT.ENSEMBLE_METHOD, at_once=cfg.PGT.EVAL_STEPS_AT_ONCE
        )  # fmt: skip

    def __call__(self, model: ProgressiveModel, batch: ClipBatch) -> EvalOutput:
        model.reset()
        rows = [model.step(self.cutter.group(batch.frames, steps), num_steps=len(steps)) for steps in self.groups]
        scores = torch.cat(rows).unflatten(0, (self.cutter.schedule.steps, -1)).transpose(0, 1)
        model.reset()
        return EvalOutput(
            scores=scores.sum(dim=1) if self.ensemble == "sum" else scores.amax(dim=1),
            segments=self.segments(batch.num_frames),
            segment_scores=scores,
            summed=scores.shape[1] if self.ensemble == "sum" else 1,
        )


@EVAL_STEPS.register("pgt_detection")
class ProgressiveDetectionEvalStep(_StepByStep):
    """The last step scores the persons at the clips' own seconds; with `all_steps` every step scores those at its own."""

    def __init__(self, *, cutter: StepCutter, targets: KeyframeTargets, all_steps: bool, at_once: int = 1) -> None:
        super().__init__(cutter=cutter, at_once=at_once)
        self.targets, self.all_steps = targets, all_steps

    @staticmethod
    def enabled(cfg: CfgNode) -> bool:
        return bool(cfg.PGT.ENABLE and cfg.DETECTION.ENABLE) and not whole_videos(cfg)

    @classmethod
    def from_cfg(cls, cfg: CfgNode) -> Self:
        return cls(
            cutter=StepCutter.from_cfg(cfg),
            targets=KeyframeTargets.from_cfg(cfg),
            all_steps=cfg.PGT.ALL_STEP_TEST,
            at_once=cfg.PGT.EVAL_STEPS_AT_ONCE,
        )

    def __call__(self, model: ProgressiveModel, batch: ClipBatch) -> DetectionOutput:
        persons = all_persons(batch)
        rows = self.targets.rows(batch, self.cutter.schedule)
        if not self.all_steps:
            rows = [*(own[:0] for own in rows[:-1]), rows[-1]]
        model.reset()
        scores = []
        for steps in self.groups:
            boxes = [_behind(persons[rows[step]].rois(), place * len(batch.frames)) for place, step in enumerate(steps)]
            rois = sent(torch.cat(boxes), batch.frames.device)
            scores.append(model.step(self.cutter.group(batch.frames, steps), rois, num_steps=len(steps)))
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


def _behind(rois: Tensor, rows: int) -> Tensor:
    """Boxes (R, 5) of clips that stand in a batch behind so many rows."""
    return torch.cat([rois[:, :1] + rows, rois[:, 1:]], dim=1)
