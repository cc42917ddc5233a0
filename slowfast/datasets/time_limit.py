"""A limit on how long reading one sample may take, so that a file on a dying disk cannot hold up a training.

Slow files give up by themselves: what reads them calls `check_time` between packets and pictures. That does not help where a
read never returns, so reading happens in a thread of its own, which is left behind if it does not answer in time. A thread
that hangs keeps its file open, and nothing more; it ends with its process, or when the disk comes back.
"""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from slowfast.datasets.errors import DecodeError

T = TypeVar("T")


@dataclass(slots=True)
class _Limit:
    """path: the file that was read last."""

    seconds: float
    deadline: float
    path: str

    def exceeded(self) -> DecodeError:
        return DecodeError(self.path, f"reading takes longer than {self.seconds:g} s (DATA_LOADER.VIDEO_TIMEOUT_SEC)")


_limit: contextvars.ContextVar[_Limit | None] = contextvars.ContextVar("_limit", default=None)


def check_time(path: str) -> None:
    """To be called every few milliseconds of work on file `path`. Raises DecodeError once the time is over."""
    limit = _limit.get()
    if limit is None:
        return
    limit.path = path
    if time.monotonic() > limit.deadline:
        raise limit.exceeded()


def within(seconds: float, name: str, read: Callable[[], T]) -> T:
    """What `read` returns or raises; DecodeError if it takes longer than `seconds`. 0 is no limit.

    The error names the file that was being read, or `name` if none was begun.
    """
    if not seconds:
        return read()
    limit = _Limit(seconds, time.monotonic() + seconds, name)
    answer = _Answer(read)
    context = contextvars.copy_context()
    context.run(_limit.set, limit)
    thread = threading.Thread(target=context.run, args=(answer.find,), name="reading", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise limit.exceeded()
    _wait_for_end(thread)
    return answer.get()


def _wait_for_end(thread: threading.Thread) -> None:
    """Waits until the system has ended the thread too, some microseconds after Python has.

    In between, libraries let go of what they kept for the thread (OpenCV does, under a lock): a process that is forked then,
    such as a loader worker, would wait for that lock for ever.
    """
    task = Path(f"/proc/self/task/{thread.native_id}")
    latest = time.monotonic() + 1
    while task.exists() and time.monotonic() < latest:
        time.sleep(0)


class _Answer(Generic[T]):
    """Carries a result, or an exception, from one thread to another."""

    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function
        self._results: list[T] = []
        self._error: BaseException | None = None

    def find(self) -> None:
        try:
            self._results.append(self._function())
        except BaseException as error:
            self._error = error

    def get(self) -> T:
        if self._error is not None:
            raise self._error
        return self._results[0]
