"""One update from a whole clip, at the memory of one step."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Self

import torch
from fvcore.common.config import CfgNode
from torch import Tensor

from pgt.fit import with_few_steps
from pgt.keyframes import KeyframeTargets
from pgt.multigrid import Multigrid
from pgt.preprocess import StepCutter, StepTarget, step_targets
from pgt.schedule import StepSchedule
from pgt.wrapper import ProgressiveModel
from slowfast.engine.updater import Updater
from slowfast.models.losses import build_loss
from slowfast.registry import TRAIN_STEPS
from slowfast.structures import ClipBatch, EpochPlan, StepOutput

Loss = Callable[[Tensor, Tensor], Tensor]
Targets = Callable[[ClipBatch, StepSchedule], Sequence[StepTarget]]


@TRAIN_STEPS.register("pgt")
class ProgressiveTrainStep:
    """Truncated back-propagation through the steps of a clip (arXiv:2103.11313, section 3.3).

    Every `tbptt_steps` steps the losses since the last cut are summed and propagated back, and the memory is cut off from
    them; with 1, the paper's method, nothing of a step outlives it but the memory. Gradients of all steps add up to one update
    (`train_together`) or each cut makes an update of its own. The reported loss is the mean over the steps. A step whose target
    has no rows passes its memory on, but has no loss. With `multigrid` the schedule changes from epoch to epoch.
    """

    def __init__(
        self,
        *,
        cutter: StepCutter,
        targets: Targets,
        loss: Loss,
        train_together: bool,
        tbptt_steps: int,
        multigrid: Multigrid | None = None,
    ) -> None:
        """cutter: cuts by the schedule of evaluation. multigrid: with the same schedule as its base."""
        self._base_cutter = self.cutter = cutter
        self.targets, self.loss = targets, loss
        self.train_together, self.tbptt_steps = train_together, tbptt_steps
        self.multigrid = multigrid or Multigrid(base=cutter.schedule)

    @staticmethod
    def enabled(cfg: CfgNode) -> bool:
        return bool(cfg.PGT.ENABLE)

    @classmethod
    def from_cfg(cls, cfg: CfgNode) -> Self:
        return cls(
            cutter=StepCutter.from_cfg(cfg),
            targets=KeyframeTargets.from_cfg(cfg) if cfg.DETECTION.ENABLE else step_targets,
            loss=build_loss(cfg),
            train_together=cfg.PGT.TRAIN_TOGETHER,
            tbptt_steps=cfg.PGT.TBPTT_STEPS,
            multigrid=Multigrid.from_cfg(cfg),
        )

    @staticmethod
    def shortened(cfg: CfgNode) -> CfgNode:
        return with_few_steps(cfg)

    def plan(self, epoch: int, num_epochs: int) -> EpochPlan:
        schedule, lr_scale = self.multigrid.at(epoch, num_epochs)
        self.cutter = dataclasses.replace(self._base_cutter, schedule=schedule)
        return EpochPlan(clip_frames=schedule.num_frames, lr_scale=lr_scale)

    def __call__(self, model: ProgressiveModel, batch: ClipBatch, updater: Updater) -> StepOutput:
        model.reset()
        model.truncate_memory(self.tbptt_steps == 1)
        losses: list[Tensor] = []
        since_cut: list[Tensor] = []
        for number, (inputs, target) in enumerate(self._steps(batch, self.cutter), start=1):
            with updater.autocast():
                logits = model.step(inputs, *target.rois)
            if len(logits):
                since_cut.append(self.loss(logits.float(), target.labels))
                losses.append(since_cut[-1].detach())
            last = number == self.cutter.schedule.steps
            if last or number % self.tbptt_steps == 0:
                if since_cut:
                    updater.accumulate(torch.stack(since_cut).sum())
                since_cut = []
                model.detach_memory()
                if last or not self.train_together:
                    updater.apply()
        return StepOutput(loss=torch.stack(losses).mean() if losses else logits.new_zeros(()))

    def forward_only(self, model: ProgressiveModel, batch: ClipBatch) -> None:
        """Runs the model as training does, for whoever watches its batch norms."""
        model.reset()
        model.truncate_memory(True)
        for inputs, target in self._steps(batch, self._base_cutter):
            model.step(inputs, *target.rois)

    def _steps(self, batch: ClipBatch, cutter: StepCutter) -> Iterator[tuple[list[Tensor], StepTarget]]:
        return zip(cutter.steps(batch.frames), self.targets(batch, cutter.schedule), strict=True)

    def segments(self, num_frames: int) -> tuple[tuple[int, int], ...]:
        """[start, stop) of the clip's frames that belong to each step."""
        return tuple(self.cutter.schedule.clip_ranges())

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """There is nothing to load: the memory does not outlive a batch, and `plan` is asked again."""
