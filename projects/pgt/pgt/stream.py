"""Predictions on videos without end, at constant memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils import _pytree as pytree

from pgt.memory import PHASE, State
from pgt.wrapper import ProgressiveModel
from slowfast.errors import UserError
from slowfast.models.staged_network import StagedNetwork

Frame = Tensor | NDArray[Any]
Normalize = Callable[[Tensor], Tensor]
"""uint8 (B, C, T, H, W) -> float of the same shape, as `slowfast.models.normalize.Normalizer` does."""

COLOURS = (1, 3)


class FrameError(UserError, ValueError):
    """A frame of a stream is not what it should be. The text says which, what it is, and what would be right."""


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
def stream(
    model: ProgressiveModel, frames: Iterable[Frame] | Frame, *, normalize: Normalize | None = None
) -> Iterator[StepPrediction]:
    """Runs a progressive model along a stream of frames and yields one prediction a step.

    frames: one after the other, at the rate the model was trained with; they may never end. Each is (C, H, W), or (H, W, C) as
    OpenCV, PyAV and NumPy have it: float, normalised as in training, or uint8, which `normalize` makes that of. A tensor
    (C, T, H, W) or an array (T, H, W, C) is a stream as well. The last step is filled up by its last frame, and says so.

    The model is put in eval mode and forgets what it remembered. Raises FrameError.
    """
    model.eval()
    model.reset()
    for step in _steps(model, frames):
        scores = model.step(_inputs(model, step.clip[None], normalize))
        yield StepPrediction(step.start, step.stop, _row(scores, 0, 1), step.repeated)


@torch.inference_mode()
def streams(
    model: ProgressiveModel,
    sources: Mapping[Any, Iterable[Frame] | Frame] | Sequence[Iterable[Frame] | Frame],
    *,
    normalize: Normalize | None = None,
) -> Iterator[StepPrediction]:
    """The same for several streams, step by step in turns; those that are equally far and of one size run as one batch.

    sources: by any name, which predictions repeat in `stream`; their place in a sequence is their name. Streams end when they
    do, the others go on. What the model itself remembers is left alone.
    """
    model.eval()
    named = sources.items() if isinstance(sources, Mapping) else enumerate(sources)
    running = {name: _Lane(_steps(model, frames)) for name, frames in named}
    while running:
        at_hand = {}
        for name, lane in list(running.items()):
            step = next(lane.steps, None)
            if step is None:
                del running[name]
            else:
                at_hand[name] = step
        for names in _batches(at_hand, running):
            state = _joined([running[name].state for name in names])
            clips = torch.stack([at_hand[name].clip for name in names])
            scores, new = model.functional_step(_inputs(model, clips, normalize), state)
            for row, name in enumerate(names):
                running[name].state = {
                    key: value if key.endswith(PHASE) else value[row : row + 1].clone() for key, value in new.items()
                }
                step = at_hand[name]
                yield StepPrediction(step.start, step.stop, _row(scores, row, len(names)), step.repeated, name)


@dataclass(frozen=True, slots=True)
class _Step:
    """clip: (C, T, H, W), the frames of a step, those behind the end of the stream included."""

    clip: Tensor
    start: int
    stop: int
    repeated: int


@dataclass(slots=True)
class _Lane:
    steps: Iterator[_Step]
    state: State = field(default_factory=dict)


def _steps(model: ProgressiveModel, frames: Iterable[Frame] | Frame) -> Iterator[_Step]:
    """Cuts a stream: the first step has STEP_LEN frames, every later one OVERLAP fewer."""
    wanted, start = model.step_len[-1], 0
    waiting: list[Tensor] = []
    for number, frame in enumerate(_frames(frames)):
        waiting.append(_colours_first(frame, number))
        if waiting[-1].shape != waiting[0].shape or waiting[-1].dtype != waiting[0].dtype:
            raise FrameError(
                f"frame {number} is {_told(waiting[-1])}, those before it are {_told(waiting[0])}; right would be: all alike"
            )
        if len(waiting) == wanted:
            yield _Step(torch.stack(waiting, 1), start, start + wanted, 0)
            start, wanted, waiting = start + wanted, model.step_len[-1] - model.overlap[-1], []
    if waiting:
        lacking = wanted - len(waiting)
        yield _Step(torch.stack(waiting + waiting[-1:] * lacking, 1), start, start + len(waiting), lacking)


def _frames(frames: Iterable[Frame] | Frame) -> Iterable[Frame]:
    """A clip as its frames."""
    if not isinstance(frames, Tensor | np.ndarray):
        return frames
    if frames.ndim != 4:
        raise FrameError(f"a clip is {_told(frames)}; right would be: a tensor (C, T, H, W) or an array (T, H, W, C)")
    return frames.unbind(1) if isinstance(frames, Tensor) and frames.shape[0] in COLOURS else frames


def _colours_first(frame: Frame, number: int) -> Tensor:
    """(C, H, W) of a frame. Where both ends could be colours, arrays have them last and tensors first, as is the custom."""
    tensor = frame if isinstance(frame, Tensor) else torch.from_numpy(np.ascontiguousarray(frame))
    if tensor.dim() == 3 and (tensor.dtype == torch.uint8 or tensor.is_floating_point()):
        last = tensor.shape[2] in COLOURS
        if last and (isinstance(frame, np.ndarray) or tensor.shape[0] not in COLOURS):
            return tensor.permute(2, 0, 1)
        return tensor
    raise FrameError(f"frame {number} is {_told(tensor)}; right would be: uint8 or float, (C, H, W) or (H, W, C)")


def _inputs(model: ProgressiveModel, clips: Tensor, normalize: Normalize | None) -> Any:
    """What the network reads, from frames (B, C, T, H, W): a list with a tensor for each pathway; a network that is not of this
    library and has one pathway reads a tensor."""
    parameter = next(model.parameters(), clips)
    clips = clips.to(parameter.device)
    if clips.dtype == torch.uint8:
        if normalize is None:
            raise FrameError(
                "the frames are uint8; right would be: float frames, normalised as in training, or "
                "normalize=slowfast.models.normalize.Normalizer(mean=..., std=...)"
            )
        clips = normalize(clips)
    # Steps are whole multiples of the ratio, so each begins with a frame that the slow pathway reads.
    pathways = [clips[:, :, :: model.step_len[-1] // length] for length in model.step_len]
    return pathways if len(pathways) > 1 or isinstance(model._network, StagedNetwork) else pathways[0]


def _batches(at_hand: Mapping[Any, _Step], running: Mapping[Any, _Lane]) -> list[list[Any]]:
    """Names of the streams whose steps can run together: equally many frames of one size, and memories that fit."""
    batches: dict[Any, list[Any]] = {}
    for name, step in at_hand.items():
        state = running[name].state
        memory = tuple(sorted((key, int(value) if key.endswith(PHASE) else value.shape[1:]) for key, value in state.items()))
        batches.setdefault((step.clip.shape, step.clip.dtype, memory), []).append(name)
    return list(batches.values())


def _joined(states: Sequence[State]) -> State:
    """One memory of the memories of several streams, as rows of a batch."""
    return {
        key: value if key.endswith(PHASE) else torch.cat([state[key] for state in states]) for key, value in states[0].items()
    }


def _row(outputs: Any, row: int, num_rows: int) -> Any:
    """The part of a network's outputs that belongs to one row of the batch."""
    return pytree.tree_map(lambda value: value[row] if isinstance(value, Tensor) and len(value) == num_rows else value, outputs)


def _told(value: Any) -> str:
    return f"{str(value.dtype).removeprefix('torch.')} of shape {tuple(value.shape)}"
