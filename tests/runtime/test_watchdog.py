"""A process that others wait for is named, with its stack where it has one; one that computes for long is left alone."""

import os
import threading
import time
from collections.abc import Callable

import pytest
from torch._C._distributed_c10d import HashStore

from slowfast.runtime import watchdog as module
from slowfast.runtime.errors import LostProcessError
from slowfast.runtime.watchdog import Exchanges, Watchdog, stacks

SECONDS = 0.4


@pytest.fixture(autouse=True)
def _short_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STACK_SECONDS", 0.1)


class Process:
    """The watchdog of one of several processes, which are threads here, and how it ended its process."""

    def __init__(self, store: HashStore, rank: int, world_size: int = 2) -> None:
        self.exchanges, self.ended = Exchanges(), threading.Event()
        self.said = ""
        self.watchdog = Watchdog(
            store, self.exchanges, rank=rank, world_size=world_size, seconds=SECONDS, end=self.end
        )  # fmt: skip
        self.watchdog.start()

    def end(self, error: LostProcessError) -> None:
        self.said = str(error)
        self.watchdog._stopped.set()
        self.ended.set()


def ended(*processes: Process, seconds: float = 10.0) -> list[str]:
    deadline = time.monotonic() + seconds
    for process in processes:
        process.ended.wait(max(deadline - time.monotonic(), 0))
    for process in processes:
        process.watchdog.stop()
    return [process.said for process in processes]


def test_process_that_is_busy_elsewhere_is_named_with_its_stack() -> None:
    store = HashStore()
    waits, busy = Process(store, 0), Process(store, 1)
    with waits.exchanges.one():
        said, own = ended(waits, busy)
    assert f"process 1 (number {os.getpid()} on " in said
    assert "has not answered for 0 s, and the others wait for it; it is here:\n" in said
    assert "test_process_that_is_busy_elsewhere" in said, "the stack of the main thread"
    assert own == "process 1 has not answered the others"


def test_process_without_a_sign_of_life_is_named_without_a_stack() -> None:
    store = HashStore()
    waits, stopped = Process(store, 0), Process(store, 1)
    time.sleep(0.2)
    stopped.watchdog.stop()
    with waits.exchanges.one():
        (said,) = ended(waits)
    assert "process 1 (number" in said
    assert "no sign of life, and so no stack" in said


def test_one_of_those_who_wait_speaks_for_all() -> None:
    store = HashStore()
    processes = [Process(store, rank, world_size=4) for rank in range(4)]
    with processes[0].exchanges.one(), processes[2].exchanges.one(), processes[3].exchanges.one():
        said = ended(*processes)
    assert ["it is here" in text for text in said] == [True, False, False, False]


def all_compute(processes: list[Process]) -> None:
    time.sleep(3 * SECONDS)


def all_wait_for_the_network(processes: list[Process]) -> None:
    with processes[0].exchanges.one(), processes[1].exchanges.one():
        time.sleep(3 * SECONDS)


def one_is_slow_but_comes(processes: list[Process]) -> None:
    for _ in range(9):
        with processes[0].exchanges.one():
            time.sleep(SECONDS / 4)
            with processes[1].exchanges.one():
                pass


@pytest.mark.parametrize("doing", [all_compute, all_wait_for_the_network, one_is_slow_but_comes])
def test_nobody_is_accused_who_is_not_waited_for(doing: Callable[[list[Process]], None]) -> None:
    store = HashStore()
    processes = [Process(store, rank) for rank in range(2)]
    doing(processes)
    assert ended(*processes, seconds=0) == ["", ""]


def test_stacks_are_those_of_all_threads() -> None:
    waits = threading.Event()
    thread = threading.Thread(target=waits.wait)
    thread.start()
    found = stacks()
    waits.set()
    thread.join()
    assert "test_stacks_are_those_of_all_threads" in found
    assert found.count("Thread 0x") + found.count("Current thread 0x") >= 2
