"""Orders of samples: who gets what, and that nothing is lost or seen twice."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from slowfast.datasets.samplers import SequentialOrder, ShuffledOrder

sizes = {"num_samples": st.integers(1, 60), "batch_size": st.integers(1, 7), "world_size": st.integers(1, 4)}


def indices(batches):
    return [[key.index for key in batch] for batch in batches]


@given(**sizes, epoch=st.integers(0, 3), seed=st.integers(0, 3))
def test_ranks_together_see_what_one_process_with_the_whole_batch_sees(num_samples, batch_size, world_size, epoch, seed):
    ranks = [
        ShuffledOrder(num_samples=num_samples, batch_size=batch_size, seed=seed, rank=rank, world_size=world_size)
        for rank in range(world_size)
    ]
    alone = ShuffledOrder(num_samples=num_samples, batch_size=batch_size * world_size, seed=seed)
    assert {len(rank) for rank in ranks} == {len(alone)}
    together = [list(itertools.chain(*parts)) for parts in zip(*(rank.batches(epoch) for rank in ranks), strict=True)]
    assert together == list(alone.batches(epoch))


@given(**sizes, epoch=st.integers(0, 3))
def test_training_takes_whole_batches_of_different_samples(num_samples, batch_size, world_size, epoch):
    order = ShuffledOrder(num_samples=num_samples, batch_size=batch_size, seed=0, rank=0, world_size=world_size)
    seen = list(itertools.chain(*indices(order.batches(epoch))))
    assert len(seen) == len(order) * batch_size == len(set(seen))
    assert num_samples - len(order) * batch_size * world_size < batch_size * world_size


@given(**sizes)
def test_evaluation_sees_every_sample_once_in_order(num_samples, batch_size, world_size):
    ranks = [
        SequentialOrder(num_samples=num_samples, batch_size=batch_size, rank=rank, world_size=world_size)
        for rank in range(world_size)
    ]
    parts = [indices(rank.batches(0)) for rank in ranks]
    assert list(itertools.chain(*itertools.chain(*parts))) == list(range(num_samples))
    assert [len(part) for part in parts] == [len(rank) for rank in ranks]


@given(**sizes, breaks=st.sets(st.integers(0, 70)), start=st.integers(0, 9))
def test_batches_end_at_breaks_and_are_full_otherwise(num_samples, batch_size, world_size, breaks, start):
    seen = []
    for rank in range(world_size):
        order = SequentialOrder(
            num_samples=num_samples, batch_size=batch_size, rank=rank, world_size=world_size, breaks=tuple(sorted(breaks))
        )
        batches = indices(order.batches(0))
        assert len(batches) == len(order)
        assert indices(order.batches(0, start)) == batches[start:]
        for batch, following in itertools.pairwise(batches):
            assert len(batch) == batch_size or following[0] in breaks
        assert not any(breaks.intersection(batch[1:]) for batch in batches)
        assert all(0 < len(batch) <= batch_size for batch in batches)
        seen += itertools.chain(*batches)
    assert seen == list(range(num_samples))


@given(**sizes, start=st.integers(0, 5))
def test_a_later_start_gives_the_tail_of_the_epoch(num_samples, batch_size, world_size, start):
    common = {"num_samples": num_samples, "batch_size": batch_size, "rank": world_size - 1, "world_size": world_size}
    for order in (SequentialOrder(**common), ShuffledOrder(**common, seed=1)):
        assert list(order.batches(2, start)) == list(order.batches(2))[start:]


@given(**sizes, offset=st.integers(0, 40), start=st.integers(0, 3))
def test_batches_behind_an_offset_go_on_in_the_same_order(num_samples, batch_size, world_size, offset, start):
    order = list(itertools.chain(*indices(ShuffledOrder(num_samples=num_samples, batch_size=1, seed=3).batches(1))))
    ranks = [
        ShuffledOrder(num_samples=num_samples, batch_size=batch_size, seed=3, rank=rank, world_size=world_size)
        for rank in range(world_size)
    ]
    parts = [indices(rank.batches(1, start, offset=offset)) for rank in ranks]
    seen = [index for batches in zip(*parts, strict=True) for batch in batches for index in batch]
    size = batch_size * world_size
    first = offset + start * size
    assert seen == order[first : max(first, first + (num_samples - first) // size * size)]


def test_epochs_and_seeds_give_different_orders():
    def order(seed, epoch):
        return tuple(itertools.chain(*indices(ShuffledOrder(num_samples=50, batch_size=10, seed=seed).batches(epoch))))

    assert len({order(seed, epoch) for seed in range(3) for epoch in range(3)}) == 9
    assert sorted(order(0, 0)) == list(range(50))
