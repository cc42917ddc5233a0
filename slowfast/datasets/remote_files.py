"""Videos that lie elsewhere: whatever iopath's `g_pathmgr` can open, copied to a folder of limited size when it is needed."""

from __future__ import annotations

import hashlib
import logging
import math
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TypeVar

from iopath.common.file_io import g_pathmgr

from slowfast.datasets.errors import DecodeError
from slowfast.datasets.shared_folder import PART, write_shared
from slowfast.datasets.time_limit import check_time
from slowfast.runtime.atomic_files import WriteError

logger = logging.getLogger(__name__)

BLOCK = 1 << 20
"""Bytes that are copied at once."""

ROOM = 0.1
"""Share of the limit that is freed at once."""

UNSEEN = 0.01
"""Share of the limit that a process copies before it looks through the folder again."""

ABANDONED_SEC = 3600
"""A copy that was not finished after this time belongs to a process that was killed."""

ATTEMPTS = 3
"""How often a file is fetched for one reading."""

_warned: set[str] = set()

T = TypeVar("T")


def is_remote(path: str) -> bool:
    return "://" in path


def without_secrets(path: str) -> str:
    """A remote path as it may be shown to others: no user, no password, and nothing behind the file, where keys stand."""
    scheme, mark, rest = path.partition("://")
    if not mark:
        return path
    host, slash, file = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{re.split('[?#]', file, maxsplit=1)[0]}"


@dataclass(slots=True)
class RemoteFiles:
    """Copies of remote files; those that were not used for longest are evicted to make room for others.

    With many processes the folder may exceed its limit by a few parts in a hundred. Several users may share a folder that all
    of them may write to. A copy is kept under its path alone: a remote file that changes keeps its old copy until that is
    evicted.
    """

    folder: str
    limit_bytes: int
    _unseen_bytes: float = field(default=math.inf, init=False)  # copied since the folder was last looked through

    def read(self, path: str, read: Callable[[str], T]) -> T:
        """What `read` makes of a local path: of `path` itself, or of its copy. Raises DecodeError.

        Another process may evict a copy before it is opened, and then it is fetched again.
        """
        for _ in range(ATTEMPTS):
            local = self.local_path(path)
            try:
                return read(local)
            except DecodeError:
                if local == path or Path(local).exists():
                    raise
        raise DecodeError(path, f"its copy was evicted {ATTEMPTS} times before it could be read (DATA.REMOTE_CACHE_GB)")

    def local_path(self, path: str) -> str:
        """`path` itself if it is local, else a copy, fetched if need be. Raises DecodeError."""
        if not is_remote(path):
            return path
        name = hashlib.sha1(path.encode(errors="surrogatepass"), usedforsecurity=False).hexdigest()
        copy = Path(self.folder, name[:2], name[2:] + PurePosixPath(path).suffix)
        if not copy.exists():
            self._fetch(path, copy)
        with _evicted_is_fine():
            _mark_as_used(copy)
        return str(copy)

    def _fetch(self, path: str, copy: Path) -> None:
        size = 0
        try:
            with write_shared(Path(self.folder), copy) as target:
                for block in _blocks(path):
                    size += target.write(block)
                target.flush()
                _mark_as_used(target.fileno())
        except OSError as error:  # not the video's fault: no other one could be fetched either
            raise WriteError.at(f"{copy} (copy of {path}; DATA.REMOTE_CACHE_DIR)", error, place=copy) from error
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
            if path != keep and _evict(path):
                total -= num_bytes
        if total > self.limit_bytes and self.folder not in _warned:
            _warned.add(self.folder)
            logger.warning(
                "%s: copies of other users cannot be deleted, so the folder exceeds DATA.REMOTE_CACHE_GB", self.folder
            )


def _blocks(path: str) -> Iterator[bytes]:
    """The content of a remote file. Raises DecodeError, and no other, as each kind of storage has errors of its own."""
    try:
        with g_pathmgr.open(path, "rb") as source:
            while block := source.read(BLOCK):
                check_time(path)
                yield block
    except DecodeError:
        raise
    except FileNotFoundError:
        raise DecodeError(path, "the file does not exist") from None
    except Exception as error:
        raise DecodeError(path, f"the file cannot be fetched ({error})") from error


def _mark_as_used(copy: Path | int) -> None:
    """Sets the times of a file, by path or descriptor. That of access says who goes first; file systems may not keep it by
    themselves. That of change is no clock but always the same, so that what is known of a copy (see IndexCache) holds for
    later copies too."""
    with suppress(PermissionError):  # another user's copy; its time of access is for the file system to keep
        os.utime(copy, ns=(time.time_ns(), 0))


def _evict(copy: Path) -> bool:
    """False if somebody else's copy may not be deleted."""
    try:
        copy.unlink(missing_ok=True)
    except PermissionError:
        return False
    return True


def _copies(folder: Path) -> Iterator[tuple[int, int, Path]]:
    """(time of last use, bytes, path) of all copies, and of parts of copies that nobody will finish."""
    for path in folder.glob("??/*"):
        with _evicted_is_fine():
            status = path.stat()
            if path.suffix != PART or time.time() - status.st_mtime > ABANDONED_SEC:
                yield status.st_atime_ns, status.st_size, path


@contextmanager
def _evicted_is_fine() -> Iterator[None]:
    """Another process may delete any copy at any time."""
    try:
        yield
    except FileNotFoundError as error:
        logger.debug("evicted meanwhile: %s", error)
