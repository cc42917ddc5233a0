"""One update from a whole clip, at the memory of one step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import torch
from fvcore.common.config import CfgNode
from torch import Tensor

from pgt.preprocess import StepCutter, step_targets
from pgt.wrapper import ProgressiveModel
from slowfast.engine.updater import Updater
from slowfast.models.losses import build_loss
from slowfast.registry import TRAIN_STEPS
from slowfast.structures import ClipBatch, StepOutput

Loss = Callable[[Tensor, Tensor], Tensor]


@TRAIN_STEPS.register("pgt")
class ProgressiveTrainStep:
    """Truncated back-propagation through the steps of a clip (arXiv:2103.11313, section 3.3).

    Every `tbptt_steps` steps the losses since the last cut are summed and propagated back, and the memory is cut off from
    them; with 1, the paper's method, nothing of a step outlives it but the memory. Gradients of all steps add up to one update
    (`train_together`) or each cut makes an update of its own. The reported loss is the mean over the steps.
    """

    def __init__(self, *, cutter: StepCutter, loss: Loss, train_together: bool, tbptt_steps: int) -> None:
        self.cutter, self.loss = cutter, loss
        self.train_together, self.tbptt_steps = train_together, tbptt_steps

    @staticmethod
    def enabled(cfg: CfgNode) -> bool:
        return bool(cfg.PGT.ENABLE)

    @classmethod
    def from_cfg(cls, cfg: CfgNode) -> Self:
        return cls(
            cutter=StepCutter.from_cfg(cfg),
            loss=build_loss(cfg),
            train_together=cfg.PGT.TRAIN_TOGETHER,
            tbptt_steps=cfg.PGT.TBPTT_STEPS,
        )

    def __call__(self, model: ProgressiveModel, batch: ClipBatch, updater: Updater) -> StepOutput:
        schedule = self.cutter.schedule
        targets = step_targets(batch, schedule)
        model.reset()
        model.truncate_memory(self.tbptt_steps == 1)
        losses: list[Tensor] = []
        since_cut: list[Tensor] = []
        for step, inputs in enumerate(self.cutter.steps(batch.frames)):
            with updater.autocast():
                logits = model.step(inputs)
            since_cut.append(self.loss(logits.float(), targets[step]))
            losses.append(since_cut[-1].detach())
            last = step == schedule.steps - 1
            if last or len(since_cut) == self.tbptt_steps:
                updater.accumulate(torch.stack(since_cut).sum())
                since_cut = []
                model.detach_memory()
                if last or not self.train_together:
                    updater.apply()
        return StepOutput(loss=torch.stack(losses).mean())

    def forward_only(self, model: ProgressiveModel, batch: ClipBatch) -> None:
        """Runs the model as training does, for whoever watches its batch norms."""
        model.reset()
        model.truncate_memory(True)
        for inputs in self.cutter.steps(batch.frames):
            model.step(inputs)

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        pass
