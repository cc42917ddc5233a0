"""Runs in process groups of their own, to which signals can be sent as schedulers send them."""

import faulthandler
import multiprocessing
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from slowfast.runtime.command_line import exit_code_of
from slowfast.runtime.interruption import SIGNALS

SECONDS = 60.0  # a run that has not ended by then hangs


@dataclass(frozen=True)
class Ended:
    """How a run ended. said: what it wrote to stderr. left: its processes that were still there a second later."""

    code: int | None
    said: str
    left: list[int]


def run_in_own_group(job: Callable[[], None], folder: Path, *, meanwhile: Callable[[int], None] | None = None) -> Ended:
    """Runs `job` as a command, in a process that is forked from this one and leads a group.

    meanwhile: called with the number of the group, while the job runs.
    """
    process = multiprocessing.get_context("fork").Process(target=_lead, args=(job, folder))
    process.start()
    assert process.pid is not None
    if meanwhile is not None:
        meanwhile(process.pid)
    process.join(SECONDS)
    code = process.exitcode
    process.kill()
    process.join()
    return Ended(code, (folder / "stderr").read_text(), members_after(process.pid, seconds=2.0))


def _lead(job: Callable[[], None], folder: Path) -> None:
    os.setsid()
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[os.getpid() % len(cores)]})  # one core: the run computes on one thread
    for number in SIGNALS:  # whoever runs the tests may ignore some
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    os.dup2(os.open(folder / "stderr", os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
    sys.stderr = os.fdopen(2, "w", buffering=1)
    faulthandler.dump_traceback_later(SECONDS - 5, file=2)  # where a run hangs stands in what it said
    try:
        code = exit_code_of(job)
    except BaseException:
        os.write(2, traceback.format_exc().encode())
        code = 1
    finally:
        # What an interpreter does at its end, without the reports of the one that tests.
        multiprocessing.util._exit_function()
    os._exit(code)


def members_after(session: int, *, seconds: float) -> list[int]:
    """Processes of a session that do not end within the time; those that only wait to be collected have ended."""
    deadline = time.monotonic() + seconds
    while (left := members(session)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def members(session: int) -> list[int]:
    found = []
    for folder in Path("/proc").iterdir():
        try:
            state, _, _, its_session = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
        except (OSError, ValueError):
            continue
        if int(its_session) == session and state not in "ZX":
            found.append(int(folder.name))
    return found
