"""Atomic writing of files, and one clear line where it fails."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import simplejson

from slowfast.errors import UserError

ABANDONED_SEC = 24 * 3600
"""An unfinished file of another machine that nobody wrote to for so long was left by a process that died."""

_MOST_OF_NAME = 100
"""Bytes of a name that stand in that of the unfinished file; file systems allow 255 in all."""

_PART = ".part"
_counter = itertools.count()


class WriteError(UserError, OSError):
    """A file or folder cannot be written. The text names it, why, and how much room its disk has."""

    @classmethod
    def at(cls, path: str | Path, error: OSError, *, place: Path | None = None) -> WriteError:
        """path: what is named; place: where it is, if that is not its name."""
        return cls(f"{path}: cannot be written: {error.strerror or error} ({room_on_disk(place or path)})")

    def __str__(self) -> str:
        return str(self.args[0])


def room_on_disk(path: str | Path) -> str:
    """The room on the disk of a path, which need not exist, in words."""
    place = Path(path).absolute()
    for folder in (place, *place.parents):
        if folder.is_dir():
            usage = shutil.disk_usage(folder)
            return f"{_size(usage.free)} of {_size(usage.total)} free on the disk of {folder}"
    return "the room on its disk is not known"


@contextlib.contextmanager
def writing(path: str | Path) -> Iterator[None]:
    """Raises WriteError in the place of an OSError that comes up inside. path: what is being written."""
    try:
        yield
    except WriteError:
        raise
    except OSError as error:
        raise WriteError.at(path, error) from error


def make_folder(path: Path) -> None:
    """Makes a folder and those above it, unless they are there. Raises WriteError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        file = next((place for place in (path, *path.parents) if place.is_file()), path)
        raise WriteError(
            f"{path}: this folder cannot be made: {file} is a file; right would be a folder, or a new name"
        ) from None
    except OSError as error:
        raise WriteError.at(path, error) from error


@contextlib.contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Yields a path beside `path` to write to, with the same suffix; when the block ends well it becomes `path`.

    The data reach the disk before the name does, so that a crash at any moment leaves the old file or the new one. When the
    block fails the old file stays and the unfinished one goes. What processes that were killed left of this file goes too.
    Raises WriteError when the disk is full, the folder cannot be written to, or the like.
    """
    path = Path(path)
    make_folder(path.parent)
    beside = path.with_name(f"{_prefix(path)}{_machine()}-{os.getpid()}-{next(_counter)}{_PART}{path.suffix}")
    try:
        with writing(path):
            _remove_abandoned(path)
        try:
            yield beside
        except UserError:
            raise
        except Exception as error:
            raise _as_write_error(path, beside, error) from error
        with writing(path):
            _to_disk(beside)
            beside.replace(path)
        with contextlib.suppress(OSError):  # some file systems cannot do this with folders, and the file is in its place
            _to_disk(path.parent)
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    with atomic_write(path) as beside:
        beside.write_text(text, encoding="utf-8")


def write_json(path: str | Path, value: object) -> None:
    """Writes JSON; numbers that are not finite become null, as JSON has no name for them."""
    write_text(path, simplejson.dumps(value, indent=2, ignore_nan=True) + "\n")


def _as_write_error(path: Path, beside: Path, error: Exception) -> Exception:
    """WriteError if it was the disk, else the error itself.

    Libraries put errors of their own in the place of the system's. So the disk is asked again: whether it takes a block more.
    """
    if isinstance(error, OSError):
        return WriteError.at(path, error) if error.filename in (None, str(beside)) else error
    try:
        with beside.open("ab") as file:
            file.write(bytes(1 << 16))
            file.flush()
            os.fsync(file.fileno())
    except OSError as reason:
        return WriteError.at(path, reason)
    return error


def _prefix(path: Path) -> str:
    """How the names of unfinished files of this one begin."""
    return f".{os.fsencode(path.name)[:_MOST_OF_NAME].decode(errors='ignore')}."


def _machine() -> str:
    """Tells apart machines that share a disk, containers included: their names and process numbers may be the same."""
    try:
        processes = str(Path("/proc/self/ns/pid").stat().st_ino)
    except OSError:
        processes = "0"
    return f"{socket.gethostname()[:60].replace('-', '_').replace('/', '_')}-{processes}"


def _remove_abandoned(path: Path) -> None:
    prefix, machine = _prefix(path), _machine()
    with os.scandir(path.parent) as entries:
        parts = [entry.path for entry in entries if entry.name.startswith(prefix) and _PART in entry.name]
    for part in parts:
        owner, _, suffix = Path(part).name[len(prefix) :].partition(_PART)
        process = owner.removeprefix(f"{machine}-").partition("-")[0]
        with contextlib.suppress(FileNotFoundError):  # another process may tidy up as well
            if owner.startswith(f"{machine}-") and process.isdigit():
                abandoned = not is_alive(int(process))
            else:
                abandoned = time.time() - Path(part).stat().st_mtime > ABANDONED_SEC
            if abandoned and suffix == path.suffix:
                Path(part).unlink()


def is_alive(process: int) -> bool:
    """Whether a process of that number runs on this machine."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it belongs to somebody else
        return True
    return True


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _size(num_bytes: int) -> str:
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if num_bytes >= size:
            return f"{num_bytes / size:.1f} {unit}"
    return f"{num_bytes} bytes"
