"""The files below a folder, and which of them count as videos."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Hashable, Iterator
from pathlib import Path

from slowfast.datasets.errors import DatasetError
from slowfast.datasets.same_file import file_key

SUFFIXES = {
    ".3gp", ".asf", ".avi", ".flv", ".h264", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ogv", ".ts",
    ".vob", ".webm", ".wmv",
}  # fmt: skip
"""What counts as a video in a folder; a csv file may name anything."""

LOOP = "link to a folder above"


def files_below(root: Path, left_out: Counter[str] | None = None) -> Iterator[Path]:
    """All files but hidden ones; folders that are links are followed, but not to a folder that they lie in: those are counted
    in `left_out`, as LOOP. Raises DatasetError for a folder that cannot be read."""

    def fail(error: OSError) -> None:
        raise DatasetError(path=str(error.filename), found=f"{error.strerror}", expected="a folder that can be read") from error

    above: dict[str, frozenset[Hashable]] = {str(root): frozenset(map(file_key, map(str, (root, *root.resolve().parents))))}
    for folder, subfolders, names in os.walk(root, followlinks=True, onerror=fail):
        followed = []
        for name in subfolders:
            path = os.path.join(folder, name)  # noqa: PTH118 - as os.walk spells it
            key = file_key(path)
            if name.startswith("."):
                continue
            if key in above[folder]:
                if left_out is not None:
                    left_out[LOOP] += 1
                continue
            above[path] = above[folder] | {key}
            followed.append(name)
        subfolders[:] = followed
        yield from (Path(folder) / name for name in names if not name.startswith("."))
