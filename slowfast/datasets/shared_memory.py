"""Room for what workers hand over. It lies in a file system in memory, which containers make small (Docker: 64 MB)."""

from __future__ import annotations

import dataclasses
import logging
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from torch import Tensor
from torch.utils.data import get_worker_info

from slowfast.errors import UserError
from slowfast.runtime.environment import membership

logger = logging.getLogger(__name__)

Item = TypeVar("Item")

PLACE = "/dev/shm"

AHEAD = 2
"""Items that PyTorch lets each worker be ahead of the main process."""

_FULL = "No space left on device"


class SharedMemoryError(UserError, RuntimeError):
    """The file system in memory is too small for the batches of the loading processes."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What lies in shared memory at most. workers: of this process. processes: that load on this machine, one like the other.
    pinned: items are copied into page-locked memory as soon as they come, so that each worker has one there. held: items that
    the main process holds."""

    workers: int
    pinned: bool = False
    held: int = 1
    processes: int = 1

    def bytes(self, item: int) -> int:
        """Where one item has so many bytes."""
        return item * (self.workers * (1 if self.pinned else AHEAD) + self.held) * self.processes

    def shortage(self, item: int, free: int) -> str:
        """What is too small and what would be right, in one sentence; empty where there is room."""
        need = self.bytes(item)
        if need <= free:
            return ""
        each, right = f" for each of {self.processes} processes" if self.processes > 1 else "", _gigabytes(need)
        return (
            f"{PLACE}: {self.workers} loading processes{each} may fill {need / 1e9:.3g} GB of shared memory, and "
            f"{free / 1e9:.3g} GB are free; right would be {right} GB (docker run --shm-size={right}g, or --ipc=host), or "
            "fewer loading processes (DATA_LOADER.NUM_WORKERS)"
        )


@dataclass(frozen=True, slots=True)
class NoRoom:
    """Comes from a worker instead of an item that found no room. bytes: of the item."""

    bytes: int


class HandedOver(Generic[Item]):
    """Collates in a worker, and puts what comes of it into shared memory there and then.

    PyTorch would do so in a thread that sends items, which drops those that find no room: the main process would wait for ever.
    """

    def __init__(self, collate: Callable[[Sequence[Any]], Item]) -> None:
        self._collate = collate

    def __call__(self, samples: Sequence[Any]) -> Item | NoRoom:
        if get_worker_info() is None:
            return self._collate(samples)
        try:
            item = self._collate(samples)
            for tensor in _tensors(item):
                if tensor.numel():
                    tensor.share_memory_()  # type: ignore[no-untyped-call]
        except RuntimeError as error:
            if _FULL not in str(error):
                raise
            return NoRoom(bytes_of(samples))
        return item


class Room:
    """Looks at the items that workers hand over: tells once if /dev/shm is too small for all that may lie there."""

    def __init__(self, *, workers: int, pinned: bool, held: int) -> None:
        own = membership()
        self._demand = Demand(workers, pinned, held, own.local_world_size if own else 1)
        self._free: int | None = None
        self._told = workers == 0

    def look(self) -> None:
        """Before the workers start."""
        self._free = free_bytes()

    def checked(self, items: Iterable[Item | NoRoom]) -> Iterator[Item]:
        """Raises SharedMemoryError for an item that found no room."""
        for item in items:
            if isinstance(item, NoRoom):
                need = _gigabytes(self._demand.bytes(item.bytes))
                raise SharedMemoryError(
                    f"{PLACE}: a loading process finds no room for {item.bytes / 1e6:.3g} MB that it has read; right would be "
                    f"{need} GB (docker run --shm-size={need}g, or --ipc=host), or fewer loading processes "
                    "(DATA_LOADER.NUM_WORKERS; 0 needs none)"
                )
            if not self._told and self._free is not None:
                self._told = True
                if shortage := self._demand.shortage(bytes_of(item), self._free):
                    logger.warning("%s", shortage)
            yield item


def free_bytes() -> int | None:
    """Room for shared memory; None where systems keep it elsewhere."""
    try:
        there = os.statvfs(PLACE)
    except OSError:
        return None
    return there.f_bavail * there.f_frsize


def bytes_of(item: object) -> int:
    """Of all tensors in an item, in bytes."""
    return sum(tensor.numel() * tensor.element_size() for tensor in _tensors(item))


def _tensors(item: object) -> Iterator[Tensor]:
    if isinstance(item, Tensor):
        yield item
    elif isinstance(item, (list, tuple)):
        for part in item:
            yield from _tensors(part)
    elif isinstance(item, Mapping):
        yield from _tensors(list(item.values()))
    elif dataclasses.is_dataclass(item):
        for field in dataclasses.fields(item):
            yield from _tensors(getattr(item, field.name))


def _gigabytes(size: int) -> int:
    return math.ceil(size / 1e9)
