"""Whether a file that torch.save wrote is what was written.

Such a file is a zip archive, and torch reads it without looking at the archive's checksums: a bit that changed on its way
through disks and networks changes a weight without a word. Our own files also end with a checksum of the whole file, in the
place for an archive's comment, where other readers look past it: names and sizes are then as safe as weights.
"""

from __future__ import annotations

import hashlib
import os
import struct
import zipfile
from pathlib import Path
from typing import BinaryIO

ZIP_START = b"PK"
"""First bytes of an archive."""

_MARK = b"slowfast sha256 "
_SEAL_BYTES = len(_MARK) + 2 * hashlib.sha256().digest_size
_END = b"PK\x05\x06"
_END_BYTES = 22
_BLOCK = 1 << 20

_PACKED_LIMIT, _PACKED_RATIO = 1 << 30, 100
"""An archive that unpacks to more bytes than this, and to as many times its own size, holds zeros, not weights."""


def seal(path: Path) -> None:
    """Adds the checksum to an archive without a comment, such as torch.save writes."""
    with path.open("r+b") as file:
        file.seek(-_END_BYTES, os.SEEK_END)
        end = file.read()
        assert end.startswith(_END) and end.endswith(b"\0\0"), "not an archive without a comment"
        file.seek(-2, os.SEEK_END)
        file.write(struct.pack("<H", _SEAL_BYTES))
        file.flush()
        file.write(_MARK + _digest(file, file.tell()))


def check(path: Path) -> None:
    """Raises zipfile.BadZipFile when the archive is not what was written: cut off, or other by so much as a bit.

    In archives of others the names and the content of entries are checked, as checksums of theirs tell.
    """
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _SEAL_BYTES))
        tail = file.read()
        if tail.startswith(_MARK):
            if tail[len(_MARK) :] != _digest(file, size - _SEAL_BYTES):
                raise zipfile.BadZipFile("its content does not agree with its checksum")
            return
        with zipfile.ZipFile(file) as archive:
            if archive.comment:  # torch writes none, so this was a checksum of ours
                raise zipfile.BadZipFile("its checksum is damaged")
            unpacked = sum(entry.file_size for entry in archive.infolist())
            if unpacked > max(_PACKED_LIMIT, _PACKED_RATIO * size):
                raise zipfile.BadZipFile(f"its {size} bytes would become {unpacked}, which no weights would")
            if (entry := archive.testzip()) is not None:
                raise zipfile.BadZipFile(f"the content of {entry} does not agree with its checksum")


def _digest(file: BinaryIO, size: int) -> bytes:
    """Of the first `size` bytes."""
    file.seek(0)
    sha = hashlib.sha256()
    while size and (block := file.read(min(_BLOCK, size))):
        sha.update(block)
        size -= len(block)
    return sha.hexdigest().encode()
