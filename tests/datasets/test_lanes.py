"""Lanes share whole videos out: nothing left out, nothing twice, wherever an epoch or a batch ends."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slowfast.datasets.lanes import EvaluationLanes, LaneKey, Piece, TrainingLanes

LENGTHS = st.lists(st.integers(1, 9), min_size=1, max_size=12)
SIZES = st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 3))
"""Lanes of a process, pieces of a batch, processes."""


def of_lane(keys: list[list[LaneKey]], lane: int) -> list[Piece | None]:
    return [piece for batch in keys for piece in batch[lane].pieces]


def training(lengths: list[int], sizes: tuple[int, int, int], rank: int = 0, seed: int = 3) -> TrainingLanes:
    lanes, pieces, processes = sizes
    return TrainingLanes(lengths=lengths, lanes=lanes, pieces=pieces, seed=seed, rank=rank, world_size=processes)


@given(LENGTHS, SIZES, st.integers(0, 5))
def test_lanes_go_through_whole_videos_one_piece_after_the_other(
    lengths: list[int], sizes: tuple[int, int, int], seed: int
) -> None:
    seen: Counter[Piece] = Counter()
    ends = []
    for rank in range(sizes[2]):
        lanes = training(lengths, sizes, rank, seed)
        batches = [keys for epoch in range(4) for keys in lanes.batches(epoch)]
        for lane in range(sizes[0]):
            pieces = [piece for piece in of_lane(batches, lane) if piece is not None]
            seen.update(pieces)
            ends += pieces[-1:]
            for before, after in itertools.pairwise(pieces):
                if after.piece:
                    assert after == before._replace(piece=before.piece + 1)
                else:
                    assert before.piece == lengths[before.video] - 1
            assert not pieces or pieces[0].piece == 0
    assert all(count == 1 for count in seen.values())
    # Of the visits before the newest, only what lanes have not come to yet may be missing.
    unfinished = {(piece.visit, piece.video) for piece in ends}
    for visit in range(max((piece.visit for piece in seen), default=0) - len(ends)):
        for video, length in enumerate(lengths):
            found = [piece for piece in seen if piece[:2] == (visit, video)]
            assert len(found) == length or (visit, video) in unfinished


@given(LENGTHS, SIZES)
def test_every_process_has_as_many_batches(lengths: list[int], sizes: tuple[int, int, int]) -> None:
    counts = {len(list(training(lengths, sizes, rank).batches(epoch))) for rank in range(sizes[2]) for epoch in (0, 3)}
    assert counts == {sum(lengths) // (sizes[0] * sizes[1] * sizes[2])}


@given(LENGTHS, SIZES, st.integers(0, 3), st.data())
def test_a_pass_can_begin_anywhere(lengths: list[int], sizes: tuple[int, int, int], epoch: int, data: st.DataObject) -> None:
    whole = list(training(lengths, sizes).batches(epoch))
    start = data.draw(st.integers(0, len(whole)))
    lanes = training(lengths, sizes)
    list(lanes.batches(data.draw(st.integers(0, 5))))  # whatever was asked before changes nothing
    assert list(lanes.batches(epoch, start)) == whole[start:]


@given(LENGTHS, SIZES)
def test_evaluation_sees_every_piece_once(lengths: list[int], sizes: tuple[int, int, int]) -> None:
    lanes, pieces, processes = sizes
    seen = Counter(
        piece
        for rank in range(processes)
        for keys in EvaluationLanes(lengths=lengths, lanes=lanes, pieces=pieces, rank=rank, world_size=processes).batches(0)
        for key in keys
        for piece in key.pieces
        if piece is not None
    )
    assert seen == Counter(Piece(0, video, piece) for video, length in enumerate(lengths) for piece in range(length))


@given(LENGTHS, SIZES)
def test_evaluation_has_no_batch_without_a_piece(lengths: list[int], sizes: tuple[int, int, int]) -> None:
    lanes, pieces, processes = sizes
    for rank in range(processes):
        order = EvaluationLanes(lengths=lengths, lanes=lanes, pieces=pieces, rank=rank, world_size=processes)
        batches = list(order.batches(0))
        assert len(batches) == len(order)
        assert all(any(piece for key in keys for piece in key.pieces) for keys in batches)


def test_orders_differ_by_seed_and_by_visit() -> None:
    lengths = [1] * 40
    first, second = (
        [
            key.pieces[0].video
            for keys in training(lengths, (1, 1, 1), seed=seed).batches(epoch)
            for key in keys
            if key.pieces[0]
        ]
        for seed, epoch in ((1, 0), (1, 1))
    )
    other = [key.pieces[0].video for keys in training(lengths, (1, 1, 1), seed=2).batches(0) for key in keys if key.pieces[0]]
    assert sorted(first) == sorted(second) == sorted(other) == list(range(40))
    assert first != second and first != other


@pytest.mark.parametrize("world", [1, 2, 3])
@pytest.mark.parametrize("lanes", [1, 2])
def test_videos_of_different_groups_are_never_in_one_batch_and_all_are_seen_once(world: int, lanes: int) -> None:
    rng = np.random.default_rng(lanes)
    lengths, groups = rng.integers(1, 9, 30).tolist(), rng.integers(0, 7, 30).tolist()
    seen = []
    counts = []
    for rank in range(world):
        dealt = EvaluationLanes(lengths=lengths, lanes=lanes, pieces=3, rank=rank, world_size=world, groups=groups)
        batches = list(dealt.batches(0))
        counts.append(len(batches))
        assert len(batches) == len(dealt) and list(dealt.batches(0, 2)) == batches[2:]
        for keys in batches:
            pieces = [piece for key in keys for piece in key.pieces if piece is not None]
            assert len({groups[piece.video] for piece in pieces}) == 1
            seen += pieces
    assert sorted((piece.video, piece.piece) for piece in seen) == [(v, p) for v in range(30) for p in range(lengths[v])]
    assert max(counts) <= 2 * min(counts), "groups of few videos go to the process that has the fewest batches"
