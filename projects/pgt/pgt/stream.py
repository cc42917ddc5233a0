"""Predictions on a video without end, at constant memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from pgt.wrapper import ProgressiveModel


@dataclass(frozen=True, slots=True)
class StepPrediction:
    """What the model says of one step. start, stop: its frames, [start, stop), counted from the start of the stream.

    scores: (K,), activated.
    """

    start: int
    stop: int
    scores: Tensor


@torch.inference_mode()
def stream(model: ProgressiveModel, frames: Iterable[Tensor]) -> Iterator[StepPrediction]:
    """Runs a progressive model along a stream of frames and yields one prediction a step.

    frames: float (C, H, W) each, normalised as in training, at the rate the model was trained with; they may never end. Frames
    at the end that do not fill a step get no prediction. The model is put in eval mode and forgets what it remembered.
    """
    model.eval()
    model.reset()
    device = next(model.parameters()).device
    ratios = [model.step_len[-1] // length for length in model.step_len]
    wanted = model.step_len[-1]
    start = 0
    waiting: list[Tensor] = []
    for frame in frames:
        waiting.append(frame)
        if len(waiting) < wanted:
            continue
        clip = torch.stack(waiting, dim=1)[None].to(device)
        waiting = []
        # Steps are whole multiples of the ratio, so each begins with a frame that the slow pathway reads.
        scores = model.step([clip[:, :, ::ratio] for ratio in ratios])[0]
        yield StepPrediction(start, start + wanted, scores)
        start += wanted
        wanted = model.step_len[-1] - model.overlap[-1]
