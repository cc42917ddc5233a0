"""A thread that reads windows while the network is at work, and is left alone when nobody wants them any more."""

from __future__ import annotations

import dataclasses
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Protocol

from slowfast.prediction.windows import Window


@dataclasses.dataclass(frozen=True, slots=True)
class Note:
    """Something that people should know of a stream. ends: whether what follows is another video than what came before."""

    text: str
    ends: bool = False


class Put(Protocol):
    def __call__(self, item: Window | Note, *, late: Callable[[], bool] = ...) -> None:
        """Hands an item on; a window waits until there is room. late: asked then; where it says so, the window takes the place
        of the one that waits. Raises Unwanted when nobody wants any more."""


class Unwanted(Exception):  # noqa: N818 - nothing is wrong
    """Nobody wants what is read; whoever reads ends."""


class Pump:
    """What `read` puts, in order. It is called in a thread with `put`."""

    def __init__(self, read: Callable[[Put], None]) -> None:
        self._read = read
        self._items: deque[Window | Note] = deque()
        self._change = threading.Condition()
        self._is_wanted, self._is_done = True, False
        self._error: BaseException | None = None

    def items(self, stop: Callable[[], bool]) -> Iterator[Window | Note]:
        """Until all is read, or `stop` says so, which is asked now and then. Raises what reading raised."""
        threading.Thread(target=self._run, name="stream", daemon=True).start()
        try:
            while (item := self._next(stop)) is not None:
                yield item
        finally:
            # A thread that waits for somebody to send something cannot be told to end, so nobody waits for it.
            with self._change:
                self._is_wanted = False
                self._change.notify_all()

    def _next(self, stop: Callable[[], bool]) -> Window | Note | None:
        with self._change:
            while not self._items and not self._is_done and not stop():
                self._change.wait(0.1)
            if stop():
                return None
            if self._items:
                item = self._items.popleft()
                self._change.notify_all()
                return item
        if self._error is not None:
            raise self._error
        return None

    def _run(self) -> None:
        try:
            self._read(self._put)
        except Unwanted:
            pass
        except BaseException as error:  # raised where the items are asked for
            self._error = error
        with self._change:
            self._is_done = True
            self._change.notify_all()

    def _put(self, item: Window | Note, *, late: Callable[[], bool] = lambda: False) -> None:
        with self._change:
            while self._is_wanted and isinstance(item, Window) and self._has_waiting():
                if late():
                    self._items.pop()
                    break
                self._change.wait(0.05)
            if not self._is_wanted:
                raise Unwanted
            self._items.append(item)
            self._change.notify_all()

    def _has_waiting(self) -> bool:
        """Whether the last that was put is a window, and was not taken yet."""
        return bool(self._items) and isinstance(self._items[-1], Window)
