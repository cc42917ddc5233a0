"""Indexes of video files kept on disk, so that a file is indexed once and not for every clip.

One small file for each video: workers and machines may share a folder without locks, whatever its file system, and an
interrupted write loses nothing but itself. Nothing is kept in memory. An entry is valid for one size and time of change of
its video; an entry that is damaged or out of date is replaced.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import struct
import zlib
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from slowfast.datasets.decoding.index import VideoIndex
from slowfast.datasets.decoding.indexing import read_index
from slowfast.datasets.shared_folder import write_shared
from slowfast.runtime.atomic_files import WriteError

logger = logging.getLogger(__name__)

FORMAT = 2
"""Entries of other formats are out of date."""

_ARRAYS = ("pts", "packets", "key_pts", "key_dts", "key_packets")
_LENGTH = struct.Struct("<I")

_warned: set[str] = set()


@dataclass(frozen=True, slots=True)
class IndexCache:
    """folder: where entries lie; empty: nowhere."""

    folder: str = ""

    def read(self, path: str) -> VideoIndex:
        """Index of a video file. Raises DecodeError."""
        if not self.folder:
            return read_index(path)
        try:
            status = os.stat(path)  # noqa: PTH116 - twice as fast as Path
        except (OSError, ValueError):
            return read_index(path)  # and it says what is wrong
        whose = {"path": os.path.abspath(path), "size": status.st_size, "mtime": status.st_mtime_ns}  # noqa: PTH100
        name = hashlib.sha1(str(whose["path"]).encode(errors="surrogateescape"), usedforsecurity=False).hexdigest()
        entry = f"{self.folder}/{name[:2]}/{name[2:]}"
        index = _load(entry, whose)
        if index is None:
            index = read_index(path)
            self._store(Path(entry), whose, index)
        return index

    def _store(self, entry: Path, whose: dict[str, object], index: VideoIndex) -> None:
        """A folder that cannot be written is no reason to stop."""
        try:
            with write_shared(Path(self.folder), entry) as file:
                file.write(pack(index, whose))
        except OSError as error:
            if self.folder not in _warned:
                _warned.add(self.folder)
                problem = WriteError.at(self.folder, error)
                logger.warning("%s: indexes of videos cannot be kept here; see DATA.INDEX_CACHE_DIR", problem)


def _load(entry: str, whose: dict[str, object]) -> VideoIndex | None:
    """None where there is no entry, or none for this very file."""
    try:
        with open(entry, "rb") as file:  # noqa: PTH123 - twice as fast as Path
            return unpack(file.read(), whose)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, struct.error, zlib.error) as error:
        logger.debug("%s: this entry is of no use: %s", entry, error)
        return None


def pack(index: VideoIndex, whose: dict[str, object]) -> bytes:
    """Header (JSON) and arrays. What is compressed are differences between neighbours: nothing, at a constant frame rate."""
    arrays = [getattr(index, name) for name in _ARRAYS]
    header = {
        "format": FORMAT,
        "whose": whose,
        "lengths": [len(array) for array in arrays],
        "time_base": index.time_base.as_integer_ratio(),
        "stated_rate": index.stated_rate.as_integer_ratio() if index.stated_rate else None,
        "end": index.end,
        "stamps": index.stamps,
        "num_packets": index.num_packets,
    }
    text = json.dumps(header).encode()
    steps = np.concatenate([np.diff(array, prepend=0) for array in arrays]).astype("<i8")
    return _LENGTH.pack(len(text)) + text + zlib.compress(steps.tobytes())


def unpack(content: bytes, whose: dict[str, object]) -> VideoIndex | None:
    """The index in an entry; None if it is of another file or format. Damage raises one of several errors."""
    (length,) = _LENGTH.unpack_from(content)
    header = json.loads(content[_LENGTH.size : _LENGTH.size + length])
    if header["format"] != FORMAT or header["whose"] != whose:
        return None
    steps = np.frombuffer(zlib.decompress(content[_LENGTH.size + length :]), "<i8")
    parts = np.split(steps, np.cumsum(header["lengths"]))
    arrays = {name: np.cumsum(part, dtype=np.int64) for name, part in zip(_ARRAYS, parts[:-1], strict=True)}
    return VideoIndex(
        time_base=Fraction(*header["time_base"]),
        stated_rate=Fraction(*header["stated_rate"]) if header["stated_rate"] else None,
        end=header["end"],
        stamps=header["stamps"],
        num_packets=header["num_packets"],
        **arrays,
    )
