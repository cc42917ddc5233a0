"""Frames from outside, in whatever form decoders, cameras and files give them, and what a network reads of them.

C colours, T frames, H height, W width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pgt.wrapper import ProgressiveModel
from slowfast.errors import UserError
from slowfast.models.staged_network import StagedNetwork

Frame = Tensor | NDArray[Any]
Frames = Iterable[Frame] | Frame
"""One frame after the other, each (C, H, W), or (H, W, C) as OpenCV, PyAV and NumPy have it; or all of them as a tensor
(C, T, H, W) or an array (T, H, W, C). Float, normalised as in training, or uint8."""

Normalize = Callable[[Tensor], Tensor]
"""uint8 (B, C, T, H, W) -> float of the same shape, as `slowfast.models.normalize.Normalizer` does."""

COLOURS = (1, 3)


class FrameError(UserError, ValueError):
    """A frame of a stream is not what it should be. The text says which, what it is, and what would be right."""


def each_frame(frames: Frames) -> Iterable[Tensor]:
    """The frames (C, H, W), all of one size and type. Raises FrameError at the first that is not."""
    first: Tensor | None = None
    for number, frame in enumerate(_unbound(frames)):
        tensor = _colours_first(frame, number)
        first = tensor if first is None else first
        if tensor.shape != first.shape or tensor.dtype != first.dtype:
            raise FrameError(
                f"frame {number} is {_told(tensor)}, those before it are {_told(first)}; right would be: all alike"
            )
        yield tensor


def network_inputs(model: ProgressiveModel, clips: Tensor, normalize: Normalize | None) -> Any:
    """What the network reads, from frames (B, C, T, H, W): a list with a tensor for each pathway; a network that is not of this
    library and has one pathway reads a tensor."""
    clips = clips.to(device_of(model))
    if clips.dtype == torch.uint8:
        if normalize is None:
            raise FrameError(
                "the frames are uint8; right would be: float frames, normalised as in training, or "
                "normalize=slowfast.models.normalize.Normalizer(mean=..., std=...)"
            )
        clips = normalize(clips)
    # Steps are whole multiples of the ratio, so each begins with a frame that the slow pathway reads.
    pathways = [clips[:, :, :: model.step_len[-1] // length] for length in model.step_len]
    if model.frames_first:
        pathways = [pathway.transpose(1, 2) for pathway in pathways]
    return pathways if len(pathways) > 1 or isinstance(model._network, StagedNetwork) else pathways[0]


def device_of(model: ProgressiveModel) -> torch.device:
    return next((parameter.device for parameter in model.parameters()), torch.device("cpu"))


def _unbound(frames: Frames) -> Iterable[Frame]:
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


def _told(value: Any) -> str:
    return f"{str(value.dtype).removeprefix('torch.')} of shape {tuple(value.shape)}"
