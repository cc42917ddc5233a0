"""What a LongCook folder says about itself, and whether that is true.

The manifest is the last file to appear. It names every other file with its size, so a folder with a manifest that holds is
whole, and one without it is not ours or not finished.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slowfast.datasets.errors import DatasetError

MANIFEST = "longcook.json"

_VERSION = 2
"""To be raised whenever the same seed gives other videos or another annotation."""

_EMPTY = "a new or empty folder as DATA.PATH_TO_DATA_DIR"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What the contents of a folder follow from. format: the data set whose layout it has. minutes, tables: mean length of
    the videos of LongCook-Hour, and how many tables they have; None elsewhere."""

    format: str
    num_train: int
    num_val: int
    num_test: int
    seed: int
    version: int = _VERSION
    minutes: int | None = None
    tables: int | None = None

    @property
    def counts(self) -> dict[str, int]:
        """Videos of each split."""
        return {"train": self.num_train, "val": self.num_val, "test": self.num_test}

    def facts(self) -> dict[str, object]:
        """As the manifest has it."""
        return {key: value for key, value in dataclasses.asdict(self).items() if value is not None}


def write_manifest(folder: Path, recipe: Recipe, *, finished: bool) -> None:
    """Writes the manifest of `folder`; unless finished, it names no files and so only says what is being built here."""
    content: dict[str, object] = {"recipe": recipe.facts()}
    if finished:
        content["bytes"] = _sizes(folder)
    temporary = folder / f"{MANIFEST}.tmp"
    with temporary.open("w") as file:
        json.dump(content, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(folder / MANIFEST)


def is_complete(folder: Path, recipe: Recipe) -> bool:
    """Whether the folder holds every file of that recipe, in full length."""
    content = read_manifest(folder)
    if content is None or content["recipe"] != recipe.facts() or "bytes" not in content:
        return False
    present = _sizes(folder)
    return all(present.get(name) == size for name, size in content["bytes"].items())


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """The folder's manifest, None if there is none. Raises DatasetError if the file of that name is something else."""
    path = folder / MANIFEST
    try:
        content = json.loads(path.read_text())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError:
        content = None
    if not isinstance(content, dict) or not isinstance(content.get("recipe"), dict):
        raise DatasetError(path=str(path), found="this is not the manifest of a LongCook folder", expected=_EMPTY)
    return content


def refuse_other_content(folder: Path, recipe: Recipe) -> None:
    """Raises DatasetError unless LongCook may be written to `folder`: missing, empty, or a damaged copy of the same recipe."""
    content = read_manifest(folder)
    if content is not None:
        wanted = recipe.facts()
        if (version := content["recipe"].get("version")) != recipe.version:
            raise DatasetError(
                path=str(folder),
                found=f"this folder holds LongCook of version {version}; that of version {recipe.version} has other splits",
                expected=f"that this folder be deleted, as it is then written anew, or {_EMPTY}",
            )
        if content["recipe"] != wanted:
            raise DatasetError(
                path=str(folder),
                found=f"this folder holds LongCook with {_describe(content['recipe'])}, not with {_describe(wanted)}",
                expected="the same data set, LONGCOOK.NUM_TRAIN, NUM_VAL, NUM_TEST, SEED, MINUTES and TABLES, "
                f"{_EMPTY}, or that this one be deleted",
            )
    elif folder.exists() and not folder.is_dir():
        raise DatasetError(path=str(folder), found="this is a file", expected=_EMPTY)
    elif folder.is_dir() and (first := next(folder.iterdir(), None)) is not None:
        raise DatasetError(
            path=str(folder), found=f"this folder holds something else than LongCook ({first.name})", expected=_EMPTY
        )


def _describe(recipe: dict[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in recipe.items())


def _sizes(folder: Path) -> dict[str, int]:
    """Bytes of each file below the folder, by path relative to it; the manifest itself left out."""
    sizes = {name: size for name, size in _walk(folder, "") if not name.startswith(MANIFEST)}
    return dict(sorted(sizes.items()))


def _walk(folder: Path | str, prefix: str) -> Iterator[tuple[str, int]]:
    # Folders of stills hold tens of thousands of files, for which pathlib takes seconds.
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                yield from _walk(entry.path, f"{prefix}{entry.name}/")
            elif entry.is_file():
                yield prefix + entry.name, entry.stat().st_size
