"""Whether two paths name one file: `a.mp4`, `./a.mp4`, `x/../a.mp4` and the links to it do, and a list that gives them two
labels, or a split that trains on one and tests on the other, is wrong."""

from __future__ import annotations

import functools
import os
import unicodedata
from collections.abc import Hashable
from pathlib import Path

from slowfast.datasets.remote_files import is_remote


def spelling_key(path: str) -> str:
    """The same for paths that differ in `.`, `//`, `..` or composed letters only. The disk is not asked, so it costs little; a
    `..` behind a link may lead elsewhere, which `are_same` finds out."""
    composed = path if path.isascii() else unicodedata.normalize("NFC", path)
    if is_remote(composed):
        scheme, _, rest = composed.partition("://")
        return f"{scheme}://{os.path.normpath(rest)}"
    return os.path.normpath(composed)


def file_key(path: str) -> Hashable:
    """The same for all names of one file, links of both kinds and other cases of letters (where the system knows no
    difference) among them. Of a file that is not there, its `spelling_key`."""
    try:
        status = os.stat(path)  # noqa: PTH116 - paths are texts here
    except (OSError, ValueError):
        return spelling_key(path)
    # Some network file systems number no files.
    return (status.st_dev, status.st_ino) if status.st_ino else os.path.realpath(path)


def are_same(first: str, second: str) -> bool:
    """For paths of one `spelling_key`: whether they do name one file, or one that is not there."""
    return file_key(first) == file_key(second)


def missing(path: str) -> str:
    """What to say of a file that is not there. Names a file beside it whose name differs in its ending, in letters' case or
    composition, or in outer blanks only."""
    folder, name = os.path.split(path)
    names = _names(folder or ".")
    meant = names.get(_loose(name), "") or names.get(_loose(name) + ".", "")
    return f"the file does not exist, but {meant!r} does" if meant else "the file does not exist"


@functools.lru_cache(maxsize=16)
def _names(folder: str) -> dict[str, str]:
    """Names of the files of a folder, by their loose spelling, and by that without their ending (then with a dot behind)."""
    try:
        names = sorted(path.name for path in Path(folder).iterdir() if not path.name.startswith("."))
    except (OSError, ValueError):
        return {}
    return {**{_loose(Path(name).stem) + ".": name for name in names}, **{_loose(name): name for name in names}}


def _loose(name: str) -> str:
    return unicodedata.normalize("NFC", name).lower().strip()
