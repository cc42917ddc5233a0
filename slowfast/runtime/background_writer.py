"""Files that are written beside the work that goes on."""

from __future__ import annotations

import logging
import os
import threading
import weakref
from collections.abc import Callable

logger = logging.getLogger(__name__)


class BackgroundWriter:
    """Runs what writes files, one at a time, in a thread.

    An error of it is raised, as it is, by whichever of these methods is called next, so that no file is missing unnoticed. The
    thread is not a daemon: a process that ends by itself ends after it. One that is killed leaves what an atomic write
    leaves, the old file.

    Processes are forked between writes only: a lock that the thread holds would stay locked in the new process.
    """

    def __init__(self, *, background: bool = True) -> None:
        """background: False: everything is written at once, by who asks for it."""
        self._background = background
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None
        _writers.add(self)

    @property
    def background(self) -> bool:
        return self._background

    @property
    def busy(self) -> bool:
        """Whether something is being written now."""
        return self._thread is not None and self._thread.is_alive()

    def start(self, write: Callable[[], None]) -> None:
        """Calls `write` in the thread, once what is being written is done. Nobody may change what it reads before `finish`."""
        self.finish()
        if not self._background:
            write()
            return
        self._thread = threading.Thread(target=self._run, args=(write,), name="writer")
        self._thread.start()

    def check(self) -> None:
        """Raises the error of what was written last, if it is over and had one. Waits for nothing."""
        if not self.busy and self._error is not None:
            error, self._error = self._error, None
            raise error

    def finish(self) -> None:
        """Waits until all is written, and raises the error that came up."""
        self.wait()
        self.check()

    def close(self) -> None:
        """Waits until all is written. An error goes to the log: this is called where another one may be on its way."""
        self.wait()
        if self._error is not None:
            logger.error("%s", self._error)
            self._error = None

    def wait(self) -> None:
        """Waits until all is written; errors are kept."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self, write: Callable[[], None]) -> None:
        try:
            write()
        except BaseException as error:
            self._error = error


_writers: weakref.WeakSet[BackgroundWriter] = weakref.WeakSet()


def _wait_for_all() -> None:
    for writer in list(_writers):
        writer.wait()


os.register_at_fork(before=_wait_for_all)
