"""Videos that lie elsewhere: whatever iopath's `g_pathmgr` can open, copied to a folder of limited size when it is needed."""

from __future__ import annotations

import hashlib
import logging
import math
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from iopath.common.file_io import g_pathmgr

from slowfast.datasets.errors import DecodeError
from slowfast.datasets.time_limit import check_time

logger = logging.getLogger(__name__)

BLOCK = 1 << 20
"""Bytes that are copied at once."""

ROOM = 0.1
"""Share of the limit that is freed at once."""

UNSEEN = 0.01
"""Share of the limit that a process copies before it looks through the folder again."""

ABANDONED_SEC = 3600
"""A copy that was not finished after this time belongs to a process that was killed."""

_PART = ".part"


def is_remote(path: str) -> bool:
    return "://" in path


@dataclass(slots=True)
class RemoteFiles:
    """Copies of remote files; those that were not used for longest make room for others.

    With many processes the folder may exceed its limit by a few parts in a hundred.

    A copy is kept under its path alone: a remote file that changes keeps its old copy until that is pushed out.
    """

    folder: str
    limit_bytes: int
    _unseen_bytes: float = field(default=math.inf, init=False)  # copied since the folder was last looked through

    def local_path(self, path: str) -> str:
        """`path` itself if it is local, else a copy, fetched if need be. Raises DecodeError."""
        if not is_remote(path):
            return path
        name = hashlib.sha1(path.encode(), usedforsecurity=False).hexdigest()
        copy = Path(self.folder, name[:2], name[2:] + PurePosixPath(path).suffix)
        if not copy.exists():
            self._fetch(path, copy)
        # The time of access says who goes first, said aloud since file systems may not keep it. The time of change is no
        # clock but always the same, so that what is known of a copy (see IndexCache) holds for later copies too.
        with _pushed_out_is_fine():
            os.utime(copy, ns=(time.time_ns(), 0))
        return str(copy)

    def _fetch(self, path: str, copy: Path) -> None:
        try:
            copy.parent.mkdir(parents=True, exist_ok=True)
            descriptor, beside = tempfile.mkstemp(dir=copy.parent, suffix=_PART)
            try:
                with os.fdopen(descriptor, "wb") as target, g_pathmgr.open(path, "rb") as source:
                    while block := source.read(BLOCK):
                        check_time(path)
                        target.write(block)
                    size = target.tell()
                Path(beside).replace(copy)
            except BaseException:
                Path(beside).unlink(missing_ok=True)
                raise
        except DecodeError:
            raise
        except FileNotFoundError:
            raise DecodeError(path, "the file does not exist") from None
        except Exception as error:  # each kind of storage has errors of its own
            raise DecodeError(path, f"the file cannot be fetched ({error})") from error
        self._make_room(size, keep=copy)

    def _make_room(self, size: int, keep: Path) -> None:
        """Deletes copies that were not used for longest, once the folder may be too large."""
        self._unseen_bytes += size
        if self._unseen_bytes < self.limit_bytes * UNSEEN:
            return
        self._unseen_bytes = 0
        copies = sorted(_copies(Path(self.folder)))
        total = sum(num_bytes for _, num_bytes, _ in copies)
        if total <= self.limit_bytes:
            return
        for _, num_bytes, path in copies:
            if total <= self.limit_bytes * (1 - ROOM):
                return
            if path != keep:
                with _pushed_out_is_fine():
                    path.unlink()
                total -= num_bytes


def _copies(folder: Path) -> Iterator[tuple[int, int, Path]]:
    """(time of last use, bytes, path) of all copies, and of parts of copies that nobody will finish."""
    for path in folder.glob("??/*"):
        with _pushed_out_is_fine():
            status = path.stat()
            if path.suffix != _PART or time.time() - status.st_mtime > ABANDONED_SEC:
                yield status.st_atime_ns, status.st_size, path


@contextmanager
def _pushed_out_is_fine() -> Iterator[None]:
    """Another process may delete any copy at any time."""
    try:
        yield
    except FileNotFoundError as error:
        logger.debug("pushed out meanwhile: %s", error)
