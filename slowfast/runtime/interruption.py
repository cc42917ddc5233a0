"""Stopping politely: the first Ctrl-C or SIGTERM asks the run to save and stop, a second one stops it at once."""

from __future__ import annotations

import os
import signal
import time
from types import FrameType, TracebackType

ECHO_SECONDS = 1.0
"""A signal this soon after the first is the same one: a terminal sends Ctrl-C to the launcher and to all its processes, and
the launcher passes it on to them."""


class StopRequest:
    """Context in which signals only leave a note. `signal_number` is 0 until one has come."""

    SIGNALS = (signal.SIGINT, signal.SIGTERM)

    def __init__(self) -> None:
        self.signal_number = 0
        self._came_at = 0.0
        self._process = os.getpid()
        self._before: dict[int, object] = {}

    def __enter__(self) -> StopRequest:
        self._process = os.getpid()
        self._before = {number: signal.signal(number, self._note) for number in self.SIGNALS}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _note(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._process:
            return  # Loader workers inherit the handler; they go on, for the iteration under way may need them.
        if not self.signal_number:
            self.signal_number, self._came_at = number, time.monotonic()
            # A handler may interrupt any line, a lock of the logging module included; a plain write needs none.
            os.write(2, b"\nstopping after this iteration; once more to stop at once without saving\n")
        elif not self._is_echo():
            os._exit(128 + number)

    def _is_echo(self) -> bool:
        launched = "LOCAL_RANK" in os.environ
        return launched and time.monotonic() - self._came_at < ECHO_SECONDS
