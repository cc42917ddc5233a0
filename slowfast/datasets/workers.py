"""Worker processes that read samples: how they are started, what they are told, and how they end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import cv2
import torch
from torch.utils.data import DataLoader, Dataset

from slowfast.datasets.errors import DecodeError, TooManyBadVideosError
from slowfast.datasets.shared_memory import AHEAD, HandedOver, Room
from slowfast.runtime.atomic_files import WriteError
from slowfast.runtime.children import default_start_method, obey_parent, starting_children
from slowfast.runtime.main_script import check_can_be_imported_again

Item = TypeVar("Item")
Read = TypeVar("Read")

Failure = DecodeError | TooManyBadVideosError | WriteError


class Workers(Generic[Item]):
    """Passes over a data set: lists of keys in, what `collate` makes of each list's samples out, in order.

    Workers are started by the first pass and live until `close`; they are forked, or spawned where Python does not fork by
    default. List i of a pass is read by worker i modulo their number.
    """

    def __init__(
        self,
        dataset: Dataset[Any],
        *,
        num_workers: int,
        collate: Callable[[Sequence[Any]], Item],
        pin_memory: bool,
        held: int = 1,
    ) -> None:
        """pin_memory: calls the method of that name of what `collate` returns. held: items that their reader keeps, at most."""
        self._pass = _Pass()
        self._room = Room(workers=num_workers, pinned=pin_memory, held=held)
        # A server that forks workers would end with the first signal to the process group, and take them along.
        self._start_method = "fork" if default_start_method() == "fork" else "spawn"
        self._started = num_workers == 0
        self._loader: DataLoader[Any] | None = DataLoader(
            dataset,
            batch_sampler=self._pass,
            num_workers=num_workers,
            prefetch_factor=AHEAD if num_workers else None,
            collate_fn=HandedOver(collate),
            pin_memory=pin_memory,
            persistent_workers=num_workers > 0,
            multiprocessing_context=self._start_method if num_workers else None,
            worker_init_fn=_set_up_worker,
            # Its own generator, lest the number of passes change what the model draws from torch's.
            generator=torch.Generator(),
        )

    def read(self, keys: Iterable[list[Any]]) -> Iterator[Item]:
        """A pass. A new one ends the one before. Raises SharedMemoryError where workers find no room for what they read."""
        assert self._loader is not None, "the workers were closed"
        self._pass.keys = iter(keys)
        # Forked workers inherit this. It is said before, since OpenCV hangs in a process that was forked while its threads
        # were running, even when it is asked to do without them.
        cv2.setNumThreads(1)
        if self._started:
            return self._room.checked(iter(self._loader))
        self._room.look()
        spawned = self._start_method == "spawn"
        if spawned:
            check_can_be_imported_again()
        with starting_children(spawned=spawned, one_thread=True):
            self._started = True
            return self._room.checked(iter(self._loader))

    def close(self) -> None:
        """Ends the workers."""
        self._loader = None  # they end when nothing refers to them any more


@dataclass(frozen=True, slots=True)
class Sample(Generic[Read]):
    """What came of a key, and how long it took."""

    result: Read | Failure
    seconds: float


class Guarded(Dataset[Sample[Read]]):
    """Returns failures instead of raising them: an exception that leaves a worker loses its type and attributes."""

    def __init__(self, dataset: Dataset[Read]) -> None:
        self._dataset = dataset

    def __getitem__(self, key: Any) -> Sample[Read]:
        started = time.perf_counter()
        result: Read | Failure
        try:
            result = self._dataset[key]
        except (DecodeError, TooManyBadVideosError, WriteError) as failure:
            result = failure
        return Sample(result, time.perf_counter() - started)


class _Pass:
    """What the coming pass reads; asked by the DataLoader whenever one begins."""

    def __init__(self) -> None:
        self.keys: Iterator[list[Any]] = iter(())

    def __iter__(self) -> Iterator[list[Any]]:
        return self.keys


def _set_up_worker(worker: int) -> None:
    """One thread a worker: there are as many workers as cores. Signals are for the main process, which ends workers."""
    obey_parent()
    torch.set_num_threads(1)
    if cv2.getNumThreads() != 1:  # spawned: what the main process said does not hold here
        cv2.setNumThreads(1)
