"""The pictures or videos that a folder in the format of AVA has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from slowfast.annotations.ava import AvaTimes
from slowfast.datasets.ava.videos import video_files
from slowfast.datasets.errors import DatasetError, DecodeError
from slowfast.datasets.frame_folder import read_picture
from slowfast.datasets.frame_lists import FramePaths, number_of
from slowfast.preparation.probing import in_parallel, probe_video

PICTURES = frozenset([".jpeg", ".jpg", ".png"])

LONGEST_BEHIND_SEC = 62
"""AVA's videos end 3 s behind the last annotated second. One that ends much later is probably the whole film."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Medium:
    """One video. num_frames: at the rate of the data set. frames: its pictures, relative to the folder; None of a video file.
    problem: what is wrong with it; empty if nothing is."""

    video_id: str
    num_frames: int
    frames: FramePaths | None = None
    problem: str = ""


def find_media(folder: Path, *, times: AvaTimes, jobs: int) -> list[Medium]:
    """Videos by their ids: the video files of a folder, or if it has none its subfolders of pictures. Raises DatasetError."""
    if not folder.is_dir():
        raise DatasetError(
            path=str(folder), found="there is no such folder", expected="videos, or a folder of pictures for each"
        )
    files = list(video_files(folder).values())
    folders = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if not files and not folders:
        raise DatasetError(
            path=str(folder), found="neither videos nor folders", expected="ID.mp4 and so on, or ID/ID_000001.jpg and so on"
        )
    look = partial(_look_at_video, times) if files else partial(_look_at_pictures, folder)
    found = in_parallel(look, files or folders, jobs=jobs, title="Looking")
    return sorted((medium for _, medium in found), key=lambda medium: medium.video_id)


def _look_at_video(times: AvaTimes, path: Path) -> Medium:
    probe = probe_video(str(path))
    problem = probe.problem
    if times.start + probe.duration_sec > times.last + LONGEST_BEHIND_SEC:
        problem = f"{probe.duration_sec:.0f} s long: is it cut to begin at second {times.start} of the film?"
    return Medium(video_id=path.stem, num_frames=int(probe.duration_sec * times.fps), problem=problem)


def _look_at_pictures(root: Path, folder: Path) -> Medium:
    pictures = (path for path in folder.iterdir() if path.suffix.lower() in PICTURES and not path.name.startswith("."))
    names = sorted((path.name for path in pictures), key=lambda name: (number_of(name), name))
    frames = FramePaths()
    for name in names:
        frames.append((folder / name).relative_to(root).as_posix())
    return Medium(video_id=folder.name, num_frames=len(names), frames=frames, problem=_picture_problem(folder, names))


def _picture_problem(folder: Path, names: Sequence[str]) -> str:
    if not names:
        return f"no pictures ({', '.join(sorted(PICTURES))})"
    if any(character.isspace() for character in folder.name + names[0]):
        return "a name holds a blank, which separates the columns of frame lists"
    numbers = [number_of(name) for name in names]
    if numbers[0] != 1:
        return f"pictures are numbered from {numbers[0]}, not from 1: {names[0]}"
    gaps = [name for before, after, name in zip(numbers, numbers[1:], names[1:], strict=False) if after != before + 1]
    if gaps:
        return f"pictures are missing or doubled before {gaps[0]} ({len(gaps)} such places)"
    try:
        sizes = {read_picture(str(folder / name)).shape[1::-1] for name in (names[0], names[-1])}
    except DecodeError as error:
        return str(error)
    return "" if len(sizes) == 1 else f"pictures differ in size: {sorted(sizes)} (width, height)"
