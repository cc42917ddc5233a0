"""Whole videos side by side: which video each lane of a batch is in, and where. Arithmetic, without any video.

A video is a row of pieces of equal length. A lane goes through one video from its first piece to its last, then through the
next that it is dealt; a batch has B lanes on each of W processes, and S pieces of each lane.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from slowfast.datasets.samplers import ORDER_STREAM


class Piece(NamedTuple):
    """visit: how often the list of videos was gone through before; random choices for a video depend on it. piece: from 0."""

    visit: int
    video: int
    piece: int


class LaneKey(NamedTuple):
    """What one lane reads for one batch: S pieces; None: nothing, for there is no video left. No pieces: the lane has no video
    of this group, and no row in its batches. lane: in this process."""

    lane: int
    pieces: tuple[Piece | None, ...]


@dataclass(slots=True)
class _Deal:
    """Videos dealt out so far. work: pieces of each lane. stays: (first piece of the lane, visit, video) by lane."""

    work: list[tuple[int, int]]
    stays: list[list[tuple[int, int, int]]]
    visit: int = 0
    rest: list[int] = field(default_factory=list)


class TrainingLanes:
    """Training: the list of videos again and again, in a new order each time.

    Each video goes to the lane that is free first. Lanes never wait for each other: an epoch is as many batches as the pieces
    of all videos fill, the same number on every process, and a video that its end cuts goes on with the next epoch. So no
    piece is left out or seen twice. Where a lane is in an epoch depends on (seed, epoch, lengths, number of lanes) alone.
    """

    def __init__(
        self, *, lengths: Sequence[int], lanes: int, pieces: int, seed: int, rank: int = 0, world_size: int = 1
    ) -> None:
        """lengths: pieces of each video, at least 1. lanes: B. pieces: S."""
        self.lanes, self.pieces = lanes, pieces
        self._lengths, self._seed, self._rank, self._all_lanes = list(lengths), seed, rank, lanes * world_size
        self._batches = sum(self._lengths) // (self._all_lanes * pieces)
        self._deal = self._begin()

    def __len__(self) -> int:
        """Batches an epoch."""
        return self._batches

    @property
    def global_batch_size(self) -> int:
        """Lanes of all processes."""
        return self._all_lanes

    @property
    def name(self) -> str:
        return f"{len(self._lengths)} whole videos in {self._all_lanes} lanes, shuffled with RNG_SEED {self._seed}"

    def batches(self, epoch: int, start: int = 0) -> Iterator[list[LaneKey]]:
        """Batches start, start + 1, ... of an epoch: what each lane of this process reads."""
        first = (epoch * len(self) + start) * self.pieces
        stop = (epoch + 1) * len(self) * self.pieces
        walks = [self._walk(lane, first, stop) for lane in self._own_lanes()]
        for _ in range(start, len(self)):
            yield [LaneKey(lane, tuple(itertools.islice(walk, self.pieces))) for lane, walk in enumerate(walks)]

    def _own_lanes(self) -> range:
        return range(self._rank * self.lanes, (self._rank + 1) * self.lanes)

    def _walk(self, lane: int, first: int, stop: int) -> Iterator[Piece]:
        self._deal_until(stop, keep_from=first)
        for begin, visit, video in list(self._deal.stays[lane]):
            for piece in range(max(first - begin, 0), min(self._lengths[video], stop - begin)):
                yield Piece(visit, video, piece)

    def _begin(self) -> _Deal:
        lanes = range(self._all_lanes)
        return _Deal(work=[(0, lane) for lane in lanes], stays=[[] for _ in lanes])

    def _deal_until(self, stop: int, *, keep_from: int) -> None:
        """Deals on until every lane has `stop` pieces. Forgets what lies before `keep_from`; who asks for that deals anew."""
        deal = self._deal
        if any(stays and stays[0][0] > keep_from for stays in deal.stays):
            deal = self._deal = self._begin()
        while deal.work[0][0] < stop:
            if not deal.rest:
                order = np.random.default_rng((ORDER_STREAM, self._seed, deal.visit)).permutation(len(self._lengths))
                deal.rest = order[::-1].tolist()
                deal.visit += 1
            video = deal.rest.pop()
            work, lane = deal.work[0]
            heapq.heapreplace(deal.work, (work + self._lengths[video], lane))
            deal.stays[lane].append((work, deal.visit - 1, video))
        for stays in deal.stays:
            while len(stays) > 1 and stays[1][0] <= keep_from:
                del stays[0]


class EvaluationLanes:
    """Evaluation: every video once, each by the lane that is free first, in the order of the list, one group of videos after
    the other; lanes end when they do, and begin the next group together."""

    def __init__(
        self,
        *,
        lengths: Sequence[int],
        lanes: int,
        pieces: int,
        rank: int = 0,
        world_size: int = 1,
        groups: Sequence[Hashable] = (),
    ) -> None:
        """groups: of each video; those of different groups are never in one batch. Empty: all are one. As for TrainingLanes."""
        self.lanes, self.pieces, self._all_lanes = lanes, pieces, lanes * world_size
        self._lengths, self._num_videos = list(lengths), len(lengths)
        members: dict[Hashable, list[int]] = {}
        for video in range(len(lengths)):
            members.setdefault(groups[video] if groups else None, []).append(video)
        own = slice(rank * lanes, (rank + 1) * lanes)
        batches = [0] * world_size
        self._parts: list[tuple[list[list[int]], int]] = []
        for videos in members.values():
            dealt, work = self._dealt(videos, batches)
            found = [-(-max(work[first : first + lanes]) // pieces) for first in range(0, self._all_lanes, lanes)]
            self._parts.append((dealt[own], found[rank]))
            batches = [done + more for done, more in zip(batches, found, strict=True)]
        self._batches = batches[rank]

    def _dealt(self, videos: Sequence[int], batches: Sequence[int]) -> tuple[list[list[int]], list[int]]:
        """The videos of each lane of all processes, and how many pieces these have. batches: that each process has already; of
        lanes that are equally free, one of the process with the fewest is next."""
        heap = [(0, batches[lane // self.lanes], lane) for lane in range(self._all_lanes)]
        heapq.heapify(heap)
        dealt: list[list[int]] = [[] for _ in heap]
        work = [0] * self._all_lanes
        for video in videos:
            done, before, lane = heap[0]
            work[lane] = done + self._lengths[video]
            heapq.heapreplace(heap, (work[lane], before, lane))
            dealt[lane].append(video)
        return dealt, work

    def __len__(self) -> int:
        """Batches of this process."""
        return self._batches

    @property
    def global_batch_size(self) -> int:
        return self._all_lanes

    @property
    def name(self) -> str:
        return f"{self._num_videos} whole videos in order"

    def batches(self, epoch: int, start: int = 0) -> Iterator[list[LaneKey]]:
        yield from itertools.islice(itertools.chain.from_iterable(itertools.starmap(self._of_group, self._parts)), start, None)

    def _of_group(self, videos: Sequence[Sequence[int]], batches: int) -> Iterator[list[LaneKey]]:
        """videos: of each lane of this process."""
        walks = [itertools.chain(self._walk(own), itertools.repeat(None)) for own in videos]
        sizes = [self.pieces if own else 0 for own in videos]
        for _ in range(batches):
            yield [LaneKey(lane, tuple(itertools.islice(walk, sizes[lane]))) for lane, walk in enumerate(walks)]

    def _walk(self, videos: Sequence[int]) -> Iterator[Piece]:
        for video in videos:
            for piece in range(self._lengths[video]):
                yield Piece(0, video, piece)
