"""Several live streams through one network: each with a memory of its own, those that have frames now as one batch."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from pgt.frames import FrameError, Frames, Normalize, device_of, each_frame, network_inputs
from pgt.state import PHASE, MemoryMismatchError, State
from pgt.wrapper import ProgressiveModel
from slowfast.errors import UserError

Name = TypeVar("Name", bound=Hashable)


class StreamError(UserError, LookupError):
    """A stream that is not in the batch, or is in it already. The text says which, and what would be right."""


class StreamBatch(Generic[Name]):
    """Live streams, by name, through one progressive model: they come and go at any time, and each is what it would be alone.

        cameras = pgt.StreamBatch(model, normalize=normalizer)
        cameras.add("door")
        scores = cameras.step({"door": frames})["door"]      # frames uint8 (T, H, W, C), T = cameras.frames_wanted("door")
        torch.save(cameras.save("door"), "door.pt")          # on the host; in another process, or another batch:
        others.add("door"), others.restore("door", torch.load("door.pt"))

    A step runs the streams it is handed and no others, whose memory is not touched. Streams whose frames have one size, and
    which begin or go on alike, run as one batch of the network. There is no fixed number of streams: a stream costs what `save`
    returns, and a step the activations of the streams that it is handed. What the model itself remembers (`model.step`) is left
    alone. normalize: for uint8 frames, as in `pgt.stream`.
    """

    def __init__(self, model: ProgressiveModel, *, normalize: Normalize | None = None) -> None:
        self.model, self._normalize = model, normalize
        self._streams: dict[Name, _Stream] = {}

    @property
    def names(self) -> tuple[Name, ...]:
        """The streams there are, in the order in which they were added."""
        return tuple(self._streams)

    def __len__(self) -> int:
        return len(self._streams)

    def __contains__(self, name: object) -> bool:
        return name in self._streams

    def add(self, name: Name) -> None:
        """A stream that begins with its first step. Raises StreamError where there is one of that name."""
        if name in self._streams:
            raise StreamError(f"stream {name!r} is in this batch already; right would be: drop({name!r}) before it begins anew")
        self._streams[name] = _Stream()

    def drop(self, name: Name) -> None:
        """Forgets a stream. Raises StreamError where there is none of that name, as all below do."""
        self._stream(name)
        del self._streams[name]

    def save(self, name: Name) -> State:
        """What is remembered of a stream, as `model.memory()` has it: a copy, tensors (1, C, F, H, W) by operator, on the host;
        empty before its first step."""
        return {site: frames.detach().to("cpu", copy=True) for site, frames in self._stream(name).memory.items()}

    def restore(self, name: Name, memory: Mapping[str, Tensor]) -> None:
        """Lets a stream go on from what `save`, or `model.memory()` of a single video, returned; an empty memory lets it begin.

        Raises MemoryMismatchError, and changes nothing, where this network cannot have left it, by names, shapes and types;
        whether frames have the size that was remembered only the next step can tell.
        """
        self._stream(name)
        self.model._memory.check(memory)
        rows = {len(frames) for site, frames in memory.items() if not site.endswith(PHASE)}
        if rows - {1}:
            raise MemoryMismatchError(f"stream {name!r}: a memory of {max(rows)} rows; right would be: that of one stream")
        device = device_of(self.model)
        own = {
            site: frames.detach().to("cpu" if site.endswith(PHASE) else device, copy=True) for site, frames in memory.items()
        }
        self._streams[name] = _Stream(memory=own, has_begun=bool(own))

    def frames_wanted(self, name: Name) -> int:
        """Frames of the stream's next step: STEP_LEN at first, OVERLAP fewer later, as in `pgt.stream`."""
        length, overlap = self.model.step_len[-1], self.model.overlap[-1]
        return length - overlap if self._stream(name).has_begun else length

    @torch.inference_mode()
    def step(self, clips: Mapping[Name, Frames]) -> dict[Name, Any]:
        """The next step of some of the streams: what the network returned for each, without the axis of the batch.

        clips: the frames of each, in any form that `pgt.stream` takes, `frames_wanted` of them; a stream may also begin with as
        few as a later step has (whole videos are trained so). All steps of a stream have frames of one size.

        The model is put in eval mode. Raises StreamError, FrameError, and MemoryMismatchError where a restored memory is one of
        frames of another size; after any error all memories are as they were before.
        """
        if self.model.training:
            self.model.eval()
        at_hand = {name: self._clip(name, frames) for name, frames in clips.items()}
        done: dict[Name, tuple[Any, _Stream]] = {}
        for names in self._alike(at_hand):
            done |= self._run(names, torch.stack([at_hand[name] for name in names]))
        self._streams.update({name: stream for name, (_, stream) in done.items()})
        return {name: done[name][0] for name in at_hand}

    def _stream(self, name: Name) -> _Stream:
        if name not in self._streams:
            known = ", ".join(map(repr, self._streams)) or "none"
            raise StreamError(f"stream {name!r} is not in this batch, which has {known}; right would be: add({name!r}) first")
        return self._streams[name]

    def _clip(self, name: Name, frames: Frames) -> Tensor:
        """(C, T, H, W). Raises FrameError where it is no step of this stream."""
        stream, wanted = self._stream(name), self.frames_wanted(name)
        try:
            found = list(each_frame(frames))
        except FrameError as error:
            raise FrameError(f"stream {name!r}: {error}") from None
        later = self.model.step_len[-1] - self.model.overlap[-1]
        if len(found) not in (wanted, later):
            right = f"{wanted}" if stream.has_begun or wanted == later else f"{wanted}, or {later} as in a later step"
            raise FrameError(f"stream {name!r}: a step of {len(found)} frames; right would be: {right}")
        clip = torch.stack(found, 1)
        size = _size(clip)
        if stream.size not in (None, size):
            raise FrameError(
                f"stream {name!r}: frames of shape {size} behind frames of {stream.size}; right would be: all alike"
            )
        return clip

    def _alike(self, clips: Mapping[Name, Tensor]) -> list[list[Name]]:
        """Names of the streams whose steps can run together: equally many frames of one size, and memories that fit."""
        batches: dict[Any, list[Name]] = {}
        for name, clip in clips.items():
            memory = self._streams[name].memory
            kind = {site: int(frames) if site.endswith(PHASE) else frames.shape[1:] for site, frames in memory.items()}
            batches.setdefault((clip.shape, clip.dtype, tuple(sorted(kind.items()))), []).append(name)
        return list(batches.values())

    def _run(self, names: Sequence[Name], clips: Tensor) -> dict[Name, tuple[Any, _Stream]]:
        """One step of streams that are alike, clips (B, C, T, H, W): outputs and what is remembered, by name."""
        try:
            joined = _joined([self._streams[name].memory for name in names], device_of(self.model))
            outputs, new = self.model.functional_step(network_inputs(self.model, clips, self._normalize), joined)
            memories = _apart(new, len(names))
        except MemoryMismatchError as error:
            raise MemoryMismatchError(f"stream {', '.join(map(repr, names))}: {error}") from error
        size = _size(clips[0])
        return {
            name: (row_of(outputs, row, len(names)), replace(self._streams[name], memory=memory, has_begun=True, size=size))
            for row, (name, memory) in enumerate(zip(names, memories, strict=True))
        }


