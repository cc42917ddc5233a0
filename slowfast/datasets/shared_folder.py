"""Folders that several users fill: what one of them writes, the others can read and replace."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

PART = ".part"
"""Suffix of files that are being written."""


@contextmanager
def write_shared(folder: Path, place: Path) -> Iterator[BinaryIO]:
    """A file to write to; when the block ends well it becomes `place`, a path one folder below `folder`, and else it is gone.

    It lies beside its place until then, under a name of its own, so that any number of processes may write the same. Who may
    write to `folder` may write to what comes to lie below it, whatever the umask. Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    permissions = stat.S_IMODE(folder.stat().st_mode)
    with suppress(FileExistsError):
        place.parent.mkdir()
        place.parent.chmod(permissions)
    descriptor, beside = tempfile.mkstemp(dir=place.parent, prefix=".", suffix=PART)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, permissions & 0o666)
            yield file
        Path(beside).replace(place)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
