"""What happens to one batch: in training an update, in evaluation scores.

A project may bring a train step and an evaluation step of its own (registries TRAIN_STEPS and EVAL_STEPS); the loops know
only the protocols below.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, Self, TypeVar, runtime_checkable

from fvcore.common.config import CfgNode
from torch import Tensor, nn

from slowfast.engine.mixing import Mixing, MixRule, Unmixed
from slowfast.engine.updater import Updater
from slowfast.models.losses import build_loss
from slowfast.models.normalize import Normalizer
from slowfast.models.pathways import PathwayPicker
from slowfast.structures import ClipBatch, DetectionOutput, EpochPlan, EvalOutput, LaneOutput, StepOutput

Loss = Callable[[Tensor, Tensor], Tensor]
Parts = tuple[tuple[int, int], ...]
BuiltStep = TypeVar("BuiltStep")

_UNMIXED = Unmixed()


class TrainStep(Protocol):
    """Turns a batch, already on the device as its `to` puts it there, into one or more updates. The model is in training mode.

    carries: whether something of this process goes on from one batch to the next. Then `state_dict` holds that of all
    processes, and each of them must call it.
    """

    @property
    def carries(self) -> bool: ...

    def __call__(self, model: nn.Module, batch: Any, updater: Updater) -> StepOutput:
        """batch: a ClipBatch, or a LaneBatch where whole videos are read."""

    def plan(self, epoch: int, num_epochs: int) -> EpochPlan:
        """Called before an epoch (from 0) of `num_epochs`, or when it is resumed: what the step wants of it."""

    def forward_only(self, model: nn.Module, batch: Any) -> None:
        """Runs the model on a batch of configured length just as training does, without a loss; norms gather their statistics
        this way."""

    def state_dict(self) -> dict[str, Any]:
        """What the step carries from one iteration to the next, as tensors and plain containers."""

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


class EvalStep(Protocol):
    """Scores a batch, already on the device. The model is in evaluation mode and gradients are off.

    Returns an EvalOutput, a DetectionOutput where persons are classified, or for a LaneBatch of whole videos a LaneOutput.
    """

    def __call__(self, model: nn.Module, batch: Any) -> EvalOutput | DetectionOutput | LaneOutput: ...


@runtime_checkable
class ReadsInParts(Protocol):
    """What a train or evaluation step is, besides, if it reads a clip part by part rather than at once."""

    def segments(self, num_frames: int) -> Parts:
        """The parts of a clip of `num_frames` frames, as ranges [start, stop), in the order in which they are read."""


@runtime_checkable
class HasShortClips(Protocol):
    """What a train or evaluation step is, besides, if shorter clips show all that it does with the network."""

    @staticmethod
    def shortened(cfg: CfgNode) -> CfgNode:
        """`cfg` with shorter clips, whose parts have every shape that the parts of its own clips have."""


@runtime_checkable
class HasLengths(Protocol):
    """What a train step is, besides, if it reads a clip in parts whose length and number can be chosen."""

    @staticmethod
    def other_lengths(cfg: CfgNode) -> Sequence[Mapping[str, object]]:
        """Options that make longer and shorter parts, and more and fewer of them, each to be set behind those of `cfg`.
        Some may be refused as options of this config."""


@runtime_checkable
class HasStreams(Protocol):
    """What an evaluation step is, besides, if its network can read a video without end, piece by piece."""

    @staticmethod
    def stream_options(cfg: CfgNode) -> Mapping[str, object] | None:
        """Options with which the same weights do so, one piece at a time; None where these cannot."""


@runtime_checkable
class HasMemory(Protocol):
    """What an evaluation step is, besides, if it remembers what came before in the videos of its lanes."""

    def memory(self) -> dict[str, Tensor]:
        """A copy, on the CPU."""

    def load_memory(self, memory: dict[str, Tensor]) -> None:
        """Goes on from there."""


def with_short_clips(build: Callable[[CfgNode], BuiltStep], cfg: CfgNode) -> tuple[BuiltStep, CfgNode]:
    """A step, and the config that it was built from: one of shorter clips where the step knows one."""
    step = build(cfg)
    if isinstance(step, HasShortClips):
        cfg = step.shortened(cfg)
        step = build(cfg)
    return step, cfg


def parts_of(step: object, num_frames: int) -> Parts:
    """The parts that a step reads a clip in; all of it at once where the step says nothing."""
    return step.segments(num_frames) if isinstance(step, ReadsInParts) else ((0, num_frames),)


class WholeClipStep:
    """What steps share that run the network over whole clips, in one pass."""

    def __init__(self, *, picker: PathwayPicker, normalizer: Normalizer) -> None:
        """picker: frames to pathways; normalizer: bytes to numbers."""
        self._picker = picker
        self._normalizer = normalizer

    @classmethod
    def from_cfg(cls, cfg: CfgNode) -> Self:
        return cls(picker=PathwayPicker.from_cfg(cfg), normalizer=Normalizer.from_cfg(cfg))

    def inputs(self, batch: ClipBatch) -> list[Tensor]:
        """What the network reads: float, one tensor a pathway."""
        return [self._normalizer(frames) for frames in self._picker.pick(batch.frames)]


class PlainTrainStep(WholeClipStep):
    """One forward pass over the whole clip, one loss, one update."""

    carries = False

    def __init__(self, *, picker: PathwayPicker, normalizer: Normalizer, loss: Loss, mixing: MixRule = _UNMIXED) -> None:
        """loss: (logits, labels) to a scalar. mixing: of the clips of a batch."""
        super().__init__(picker=picker, normalizer=normalizer)
        self.loss, self.mixing = loss, mixing

    @classmethod
    def from_cfg(cls, cfg: CfgNode) -> Self:
        return cls(
            picker=PathwayPicker.from_cfg(cfg),
            normalizer=Normalizer.from_cfg(cfg),
            loss=build_loss(cfg),
            mixing=Mixing.from_cfg(cfg),
        )

    def __call__(self, model: nn.Module, batch: ClipBatch, updater: Updater) -> StepOutput:
        mix = self.mixing.draw(batch)
        inputs = mix.inputs(self.inputs(batch))
        with updater.autocast():
            logits = model(inputs)
        # The loss is computed in single precision: it costs nothing, and half precision overflows in its exponentials.
        loss = self.loss(logits.float(), mix.labels(batch.labels))
        updater.accumulate(loss, completes=True)
        return StepOutput(loss=updater.apply_and_read(loss))

    def plan(self, epoch: int, num_epochs: int) -> EpochPlan:
        return EpochPlan()

    def forward_only(self, model: nn.Module, batch: ClipBatch) -> None:
        model(self.inputs(batch))

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """There is nothing to load: the step carries nothing."""


class PlainEvalStep(WholeClipStep):
    """One forward pass over the whole clip."""

    def __call__(self, model: nn.Module, batch: ClipBatch) -> EvalOutput:
        scores = model(self.inputs(batch))
        return EvalOutput(scores=scores, segments=((0, batch.num_frames),), segment_scores=scores.unsqueeze(1))
