"""Finding the videos that exports name, which often are paths on other machines."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from slowfast.datasets.found_files import SUFFIXES, files_below
from slowfast.datasets.remote_files import is_remote
from slowfast.preparation.exports.export import Place
from slowfast.preparation.exports.label_studio import without_upload_prefix

_SEPARATORS = re.compile(r"[/\\]+")


@dataclass(slots=True)
class VideoFinder:
    """Finds videos below a folder. by_name: how many were not where they were named, but found by their name."""

    root: Path
    by_name: int = 0
    _files: list[str] | None = field(default=None, init=False)

    def find(self, name: str, place: Place) -> str:
        """The path of a video, relative to the folder if it lies there; the name itself where nothing fits, or where it is
        remote. Raises DatasetError for a name that several files may have.

        First as it stands; then without its ending; then by its last part, then by that without its ending, in letters of any
        case: of several files those whose folders fit best.
        """
        direct = self._as_it_stands(name)
        if direct:
            return self._only(direct, name, place)
        parts = _parts(name)
        if not parts:
            return name
        for fits in _comparisons(parts[-1]):
            fitting = [path for path in self.files if fits(path.rpartition("/")[2])]
            if fitting:
                found = self._only(_nearest(fitting, parts[:-1]), name, place)
                self.by_name += 1
                return found
        return name

    @property
    def files(self) -> list[str]:
        """The videos below the folder, relative to it."""
        if self._files is None:
            found = files_below(self.root) if self.root.is_dir() else iter(())
            self._files = sorted(path.relative_to(self.root).as_posix() for path in found if path.suffix.lower() in SUFFIXES)
        return self._files

    def _as_it_stands(self, name: str) -> list[str]:
        if not name or "\0" in name or is_remote(name):
            return []
        if os.path.isfile(self.root / name):  # noqa: PTH113 - which no name makes raise an error
            return [name]
        return [named for suffix in sorted(SUFFIXES) if os.path.isfile(self.root / (named := f"{name}{suffix}"))]  # noqa: PTH113

    def _only(self, paths: list[str], name: str, place: Place) -> str:
        if len(paths) > 1:
            raise place.fault(f"{name!r}, which may be {' or '.join(paths)}", "one of these")
        return paths[0]


def _parts(name: str) -> list[str]:
    """Folders and name, of a path of any system or an address."""
    text = name
    if is_remote(name) or "?d=" in name:
        text = name.partition("?d=")[2] or name.partition("?")[0]
        text = unquote(text)
    return [part for part in _SEPARATORS.split(text) if part not in ("", ".", "..")]


def _comparisons(name: str) -> Iterator[Callable[[str], bool]]:
    """Ways to compare names of files with the one that is looked for, the surest first."""
    stem = name[: -len(Path(name).suffix)] if Path(name).suffix.lower() in SUFFIXES else name
    upload = without_upload_prefix(name)
    yield lambda other: other == name
    yield lambda other: _loose(other) == _loose(name)
    yield lambda other: _stem(other) == stem
    yield lambda other: _loose(_stem(other)) == _loose(stem)
    yield lambda other: _stem(other) == f"v_{stem}"  # ActivityNet's files of ids
    if upload != name:  # Label Studio also writes blanks as _
        yield lambda other: _loose(other).replace(" ", "_") == _loose(upload)


def _nearest(paths: list[str], folders: list[str]) -> list[str]:
    """Those whose folders agree with most of the last folders named."""

    def agreement(path: str) -> int:
        own, count = path.split("/")[:-1], 0
        for mine, named in zip(reversed(own), reversed(folders), strict=False):
            if _loose(mine) != _loose(named):
                break
            count += 1
        return count

    best = max(map(agreement, paths))
    return [path for path in paths if agreement(path) == best]


def _stem(name: str) -> str:
    return Path(name).stem


def _loose(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold().strip()
