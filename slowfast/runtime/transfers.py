"""Between host and device: copies that nobody waits for, and the one that an update does wait for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, Self, TypeVar

import torch
from torch import Tensor


class Movable(Protocol):
    """A batch."""

    def to(self, device: torch.device) -> Self: ...

    def map(self, function: Callable[[Tensor], Tensor]) -> Self:
        """Of the tensors that `to` moves."""


B = TypeVar("B", bound=Movable)


def sent(tensor: Tensor, device: torch.device) -> Tensor:
    """A tensor of the host on the device. It goes through pinned memory, so that the host need not wait for the copy."""
    if device.type == "cuda" and tensor.device.type == "cpu":
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)


def read(tensor: Tensor) -> Tensor:
    """A tensor of the device on the host, which waits until it is computed: gather all that is wanted in one."""
    return tensor.detach().cpu()


class DeviceFeed:
    """Hands batches on, on the device. On a GPU the next one is copied, on a stream of its own, while one is computed with: the
    device holds two batches then. On a CPU there is nothing to copy, and batches are read when they are asked for."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]

    def __call__(self, batches: Iterable[B]) -> Iterator[tuple[B, B]]:
        """Each batch as it comes, and on the device. An error of `batches` is raised behind the batches before it."""
        if self._stream is None:
            for batch in batches:
                yield batch, batch.to(self._device)
            return
        source, ahead, error = iter(batches), None, None
        while True:
            try:
                batch = next(source)
            except StopIteration:
                break
            except Exception as found:
                error = found
                break
            copied = batch, *self._copied(batch, self._stream)
            if ahead is not None:
                yield self._arrived(*ahead)
            ahead = copied
        if ahead is not None:
            yield self._arrived(*ahead)
        if error is not None:
            raise error

    def _copied(self, batch: B, stream: torch.cuda.Stream) -> tuple[B, torch.cuda.Event]:
        """The copy, begun, and what tells its end."""
        with torch.cuda.stream(stream):
            return batch.to(self._device), stream.record_event()

    def _arrived(self, batch: B, copy: B, end: torch.cuda.Event) -> tuple[B, B]:
        """Lets the device, not the host, wait for the copy before it computes with it."""
        computing = torch.cuda.current_stream(self._device)
        computing.wait_event(end)

        def used(tensor: Tensor) -> Tensor:
            tensor.record_stream(computing)  # its memory is not to be given away before that is done
            return tensor

        return batch, copy.map(used)
