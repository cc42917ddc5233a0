"""One run at a time in an OUTPUT_DIR: two would overwrite each other's checkpoints."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from slowfast.errors import UserError
from slowfast.runtime import distributed
from slowfast.runtime.atomic_files import WriteError, is_alive, make_folder
from slowfast.runtime.errors import EngineError

LOCK_FILE = ".run.lock"

_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
"""What file systems answer that know no locks."""


class OutputDirInUseError(EngineError):
    """Another run writes to the same OUTPUT_DIR."""


@contextlib.contextmanager
def only_run_in(output_dir: str | Path) -> Iterator[None]:
    """Keeps other runs out of a folder while the block runs. All processes of a run call this; its main process holds the lock.

    The system drops the lock when its holder dies, however it dies, so none is ever stale; network file systems pass it on to
    other machines. Where a file system knows no locks, what the lock's file says about its holder counts: a process of this
    machine that has died holds nothing. Raises OutputDirInUseError at once when a run is there, and WriteError.
    """
    problem: UserError | None = None
    with contextlib.ExitStack() as held:
        if distributed.main_process():
            try:
                held.enter_context(_lock(Path(output_dir)))
            except UserError as error:
                problem = error
        told = distributed.gather_everywhere(problem and str(problem))
        if problem is not None:
            raise problem
        if any(told):
            raise OutputDirInUseError(next(filter(None, told)))
        yield


def is_in_use(output_dir: str | Path) -> bool:
    """Whether a run writes there, as far as its lock tells: one of another machine counts unless it has taken its lock away."""
    return _is_held(Path(output_dir) / LOCK_FILE)


@contextlib.contextmanager
def _lock(folder: Path) -> Iterator[None]:
    make_folder(folder)
    path = folder / LOCK_FILE
    with _locked_file(path) as file:
        _say_who(file)
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)


def _locked_file(path: Path) -> TextIO:
    while True:
        try:
            file = path.open("a+", encoding="utf-8")
        except OSError as error:
            raise WriteError.at(path, error) from error
        try:
            _take(file, path)
            # The holder before may have deleted the file since it was opened, and another one may have made it again.
            if path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat()):
                return file
        except FileNotFoundError:
            pass
        except BaseException:
            file.close()
            raise
        file.close()


def _take(file: TextIO, path: Path) -> None:
    """Locks the file. Not with flock: forked loader workers would share that, and keep it when the run itself was killed."""
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN) or (error.errno in _NO_LOCKS and _is_held(path)):
            raise OutputDirInUseError(_in_use(path.parent)) from None
        if error.errno not in _NO_LOCKS:
            raise WriteError.at(path, error) from error


def _say_who(file: TextIO) -> None:
    """Notes the holder for others to read. It is no reason to stop when a full disk does not take the note.

    Through the locked file itself: the lock would go with any other one of this process that is closed.
    """
    who = {
        "host": socket.gethostname(),
        "process": os.getpid(),
        "since": time.strftime("%Y-%m-%d %H:%M:%S"),
        "command": " ".join(sys.argv)[:500],
    }
    with contextlib.suppress(OSError):
        file.truncate(0)
        file.write(json.dumps(who))
        file.flush()


def _holder(path: Path) -> dict[str, object]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _is_held(path: Path) -> bool:
    """As far as the lock's file tells: a run of another machine may have died, but nobody here can know."""
    holder = _holder(path)
    process = holder.get("process")
    return isinstance(process, int) and (holder.get("host") != socket.gethostname() or is_alive(process))


def _in_use(folder: Path) -> str:
    holder = _holder(folder / LOCK_FILE)
    who = (
        f"process {holder.get('process')} on {holder.get('host')}, since {holder.get('since')}" if holder else "another process"
    )
    return (
        f"{folder}: another run writes to this OUTPUT_DIR ({who}): wait for its end, stop it, or choose another OUTPUT_DIR; if "
        f"it ended without a trace on another machine, delete {folder / LOCK_FILE}"
    )
