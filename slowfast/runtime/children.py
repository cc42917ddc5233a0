"""What a process and those that it starts owe each other: signals, threads, and an end when the other one has ended."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from multiprocessing import resource_tracker
from multiprocessing.util import Finalize

from slowfast.runtime.interruption import ALL_SIGNALS, end_at_once, forward

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)

WATCH_SECONDS = 0.5
"""How often a child looks whether its parent is still there."""

GRACE_SECONDS = 300
"""Time that a process gets to save and end when its launcher is gone."""


def default_start_method() -> str:
    """How Python starts processes here: fork, spawn or forkserver. Asking does not settle it, as asking Python would."""
    return multiprocessing.get_start_method(allow_none=True) or multiprocessing.get_all_start_methods()[0]


@contextlib.contextmanager
def starting_children(*, spawned: bool, one_thread: bool = False) -> Iterator[None]:
    """Processes that are started within it hold back stop signals until they are ready: `obey_parent`, `release_signals`.

    spawned: they are not forked; then Python's helper process is protected too. one_thread: the libraries that spawned
    processes load compute on one thread.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ALL_SIGNALS)
    try:
        if spawned:
            _start_tracker()  # it lets some of the signals through again
            signal.pthread_sigmask(signal.SIG_BLOCK, ALL_SIGNALS)
        with _environment(dict.fromkeys(THREAD_VARIABLES, "1") if one_thread else {}):
            yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def release_signals() -> None:
    """In a child: from here on signals arrive, those that came before among them."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ALL_SIGNALS)


def obey_parent() -> None:
    """In a child that works for its parent: stop signals pass it by, for its parent decides what becomes of the work.

    It ends when the parent terminates it, and when the parent is gone.
    """
    parent = _parent()
    signal.pthread_sigmask(signal.SIG_BLOCK, ALL_SIGNALS)

    def obey() -> None:
        while os.getppid() == parent:
            if not hasattr(signal, "sigtimedwait"):  # macOS does not tell who sends a signal
                signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
                time.sleep(WATCH_SECONDS)
            else:
                came = signal.sigtimedwait(ALL_SIGNALS, WATCH_SECONDS)
                if came is not None and came.si_signo == signal.SIGTERM and came.si_pid == parent:
                    break
        os._exit(0)

    threading.Thread(target=obey, name="obey-parent", daemon=True).start()


def stop_with_parent() -> None:
    """In a process of a run: when its launcher is gone it is asked to stop, and ends after GRACE_SECONDS in any case."""
    parent = _parent()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(WATCH_SECONDS)
        forward(signal.SIGTERM, os.getpid())
        time.sleep(GRACE_SECONDS)
        end_at_once(signal.SIGTERM)

    threading.Thread(target=watch, name="stop-with-parent", daemon=True).start()


_tracker_stops: list[Finalize] = []


def _start_tracker() -> None:
    """Python's helper process, which is started with the first spawned one. It ends before this process, not after it."""
    resource_tracker.ensure_running()
    tracker = resource_tracker._resource_tracker
    if not _tracker_stops and getattr(tracker, "_pid", None) is not None and hasattr(tracker, "_stop"):
        _tracker_stops.append(Finalize(None, tracker._stop, exitpriority=-100))


def _parent() -> int:
    started_by = multiprocessing.parent_process()
    return os.getppid() if started_by is None or started_by.pid is None else started_by.pid


@contextlib.contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
