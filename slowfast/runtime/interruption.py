"""Stopping when a user or a scheduler asks for it: Ctrl-C, `kill`, the end of a job's time, a terminal that is closed.

Signals reach a process in one of two ways. Where nothing is worth saving (`interruptible`) the first one raises Interrupted at
once. Within a StopRequest it leaves a note, which the loops look at when what they do can be interrupted without a loss.
Either way a second signal ends the process, and those it has started, on the spot.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType, TracebackType

from slowfast.runtime.errors import Interrupted

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGXCPU)
"""What users and schedulers ask with: Slurm sends SIGTERM, or what its --signal says; SGE and LSF SIGUSR1, SIGUSR2, SIGXCPU."""

FORWARDED = {signal.SIGRTMIN + number: number for number in SIGNALS} if hasattr(signal, "SIGRTMIN") else {}
"""A launcher hands a signal on under a number of its own. So processes that had it already, as all members of a process
group have, do not take the launcher's for a second one."""

ALL_SIGNALS = (*SIGNALS, *FORWARDED)

ECHO_SECONDS = 0.3
"""The same signal so soon after the first is the same request: `timeout` sends it to the process, then to its group."""

LAUNCHER_ECHO_SECONDS = 1.0
"""The same under torchrun, which hands on what the group had already."""


class StopRequest:
    """Context in which the first signal leaves a note, and a second one ends the process.

    `signal_number` is 0 until one has come, here or in a context around this one; a program may also set it, to ask by itself.
    Outside of the main thread, where Python hears no signals, the context does nothing.
    """

    def __init__(self) -> None:
        self._number = 0
        self._entered = False
        self._handlers = contextlib.ExitStack()

    @property
    def signal_number(self) -> int:
        return self._number or (_process.number if self._entered else 0)

    @signal_number.setter
    def signal_number(self, number: int) -> None:
        self._number = number

    def __enter__(self) -> StopRequest:
        self._handlers.enter_context(_handling(notes=1))
        self._entered = True
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._number, self._entered = self.signal_number, False
        self._handlers.close()


def interruptible() -> contextlib.AbstractContextManager[None]:
    """Context in which the first signal raises Interrupted wherever the process is, and a second one ends it."""
    return _handling(notes=0)


def stop_signal() -> int:
    """The number of the signal that asked this process to stop, within a context of this module; 0: none did."""
    return _process.number


def forward(number: int, pid: int) -> None:
    """Hands a signal on to a process that was started by this one and handles signals as this module does."""
    handed_on = next((real for real, original in FORWARDED.items() if original == number), number)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, handed_on)


def end_at_once(number: int) -> None:
    """Ends this process and those it has started, whatever they do, with the exit code of a signal."""
    try:
        for child in multiprocessing.active_children():
            child.kill()
    finally:
        os._exit(128 + number)


def say(text: str) -> None:
    """A line on stderr. It may come from a handler, and the terminal may be gone."""
    with contextlib.suppress(OSError):
        os.write(2, f"{text}\n".encode())


class _Process:
    """What this process knows of signals: how many contexts it is in, how many of them want notes, and what came."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.contexts = 0
        self.notes = 0
        self.number = 0
        self.came_at = 0.0


_process = _Process()


@contextlib.contextmanager
def _handling(*, notes: int) -> Iterator[None]:
    global _process
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    if not _process.contexts or _process.pid != os.getpid():
        _process = _Process()
    own = _process
    own.contexts, own.notes = own.contexts + 1, own.notes + notes
    # Who starts a process with SIGHUP ignored (nohup) or SIGINT (a script, in the background) wants it to go on after them.
    heeded = [number for number in ALL_SIGNALS if number == signal.SIGTERM or signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, _handle) for number in heeded}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        own.contexts, own.notes = own.contexts - 1, own.notes - notes
        if not own.contexts:
            _process = _Process()


def _handle(received: int, frame: FrameType | None) -> None:
    own, number = _process, FORWARDED.get(received, received)
    if os.getpid() != own.pid:
        return  # a process that was forked from this one, and is not on its own feet yet
    if own.number:
        if received not in FORWARDED and not _is_echo(number):
            say(f"{signal.Signals(number).name}: stopped at once")
            end_at_once(number)
        return
    own.number, own.came_at = number, time.monotonic()
    if not own.notes:
        raise Interrupted(number)
    if multiprocessing.parent_process() is None and os.environ.get("RANK", "0") == "0":
        # A handler may interrupt any line, one that holds a lock of the logging module included; this needs no lock.
        say(f"\n{signal.Signals(number).name}: stopping as soon as nothing is lost; once more stops at once")


def _is_echo(number: int) -> bool:
    under_torchrun = "LOCAL_RANK" in os.environ and multiprocessing.parent_process() is None
    seconds = LAUNCHER_ECHO_SECONDS if under_torchrun else ECHO_SECONDS
    return number == _process.number and time.monotonic() - _process.came_at < seconds
