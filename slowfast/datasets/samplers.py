"""In which order samples come, and which process gets which: arithmetic, without any data.

B batch size of one process, W processes, n samples.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from slowfast.datasets.clip_dataset import SampleKey

ORDER_STREAM = 2
"""Keeps the random numbers of the order apart from others with the same seed."""


class SampleOrder(Protocol):
    def __len__(self) -> int:
        """Batches an epoch, in this process."""

    @property
    def global_batch_size(self) -> int:
        """Samples of a batch, over all processes."""

    @property
    def name(self) -> str:
        """What the order of an epoch depends on besides its number, in words."""

    def batches(
        self, epoch: int, start: int = 0, *, offset: int = 0, clip_frames: int | None = None
    ) -> Iterator[list[SampleKey]]:
        """Batches start, start + 1, ... of an epoch.

        offset: samples of the epoch, over all processes, that lie before batch 0 and are left out: with batches of another
        size they were read already. clip_frames: see SampleKey.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class ShuffledOrder:
    """Training: a new order each epoch, and whole batches only.

    W*B samples in a row make one global batch; each process takes its own B of them. So two processes with batches of B see
    together what one process sees with batches of 2B.
    """

    num_samples: int
    batch_size: int
    seed: int
    rank: int = 0
    world_size: int = 1

    def __len__(self) -> int:
        return self.num_samples // self.global_batch_size

    @property
    def global_batch_size(self) -> int:
        return self.batch_size * self.world_size

    @property
    def name(self) -> str:
        return f"{self.num_samples} samples shuffled with RNG_SEED {self.seed}"

    def batches(
        self, epoch: int, start: int = 0, *, offset: int = 0, clip_frames: int | None = None
    ) -> Iterator[list[SampleKey]]:
        order = np.random.default_rng((ORDER_STREAM, self.seed, epoch)).permutation(self.num_samples).tolist()
        for number in range(start, (self.num_samples - offset) // self.global_batch_size):
            first = offset + number * self.global_batch_size + self.rank * self.batch_size
            yield [SampleKey(epoch, index, clip_frames) for index in order[first : first + self.batch_size]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SequentialOrder:
    """Evaluation: every sample once, in order. Each process takes one stretch; stretches differ by one sample at most.

    breaks: samples before which a batch ends, full or not; rising.
    """

    num_samples: int
    batch_size: int
    rank: int = 0
    world_size: int = 1
    breaks: tuple[int, ...] = ()

    def __len__(self) -> int:
        return sum(1 for _ in self._ranges())

    @property
    def global_batch_size(self) -> int:
        return self.batch_size * self.world_size

    @property
    def name(self) -> str:
        return f"{self.num_samples} samples in order"

    def batches(
        self, epoch: int, start: int = 0, *, offset: int = 0, clip_frames: int | None = None
    ) -> Iterator[list[SampleKey]]:
        assert not offset, "evaluation is not resumed"
        for samples in itertools.islice(self._ranges(), start, None):
            yield [SampleKey(epoch, index, clip_frames) for index in samples]

    def _ranges(self) -> Iterator[range]:
        """The samples of each batch."""
        first, stop = (self.num_samples * part // self.world_size for part in (self.rank, self.rank + 1))
        edges = [first, *(edge for edge in self.breaks if first < edge < stop), stop]
        for begin, end in itertools.pairwise(edges):
            for start in range(begin, end, self.batch_size):
                yield range(start, min(start + self.batch_size, end))
