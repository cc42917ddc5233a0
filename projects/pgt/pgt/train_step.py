"""One update from a whole clip, at the memory of one step."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, Self

import torch
from fvcore.common.config import CfgNode
from torch import Tensor

from pgt.fit import whole_videos, with_few_steps
from pgt.gradient import Gradient, GraphGradient, RecomputedGradient, Steps, accumulating
from pgt.keyframes import KeyframeTargets
from pgt.lengths import other_lengths
from pgt.multigrid import Multigrid
from pgt.preprocess import StepCutter, StepTarget, step_targets
from pgt.schedule import StepSchedule
from pgt.state import State
from pgt.wrapper import ProgressiveModel
from slowfast.engine.mixing import Mixing, MixRule, Unmixed
from slowfast.engine.updater import Updater
from slowfast.models.losses import build_loss
from slowfast.registry import TRAIN_STEPS
from slowfast.structures import ClipBatch, EpochPlan, StepOutput

Loss = Callable[[Tensor, Tensor], Tensor]
Targets = Callable[[ClipBatch, StepSchedule], Sequence[StepTarget]]


@TRAIN_STEPS.register("pgt")
class ProgressiveTrainStep:
    """Truncated backpropagation through the steps of a clip (arXiv:2103.11313, section 3.3).

    Every `tbptt_steps` steps the losses since the last cut are summed and propagated back, and the memory is cut off from
    them; with 1, the paper's method, nothing of a step outlives it but the memory. Gradients of all steps add up to one update
    (`train_together`) or each cut makes an update of its own. The reported loss is the mean over the steps. A step whose target
    has no rows passes its memory on, but has no loss. With `multigrid` the schedule changes from epoch to epoch.

    recompute: whether steps between two cuts are run twice, so that they never need more activations than one step; see
    `RecomputedGradient`. offload: whether the memories that this keeps wait on the host.
    """

    carries = False

    def __init__(
        self,
        *,
        cutter: StepCutter,
        targets: Targets,
        loss: Loss,
        train_together: bool,
        tbptt_steps: int,
        recompute: bool = False,
        offload: bool = False,
        multigrid: Multigrid | None = None,
        mixing: MixRule | None = None,
    ) -> None:
        """cutter: cuts by the schedule of evaluation. multigrid: with the same schedule as its base. mixing: of the clips of a
        batch; None: not at all."""
        self._base_cutter = self.cutter = cutter
        self.targets, self.loss = targets, loss
        self.train_together, self.tbptt_steps = train_together, tbptt_steps
        self.gradient: Gradient = RecomputedGradient(offload=offload) if recompute else GraphGradient()
        self.multigrid = multigrid or Multigrid(base=cutter.schedule)
        self.mixing = mixing or Unmixed()

    @staticmethod
    def enabled(cfg: CfgNode) -> bool:
        return bool(cfg.PGT.ENABLE) and not whole_videos(cfg)

    @classmethod
    def from_cfg(cls, cfg: CfgNode) -> Self:
        return cls(
            cutter=StepCutter.from_cfg(cfg),
            targets=KeyframeTargets.from_cfg(cfg) if cfg.DETECTION.ENABLE else step_targets,
            loss=build_loss(cfg),
            train_together=cfg.PGT.TRAIN_TOGETHER,
            tbptt_steps=cfg.PGT.TBPTT_STEPS,
            recompute=cfg.PGT.GRADIENT == "exact",
            offload=cfg.PGT.OFFLOAD,
            multigrid=Multigrid.from_cfg(cfg),
            mixing=Mixing.from_cfg(cfg),
        )

    @staticmethod
    def shortened(cfg: CfgNode) -> CfgNode:
        return with_few_steps(cfg)

    @staticmethod
    def other_lengths(cfg: CfgNode) -> list[dict[str, object]]:
        return other_lengths(cfg)

    def plan(self, epoch: int, num_epochs: int) -> EpochPlan:
        schedule, lr_scale = self.multigrid.at(epoch, num_epochs)
        self.cutter = dataclasses.replace(self._base_cutter, schedule=schedule)
        return EpochPlan(clip_frames=schedule.num_frames, lr_scale=lr_scale)

    def __call__(self, model: ProgressiveModel, batch: ClipBatch, updater: Updater) -> StepOutput:
        model.truncate_memory(self.tbptt_steps == 1)
        # Decided once: clips are mixed in the same way at all steps, though each is only made float when it is its turn.
        mix = self.mixing.draw(batch)
        batch = dataclasses.replace(batch, labels=mix.labels(batch.labels))
        cutter, targets = self.cutter, self.targets(batch, self.cutter.schedule)

        def run(number: int, state: State) -> tuple[Tensor, State]:
            inputs = mix.inputs(cutter.step(batch.frames, number))
            with updater.autocast():
                outputs: tuple[Tensor, State] = model.functional_step(inputs, state, *targets[number].rois)
            return outputs

        def loss(number: int, logits: Tensor) -> Tensor | None:
            return self.loss(logits.float(), targets[number].labels) if len(logits) else None

        losses: list[Tensor] = []
        state: State = {}
        steps = range(cutter.schedule.steps)
        for first in steps[:: self.tbptt_steps]:
            numbers = steps[first : first + self.tbptt_steps]
            ends = numbers[-1] == steps[-1]
            add = accumulating(updater, completes=ends or not self.train_together)
            found, state = self.gradient(model, Steps(run, loss), numbers, state, add)
            losses += found
            if not self.train_together and not ends:
                updater.apply()
        mean = torch.stack(losses).mean() if losses else torch.zeros((), device=batch.frames.device)
        return StepOutput(loss=updater.apply_and_read(mean))

    def forward_only(self, model: ProgressiveModel, batch: ClipBatch) -> None:
        """Runs the model as training does, for whoever watches its batch norms."""
        model.reset()
        model.truncate_memory(True)
        cutter = self._base_cutter
        for inputs, target in zip(cutter.steps(batch.frames), self.targets(batch, cutter.schedule), strict=True):
            model.step(inputs, *target.rois)

    def segments(self, num_frames: int) -> tuple[tuple[int, int], ...]:
        """[start, stop) of the clip's frames that belong to each step."""
        return tuple(self.cutter.schedule.clip_ranges())

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """There is nothing to load: the memory does not outlive a batch, and `plan` is asked again."""
