"""Copies of all videos of a folder that load faster, with the lists that go with them."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path

from slowfast.config.prepared_folder import MANIFEST, FolderManifest
from slowfast.datasets.errors import DatasetError, DecodeError
from slowfast.datasets.found_files import SUFFIXES, files_below
from slowfast.preparation.encoding import Encoding, encode_copy
from slowfast.preparation.lists import listed_paths, renamed_texts
from slowfast.preparation.probing import in_parallel
from slowfast.runtime.atomic_files import make_folder, write_text

SETTINGS = "reencode.json"
VIDEOS = "videos"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reencoding:
    """What to do. videos: a folder that was prepared, or any folder of videos; out: where the copies go."""

    videos: Path
    out: Path
    short_side: int = 256
    crf: int = 20
    jobs: int = field(default_factory=lambda: os.cpu_count() or 1)

    @property
    def encoding(self) -> Encoding:
        return Encoding(self.short_side, self.crf)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reencoded:
    """copies: (source, copy) of each video that has one now; num_new of them were made by this call. problems: why others
    have none, by path. texts: files to be written to the new folder, by name."""

    copies: list[tuple[str, Path]]
    num_new: int
    problems: dict[str, str]
    texts: dict[str, str]


def reencode(wanted: Reencoding) -> Reencoded:
    """Makes the copies that are missing or older than their source. Each is written atomically, so that an interrupted
    call goes on where it stopped. Raises DatasetError."""
    _check(wanted)
    prepared = (wanted.videos / MANIFEST).exists()
    names = _listed(wanted.videos) if prepared else _found(wanted.videos)
    targets = {source: wanted.out / VIDEOS / name if prepared else wanted.out / name for source, name in names.items()}
    if len(set(targets.values())) < len(targets):
        raise DatasetError(path=str(wanted.videos), found="videos whose copies would have one name", expected="different paths")
    _claim(wanted)
    missing = [source for source, target in targets.items() if not _is_current(source, target)]
    problems: dict[str, str] = {}
    work = partial(_try_to_copy, targets=targets, encoding=wanted.encoding)
    for source, problem in in_parallel(work, missing, jobs=wanted.jobs, title="Encoding"):
        if problem:
            problems[source] = problem
    copies = [(source, target) for source, target in targets.items() if source not in problems]
    if not copies:
        raise DatasetError(path=str(wanted.videos), found=f"none of {len(targets)} videos can be read", expected="videos here")
    texts = _new_texts(wanted.videos, {source for source, _ in copies}) if prepared else {}
    return Reencoded(copies=copies, num_new=len(missing) - len(problems), problems=problems, texts=texts)


def _check(wanted: Reencoding) -> None:
    if not wanted.videos.is_dir():
        raise DatasetError(path=str(wanted.videos), found="there is no such folder", expected="a folder of videos")
    if wanted.out.resolve().is_relative_to(wanted.videos.resolve()):
        raise DatasetError(path=str(wanted.out), found="a folder inside that of the videos", expected="one outside (--out)")
    if wanted.short_side < 2 or not 0 <= wanted.crf <= 51:
        raise DatasetError(
            path="--short-side, --crf", found=f"{wanted.short_side}, {wanted.crf}", expected="2 or more; 0 to 51"
        )


def _listed(data: Path) -> dict[str, str]:
    """Name of the copy of each video in the lists of a prepared folder, by path."""
    manifest = FolderManifest.read(data)
    root = data / manifest.videos
    return {str(root / path): copy_name(path) for path in listed_paths(data, manifest)}


def _found(root: Path) -> dict[str, str]:
    """The same for all videos below any folder."""
    paths = [path for path in sorted(files_below(root)) if path.suffix.lower() in SUFFIXES]
    if not paths:
        raise DatasetError(path=str(root), found="no video", expected="videos, or lists of them")
    return {str(path): copy_name(path.relative_to(root).as_posix()) for path in paths}


def copy_name(path: str) -> str:
    """The path of a copy below the folder of the copies. Other suffixes than .mp4 stay in front of it, so that no two videos
    share a copy; absolute paths lose their root, and nothing leads upwards."""
    parts = [part for part in Path(path).parts if part not in ("/", "..", ".")]
    name = "/".join(parts)
    return name if name.endswith(".mp4") else f"{name}.mp4"


def _claim(wanted: Reencoding) -> None:
    """Notes the settings in the new folder, or finds the same ones noted there."""
    path = wanted.out / SETTINGS
    text = json.dumps({"source": str(wanted.videos.resolve()), **asdict(wanted.encoding)}, indent=2) + "\n"
    if path.exists():
        noted = path.read_text(encoding="utf-8")
        if noted != text:
            raise DatasetError(
                path=str(path), found=f"copies made with {' '.join(noted.split())}",
                expected=f"{' '.join(text.split())}, or another folder (--out)",
            )  # fmt: skip
        return
    if wanted.out.is_dir() and any(not entry.name.startswith(f".{path.name}.") for entry in wanted.out.iterdir()):
        raise DatasetError(path=str(wanted.out), found="files that were not written here", expected="an empty or new folder")
    make_folder(wanted.out)
    write_text(path, text)


def _is_current(source: str, target: Path) -> bool:
    try:
        return target.stat().st_mtime_ns >= Path(source).stat().st_mtime_ns
    except OSError:
        return False


def _try_to_copy(source: str, *, targets: Mapping[str, Path], encoding: Encoding) -> str:
    """What kept the copy from being made; empty if nothing did."""
    try:
        encode_copy(source, targets[source], encoding)
    except DecodeError as error:
        return error.reason
    return ""


def _new_texts(data: Path, sources: Collection[str]) -> dict[str, str]:
    """Lists and manifest for the copies of these videos."""
    manifest = FolderManifest.read(data)
    root = data / manifest.videos
    new_paths = {path: copy_name(path) for path in listed_paths(data, manifest) if str(root / path) in sources}
    return {**renamed_texts(data, manifest, new_paths), MANIFEST: replace(manifest, videos=VIDEOS).text()}


def sample(copies: Sequence[tuple[str, Path]], size: int) -> list[tuple[str, Path]]:
    """Some of the copies, spread evenly."""
    count = min(size, len(copies))
    return [copies[(2 * number + 1) * len(copies) // (2 * count)] for number in range(count)]
