"""Training and evaluation on whole videos: lanes that begin, go on and end videos at different steps.

B lanes, S steps of a batch, K classes.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Self

import torch
from fvcore.common.config import CfgNode
from torch import Tensor

from pgt.fit import NO_MEMORY, schedule_of, stream_options, whole_videos, with_few_steps
from pgt.gradient import Gradient, GraphGradient, RecomputedGradient, Steps, accumulating
from pgt.lengths import other_lengths
from pgt.schedule import StepSchedule
from pgt.state import PHASE, State
from pgt.train_step import Loss
from pgt.wrapper import ProgressiveModel
from slowfast.engine.compiling import eager
from slowfast.engine.detection_steps import lane_persons
from slowfast.engine.updater import Updater
from slowfast.models.losses import build_loss
from slowfast.models.normalize import Normalizer
from slowfast.registry import EVAL_STEPS, TRAIN_STEPS
from slowfast.runtime import distributed
from slowfast.runtime.transfers import sent
from slowfast.structures import DetectionOutput, EpochPlan, Keyframes, LaneBatch, LaneOutput, StepOutput


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneCutter:
    """Cuts the frames of lanes into steps. Every step reads new frames only: where a video begins, the frames that its memory
    would stand for are absent."""

    schedule: StepSchedule
    normalizer: Normalizer
    remembers: bool = True

    @classmethod
    def from_cfg(cls, cfg: CfgNode) -> Self:
        return cls(
            schedule=schedule_of(cfg), normalizer=Normalizer.from_cfg(cfg), remembers=cfg.PGT.CACHE != NO_MEMORY
        )  # fmt: skip

    def begins(self, batch: LaneBatch, number: int) -> Tensor:
        """bool (B,): the lanes whose memory begins anew with this step; all of them where nothing is remembered."""
        begins = batch.begins[:, number]
        return begins if self.remembers else torch.ones_like(begins)

    def step(self, frames: Tensor, number: int) -> list[Tensor]:
        """frames: uint8 (B, C, T, H, W). One float tensor a pathway."""
        schedule = self.schedule
        new = schedule.new_frames(schedule.num_pathways - 1)
        own = frames[:, :, number * new : (number + 1) * new]
        return [self.normalizer(own[:, :, :: schedule.frame_ratio(pathway)]) for pathway in range(schedule.num_pathways)]


@TRAIN_STEPS.register("pgt_whole_videos")
class WholeVideoTrainStep:
    """One update from the next steps of every lane. What lanes remember goes on from batch to batch; gradients do not.

    Losses of the steps add up, as those of a clip do that is trained together, and the reported loss is their mean. A lane has
    no loss at a step without a frame of a video, and where persons are classified a step has none without persons. Gradients
    flow through `tbptt_steps` steps; recompute, offload: see
    ProgressiveTrainStep.
    """

    carries = True

    def __init__(
        self,
        *,
        cutter: LaneCutter,
        loss: Loss,
        tbptt_steps: int,
        recompute: bool = False,
        offload: bool = False,
        alike: bool = False,
    ) -> None:
        """alike: whether all steps are to be the same computation, which is compiled once."""
        self.cutter, self.loss, self.tbptt_steps = cutter, loss, tbptt_steps
        self.gradient: Gradient = RecomputedGradient(offload=offload) if recompute else GraphGradient()
        self._alike = alike and cutter.remembers  # without a memory all steps are first ones
        self._state: State = {}

    @staticmethod
    def enabled(cfg: CfgNode) -> bool:
        return whole_videos(cfg)

    @classmethod
    def from_cfg(cls, cfg: CfgNode) -> Self:
        return cls(
            alike=cfg.TRAIN.COMPILE,
            cutter=LaneCutter.from_cfg(cfg),
            loss=build_loss(cfg),
            tbptt_steps=cfg.PGT.TBPTT_STEPS,
            recompute=cfg.PGT.GRADIENT == "exact",
            offload=cfg.PGT.OFFLOAD,
        )

    @staticmethod
    def shortened(cfg: CfgNode) -> CfgNode:
        return with_few_steps(cfg)

    @staticmethod
    def other_lengths(cfg: CfgNode) -> list[dict[str, object]]:
        return other_lengths(cfg)

    def plan(self, epoch: int, num_epochs: int) -> EpochPlan:
        return EpochPlan()

    def __call__(self, model: ProgressiveModel, batch: LaneBatch, updater: Updater) -> StepOutput:
        model.truncate_memory(self.tbptt_steps == 1)
        counts, device = batch.rows(), batch.frames.device

        def run(number: int, state: State) -> tuple[Tensor, State]:
            # The first step of all has no memory to read, so its graph would be used once.
            with updater.autocast(), nullcontext() if state or not self._alike else eager():
                inputs = self.cutter.step(batch.frames, number)
                outputs: tuple[Tensor, State] = model.functional_step(
                    inputs, state, *_rois(batch, number), begins=self.cutter.begins(batch, number), alike=self._alike
                )
            return outputs

        def loss(number: int, logits: Tensor) -> Tensor | None:
            if batch.keyframes is not None:
                labels = batch.keyframes[number].labels
                return self.loss(logits.float(), sent(labels, device)) if len(labels) else None
            if not counts[:, number].any():
                return None
            rows = sent(counts[:, number].nonzero().flatten(), device)
            return self.loss(logits.float()[rows], batch.labels[rows, number])

        losses: list[Tensor] = []
        state, steps = self._state, range(batch.num_pieces)
        for first in steps[:: self.tbptt_steps]:
            numbers = steps[first : first + self.tbptt_steps]
            add = accumulating(updater, completes=numbers[-1] == steps[-1])
            found, state = self.gradient(model, Steps(run, loss), numbers, state, add)
            losses += found
        mean = torch.stack(losses).mean() if losses else torch.zeros((), device=device)
        read = updater.apply_and_read(mean)
        self._state = state
        return StepOutput(loss=read)

    def forward_only(self, model: ProgressiveModel, batch: LaneBatch) -> None:
        """The lanes' memory is left alone: a batch that begins in the middle of a video is run as its beginning."""
        model.reset()
        model.truncate_memory(True)
        for number in range(batch.num_pieces):
            inputs, rois = self.cutter.step(batch.frames, number), _rois(batch, number)
            model.step(inputs, *rois, begins=self.cutter.begins(batch, number))
        if not self.cutter.remembers:
            model.reset()

    def state_dict(self) -> dict[str, Any]:
        """What the lanes of all processes remember, in their order. Every process must ask."""
        parts = distributed.gather_everywhere({name: frames.detach().cpu() for name, frames in self._state.items()})
        return {
            "memory": {
                name: frames if name.endswith(PHASE) else torch.cat([part[name] for part in parts])
                for name, frames in parts[0].items()
            }
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Each process takes the lanes that are its own."""
        memory: State = state.get("memory", {})
        rank, world = distributed.rank(), distributed.world_size()
        self._state = {name: frames if name.endswith(PHASE) else frames.chunk(world)[rank] for name, frames in memory.items()}


class _Lanes:
    """What lanes remember goes on from batch to batch."""

    def __init__(self, *, cutter: LaneCutter) -> None:
        self.cutter = cutter
        self._state: State = {}

    @staticmethod
    def shortened(cfg: CfgNode) -> CfgNode:
        return with_few_steps(cfg)

    @staticmethod
    def stream_options(cfg: CfgNode) -> dict[str, object] | None:
        return stream_options(cfg)

    def memory(self) -> State:
        return {name: frames.detach().cpu().clone() for name, frames in self._state.items()}

    def load_memory(self, memory: State) -> None:
        """On the device of the network that made it only once a step has run: `functional_step` says where it does not fit."""
        self._state = dict(memory)

    def scores(self, model: ProgressiveModel, batch: LaneBatch) -> list[Tensor]:
        """What the network returns at each step."""
        if bool((batch.begins[:, 0] | (batch.pieces[:, 0] < 0)).all()):
            self._state = {}
        scores = []
        for number in range(batch.num_pieces):
            inputs, rois = self.cutter.step(batch.frames, number), _rois(batch, number)
            row, self._state = model.functional_step(inputs, self._state, *rois, begins=self.cutter.begins(batch, number))
            scores.append(row)
        return scores


@EVAL_STEPS.register("pgt_whole_videos")
class WholeVideoEvalStep(_Lanes):
    """Scores of every step of every lane."""

    def __init__(self, *, cutter: LaneCutter, ensemble: str) -> None:
        """ensemble: "sum" or "max", how the steps of a video become one row of scores."""
        super().__init__(cutter=cutter)
        self.ensemble = ensemble

    @staticmethod
    def enabled(cfg: CfgNode) -> bool:
        return whole_videos(cfg) and not cfg.DETECTION.ENABLE

    @classmethod
    def from_cfg(cls, cfg: CfgNode) -> Self:
        return cls(cutter=LaneCutter.from_cfg(cfg), ensemble=cfg.PGT.ENSEMBLE_METHOD)

    def __call__(self, model: ProgressiveModel, batch: LaneBatch) -> LaneOutput:
        return LaneOutput(scores=torch.stack(self.scores(model, batch), dim=1), joined_by=self.ensemble)


@EVAL_STEPS.register("pgt_whole_videos_detection")
class WholeVideoDetectionEvalStep(_Lanes):
    """Scores of the persons at the step that holds their moment; steps without persons are run for what they remember."""

    @staticmethod
    def enabled(cfg: CfgNode) -> bool:
        return whole_videos(cfg) and bool(cfg.DETECTION.ENABLE)

    @classmethod
    def from_cfg(cls, cfg: CfgNode) -> Self:
        return cls(cutter=LaneCutter.from_cfg(cfg))

    def __call__(self, model: ProgressiveModel, batch: LaneBatch) -> DetectionOutput:
        persons = Keyframes.join(lane_persons(batch))
        return DetectionOutput(scores=torch.cat(self.scores(model, batch)), keyframes=persons)


def _rois(batch: LaneBatch, number: int) -> tuple[Tensor, ...]:
    """What the network reads of a step besides frames: the boxes of its persons, in detection."""
    return () if batch.keyframes is None else (sent(batch.keyframes[number].rois(), batch.frames.device),)
