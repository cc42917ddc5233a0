"""The same work on many files at once, with a progress bar, and stoppable at any time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_parallel(
    work: Callable[[Item], Result], items: Sequence[Item], *, jobs: int, title: str
) -> Iterator[tuple[Item, Result]]:
    """(item, work(item)), each as soon as it is ready. An exception, an interrupt too, drops what has not begun.

    Threads are enough: decoders and encoders let go of Python's lock while they work.
    """
    pool = ThreadPoolExecutor(max(1, jobs))
    try:
        waiting = {pool.submit(work, item): item for item in items}
        for future in tqdm(as_completed(waiting), total=len(items), desc=title, unit="video", disable=not items):
            yield waiting[future], future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
