"""Predictions on videos without end, at constant memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pgt.frames import Frames, Normalize, each_frame, network_inputs
from pgt.stream_batch import StreamBatch, row_of
from pgt.wrapper import ProgressiveModel


@dataclass(frozen=True, slots=True)
class StepPrediction:
    """What the model says of one step. start, stop: its frames, [start, stop), counted from the start of the stream.

    scores: what the network returned for this video, (K,) activated scores for a classifier. repeated: how often the last frame
    of a stream was repeated, because it ended before its last step was full; 0 for all other steps. stream: which of several.
    """

    start: int
    stop: int
    scores: Any
    repeated: int = 0
    stream: Any = None


@torch.inference_mode()
def stream(model: ProgressiveModel, frames: Frames, *, normalize: Normalize | None = None) -> Iterator[StepPrediction]:
    """Runs a progressive model along a stream of frames and yields one prediction a step.

    frames: one after the other, at the rate the model was trained with; they may never end. Each is (C, H, W), or (H, W, C) as
    OpenCV, PyAV and NumPy have it: float, normalised as in training, or uint8, which `normalize` makes that of. A tensor
    (C, T, H, W) or an array (T, H, W, C) is a stream as well. The last step is filled up by its last frame, and says so.

    The model is put in eval mode and forgets what it remembered. Raises FrameError.
    """
    model.eval()
    model.reset()
    for step in _steps(model, frames):
        scores = model.step(network_inputs(model, step.clip[None], normalize))
        yield StepPrediction(step.start, step.stop, row_of(scores, 0, 1), step.repeated)


def streams(
    model: ProgressiveModel, sources: Mapping[Any, Frames] | Sequence[Frames], *, normalize: Normalize | None = None
) -> Iterator[StepPrediction]:
    """The same for several streams, step by step in turns, as a `StreamBatch` runs them.

    sources: by any name, which predictions repeat in `stream`; their place in a sequence is their name. Streams end when they
    do, the others go on. What the model itself remembers is left alone.
    """
    batch: StreamBatch[Any] = StreamBatch(model, normalize=normalize)
    running = {}
    for name, frames in sources.items() if isinstance(sources, Mapping) else enumerate(sources):
        batch.add(name)
        running[name] = _steps(model, frames)
    while running:
        at_hand = {name: step for name, steps in running.items() if (step := next(steps, None)) is not None}
        for name in running.keys() - at_hand.keys():
            batch.drop(name)
            del running[name]
        for name, scores in batch.step({name: step.clip.unbind(1) for name, step in at_hand.items()}).items():
            step = at_hand[name]
            yield StepPrediction(step.start, step.stop, scores, step.repeated, name)


@dataclass(frozen=True, slots=True)
class _Step:
    """clip: (C, T, H, W), the frames of a step, those behind the end of the stream included."""

    clip: Tensor
    start: int
    stop: int
    repeated: int


def _steps(model: ProgressiveModel, frames: Frames) -> Iterator[_Step]:
    """Cuts a stream: the first step has STEP_LEN frames, every later one OVERLAP fewer."""
    wanted, start = model.step_len[-1], 0
    waiting: list[Tensor] = []
    for frame in each_frame(frames):
        waiting.append(frame)
        if len(waiting) == wanted:
            yield _Step(torch.stack(waiting, 1), start, start + wanted, 0)
            start, wanted, waiting = start + wanted, model.step_len[-1] - model.overlap[-1], []
    if waiting:
        lacking = wanted - len(waiting)
        yield _Step(torch.stack(waiting + waiting[-1:] * lacking, 1), start, start + len(waiting), lacking)