@dataclass(frozen=True, slots=True)
class _Stream:
    """memory: with one row. size: (C, H, W) of its frames, once it is known."""

    memory: State = field(default_factory=dict)
    has_begun: bool = False
    size: tuple[int, ...] | None = None


def _size(clip: Tensor) -> tuple[int, ...]:
    return (clip.shape[0], *clip.shape[2:])


def _joined(memories: Sequence[State], device: torch.device) -> State:
    """One memory of the memories of several streams, as rows of a batch. Phases are equal."""
    return {
        site: frames if site.endswith(PHASE) else torch.cat([memory[site].to(device) for memory in memories])
        for site, frames in memories[0].items()
    }


def _apart(memory: State, num_streams: int) -> list[State]:
    """The memory of each row: copies, so that no stream keeps what others remember alive."""
    for site, frames in memory.items():
        if num_streams > 1 and not site.endswith(PHASE) and len(frames) != num_streams:
            raise MemoryMismatchError(
                f"{site} remembers {len(frames)} rows of {num_streams} streams, so nobody can tell whose they are; right would "
                "be: one stream a step for a network that folds frames into rows"
            )
    return [
        {
            site: frames if site.endswith(PHASE) or num_streams == 1 else frames[row : row + 1].clone()
            for site, frames in memory.items()
        }
        for row in range(num_streams)
    ]


def row_of(outputs: Any, row: int, num_rows: int) -> Any:
    """The part of a network's outputs that belongs to one row of the batch; what has no row for each is shared."""

    def part(value: Any) -> Any:
        return value[row] if isinstance(value, Tensor) and value.dim() and len(value) == num_rows else value

    return pytree.tree_map(part, outputs)
