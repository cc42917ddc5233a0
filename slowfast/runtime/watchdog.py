"""Processes of a run watch each other: one that stops answering ends the run, with its name and its Python stack.

Every process counts the exchanges that it begins and ends, and a thread of it tells the others through a store how far it
is; computing waits for nothing. A process that has been within an exchange for too long looks who has not begun it. One whose
thread still tells is busy with something else, and writes down where; one that tells nothing is stopped, hangs in code that
never lets Python's threads run, or has lost its machine.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import logging
import os
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import torch.distributed as dist
from torch._C._distributed_c10d import Store

from slowfast.runtime.errors import LostProcessError
from slowfast.runtime.logging import FILE_ONLY

logger = logging.getLogger(__name__)

ROUNDS = 20
"""How often the limit is looked at while it passes; so much later, at most, the end comes."""

LONGEST_ROUND_SECONDS = 10.0
STACK_SECONDS = 5.0
"""How long others wait for the stack of a process that can still write it."""


class Exchanges:
    """How many exchanges with the other processes this one has begun and ended; the watchdog reads it, the others count."""

    def __init__(self) -> None:
        self.steps = 0

    @contextlib.contextmanager
    def one(self) -> Iterator[None]:
        """Around an exchange that every process takes part in. An error leaves it begun: the run ends then."""
        self.steps += 1
        yield
        self.steps += 1

    @staticmethod
    def within(steps: int) -> bool:
        return steps % 2 == 1


@dataclass(frozen=True, slots=True)
class Sign:
    """What a process tells of itself. round: of its watchdog; steps: of its exchanges; waited: seconds since they changed."""

    round: int
    steps: int
    waited: float
    pid: int
    host: str


class Watchdog:
    """Watches the processes of a run, in a thread, from `start` to `stop`."""

    def __init__(
        self,
        store: Store,
        exchanges: Exchanges,
        *,
        rank: int,
        world_size: int,
        seconds: float,
        end: Callable[[LostProcessError], None],
    ) -> None:
        """store: for this thread alone, as one that waits keeps others from using it. seconds: within an exchange that the
        others do not begin. end: called with what was found; it does not return."""
        self._store, self._exchanges, self._rank, self._world_size = store, exchanges, rank, world_size
        self._limit, self._end = seconds, end
        self._round_seconds = min(seconds / ROUNDS, LONGEST_ROUND_SECONDS)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)
        self._round, self._steps, self._waited = 0, 0, 0.0

    def start(self) -> None:
        self._tell(0.0)
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()
        faulthandler.cancel_dump_traceback_later()

    def _run(self) -> None:
        before = time.monotonic()
        while not self._stopped.wait(self._round_seconds):
            # Where even threads get no turn, the stack is written without Python.
            faulthandler.dump_traceback_later(self._limit + 2 * self._round_seconds, file=2)
            now = time.monotonic()
            # A run that was suspended as a whole (Ctrl-Z, a scheduler) has not waited meanwhile.
            passed, before = min(now - before, 2 * self._round_seconds), now
            try:
                self._tell(passed)
                if Exchanges.within(self._steps) and self._waited > self._limit:
                    self._look()
                elif self._asked():
                    self._answer()
            except dist.DistError:
                return  # the process that keeps the store has ended: the run ends by that

    def _tell(self, passed: float) -> None:
        steps = self._exchanges.steps
        self._waited = self._waited + passed if steps == self._steps else 0.0
        self._round, self._steps = self._round + 1, steps
        own = Sign(self._round, steps, self._waited, os.getpid(), socket.gethostname())
        self._store.set(f"sign/{self._rank}", json.dumps(asdict(own)))

    def _look(self) -> None:
        """Ends the run where somebody has not begun the exchange that this process has been in for too long."""
        signs = {rank: self._sign(rank) for rank in range(self._world_size) if rank != self._rank}
        behind = [rank for rank, sign in signs.items() if sign is None or sign.steps < self._steps]
        if not behind:
            return
        faulthandler.cancel_dump_traceback_later()
        for rank in behind:
            self._store.set(f"asked/{rank}", "")
        speaks = min(set(range(self._world_size)) - set(behind)) == self._rank
        seconds = STACK_SECONDS + 2 * self._round_seconds
        if not self._stopped.wait(seconds if speaks else 2 * seconds):
            told = [self._told(rank, signs[rank]) for rank in behind]
            self._end(LostProcessError("; ".join(told) if speaks else f"process {behind[0]} has not answered"))

    def _told(self, rank: int, before: Sign | None) -> str:
        if before is None:
            return f"process {rank} has never said where it is"
        pid, host, waited = before.pid, before.host, round(self._waited)
        silent = f"process {rank} (number {pid} on {host}) has not answered for {waited} s, and the others wait for it"
        if self._store.check([f"stack/{rank}"]):
            stack = self._store.get(f"stack/{rank}").decode(errors="replace").rstrip()
            return f"{silent}; it is here:\n{stack}"
        return (
            f"{silent}; it gives no sign of life, and so no stack: it is stopped (SIGSTOP), or hangs in code that lets no "
            "other thread run, or its machine is gone"
        )

    def _sign(self, rank: int) -> Sign | None:
        if not self._store.check([f"sign/{rank}"]):
            return None
        return Sign(**json.loads(self._store.get(f"sign/{rank}")))

    def _asked(self) -> bool:
        return bool(self._store.check([f"asked/{self._rank}"]))

    def _answer(self) -> None:
        """Writes down where this process is, and ends it once the others had the time to read that, and to speak first."""
        faulthandler.cancel_dump_traceback_later()
        found = stacks()
        self._store.set(f"stack/{self._rank}", found)
        logger.error("the others wait for this process, which is here:\n%s", found, extra=FILE_ONLY)
        if not self._stopped.wait(2 * (STACK_SECONDS + 2 * self._round_seconds)):
            self._end(LostProcessError(f"process {self._rank} has not answered the others"))


def stacks() -> str:
    """Where each thread of this process is, the latest call first."""
    with tempfile.TemporaryFile("w+") as file:
        faulthandler.dump_traceback(file=file)
        file.seek(0)
        return file.read()
