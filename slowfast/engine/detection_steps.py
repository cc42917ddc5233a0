"""What happens to a batch of clips in which persons are classified: the plain steps, with boxes."""

from __future__ import annotations

from torch import Tensor, nn

from slowfast.config import ConfigError
from slowfast.engine.steps import PlainTrainStep, WholeClipStep
from slowfast.engine.updater import Updater
from slowfast.runtime.transfers import sent
from slowfast.structures import ClipBatch, DetectionOutput, Keyframes, LaneBatch, StepOutput


class DetectionTrainStep(PlainTrainStep):
    """One forward pass over the whole clip, one loss over the persons at the clips' own moments, one update.

    A batch without persons has a loss of zero: it takes part in the update, which other processes may have persons for.
    """

    def __call__(self, model: nn.Module, batch: ClipBatch, updater: Updater) -> StepOutput:
        persons = main_persons(batch)
        with updater.autocast():
            logits = model(self.inputs(batch), _rois(persons, batch)).float()
        loss = self.loss(logits, sent(persons.labels, logits.device)) if len(persons) else 0 * logits.sum()
        updater.accumulate(loss, completes=True)
        return StepOutput(loss=updater.apply_and_read(loss))

    def forward_only(self, model: nn.Module, batch: ClipBatch) -> None:
        model(self.inputs(batch), _rois(main_persons(batch), batch))


class DetectionEvalStep(WholeClipStep):
    """One forward pass over the whole clip, scores for the persons at the clips' own moments."""

    def __call__(self, model: nn.Module, batch: ClipBatch) -> DetectionOutput:
        persons = main_persons(batch)
        return DetectionOutput(scores=model(self.inputs(batch), _rois(persons, batch)), keyframes=persons)


def main_persons(batch: ClipBatch) -> Keyframes:
    """The persons at the moments that the clips were cut out for."""
    persons = all_persons(batch)
    return persons[persons.main]


def _rois(persons: Keyframes, batch: ClipBatch) -> Tensor:
    """Their boxes, where the frames are."""
    return sent(persons.rois(), batch.frames.device)


def all_persons(batch: ClipBatch) -> Keyframes:
    """Raises ConfigError when the data set has none to show."""
    if batch.keyframes is None:
        raise _without_boxes()
    return batch.keyframes


def lane_persons(batch: LaneBatch) -> tuple[Keyframes, ...]:
    """The persons of each piece. Raises ConfigError when the data set has none to show."""
    if batch.keyframes is None:
        raise _without_boxes()
    return batch.keyframes


def _without_boxes() -> ConfigError:
    why = "the data set has labels of whole clips, but no boxes of persons"
    return ConfigError(key="DETECTION.ENABLE", value=True, why=why, right="False, or a data set such as ava")
