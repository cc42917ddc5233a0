"""Processes find those of their own start, whatever an earlier one left in the store."""

import threading
import time

import pytest
from torch._C._distributed_c10d import HashStore

from slowfast.runtime.meeting import meet

WORLD = 3


def met(store: HashStore, *ranks: int, delay: dict[int, float] | None = None) -> list[str]:
    names: list[str] = []

    def join(rank: int) -> None:
        time.sleep((delay or {}).get(rank, 0))
        names.append(meet(store, rank=rank, world_size=WORLD, seconds=10.0))

    threads = [threading.Thread(target=join, args=(rank,)) for rank in ranks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return names


@pytest.mark.parametrize("last", range(WORLD))
def test_all_get_one_name_whoever_comes_last(last: int) -> None:
    names = met(HashStore(), *range(WORLD), delay={last: 0.2})
    assert len(names) == WORLD
    assert len(set(names)) == 1


def test_a_later_start_has_another_name_though_the_store_is_the_same() -> None:
    store = HashStore()
    first, second, third = (set(met(store, *range(WORLD), delay={0: wait})) for wait in (0.0, 0.2, 0.0))
    assert len(first) == len(second) == len(third) == 1
    assert len(first | second | third) == 3


def test_what_a_killed_process_had_announced_does_not_count() -> None:
    """Its successor comes later than process 0, which finds the old announcement meanwhile."""
    store = HashStore()
    store.set("announced/2", "of a process that was killed")
    names = met(store, *range(WORLD), delay={2: 0.3})
    assert len(set(names)) == 1
    assert len(names) == WORLD


def test_who_is_missing_is_named() -> None:
    with pytest.raises(TimeoutError, match=r"process 1, 2 has not come for 0\.2 s"):
        meet(HashStore(), rank=0, world_size=WORLD, seconds=0.2)


def test_a_process_without_process_0_does_not_wait_for_ever() -> None:
    with pytest.raises(TimeoutError, match=r"process 0 has not answered for 0\.2 s"):
        meet(HashStore(), rank=1, world_size=WORLD, seconds=0.2)
