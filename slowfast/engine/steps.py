"""What happens to one batch: in training an update, in evaluation scores.

A project may bring a train step and an evaluation step of its own (registries TRAIN_STEPS and EVAL_STEPS); the loops know
only the two protocols below.
"""

from __future__ import annotations

from typing import Any, Protocol

from fvcore.common.config import CfgNode
from torch import Tensor, nn

from slowfast.config import ConfigError
from slowfast.engine.updater import Updater
from slowfast.models.losses import build_loss
from slowfast.models.normalize import Normalizer
from slowfast.models.pathways import PathwayPicker
from slowfast.registry import EVAL_STEPS, TRAIN_STEPS, Registry
from slowfast.structures import ClipBatch, EvalOutput, StepOutput


class TrainStep(Protocol):
    """Turns a batch, already on the device, into one or more updates. The model is in training mode."""

    def __call__(self, model: nn.Module, batch: ClipBatch, updater: Updater) -> StepOutput: ...

    def forward_only(self, model: nn.Module, batch: ClipBatch) -> None:
        """Runs the model on the batch just as training does, without a loss; norms gather their statistics this way."""

    def state_dict(self) -> dict[str, Any]:
        """What the step carries from one iteration to the next, as tensors and plain containers."""

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


class EvalStep(Protocol):
    """Scores a batch, already on the device. The model is in evaluation mode and gradients are off."""

    def __call__(self, model: nn.Module, batch: ClipBatch) -> EvalOutput: ...


class PlainTrainStep:
    """One forward pass over the whole clip, one loss, one update."""

    def __init__(self, *, picker: Any, normalizer: Any, loss: Any) -> None:
        """picker: frames to pathways; normalizer: bytes to numbers; loss: (logits, labels) to a scalar."""
        self._picker = picker
        self._normalizer = normalizer
        self._loss = loss

    @classmethod
    def from_cfg(cls, cfg: CfgNode) -> PlainTrainStep:
        return cls(picker=PathwayPicker.from_cfg(cfg), normalizer=Normalizer.from_cfg(cfg), loss=build_loss(cfg))

    def __call__(self, model: nn.Module, batch: ClipBatch, updater: Updater) -> StepOutput:
        with updater.autocast():
            logits = model(self._inputs(batch))
        # The loss is computed in single precision: it costs nothing, and half precision overflows in its exponentials.
        loss = self._loss(logits.float(), batch.labels)
        updater.accumulate(loss)
        updater.apply()
        return StepOutput(loss=loss.detach())

    def forward_only(self, model: nn.Module, batch: ClipBatch) -> None:
        model(self._inputs(batch))

    def _inputs(self, batch: ClipBatch) -> list[Tensor]:
        return [self._normalizer(frames) for frames in self._picker.pick(batch.frames)]

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """There is nothing to load: the step carries nothing."""


class PlainEvalStep:
    """One forward pass over the whole clip."""

    def __init__(self, *, picker: Any, normalizer: Any) -> None:
        self._picker = picker
        self._normalizer = normalizer

    @classmethod
    def from_cfg(cls, cfg: CfgNode) -> PlainEvalStep:
        return cls(picker=PathwayPicker.from_cfg(cfg), normalizer=Normalizer.from_cfg(cfg))

    def __call__(self, model: nn.Module, batch: ClipBatch) -> EvalOutput:
        scores = model([self._normalizer(frames) for frames in self._picker.pick(batch.frames)])
        return EvalOutput(scores=scores, segments=((0, batch.num_frames),), segment_scores=scores.unsqueeze(1))


def select(registry: Registry[Any], cfg: CfgNode, default: Any) -> Any:
    """The one registered class that the config enables, else `default`. Raises ConfigError when two want the same place."""
    enabled = [(name, entry) for name, entry in registry.items() if entry.enabled(cfg)]
    if len(enabled) > 1:
        names = [name for name, _ in enabled]
        raise ConfigError(
            key=f"{names[0].upper()}.ENABLE", value=True, why=f"each of {', '.join(names)} brings a {registry.kind} of its own",
            right="only one of them enabled",
        )  # fmt: skip
    return enabled[0][1] if enabled else default


def build_train_step(cfg: CfgNode) -> TrainStep:
    step: TrainStep = select(TRAIN_STEPS, cfg, PlainTrainStep).from_cfg(cfg)
    return step


def build_eval_step(cfg: CfgNode) -> EvalStep:
    step: EvalStep = select(EVAL_STEPS, cfg, PlainEvalStep).from_cfg(cfg)
    return step
