"""What can be predicted on: video files, folders of them, and folders of pictures."""

from __future__ import annotations

import glob
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from slowfast.datasets.found_files import SUFFIXES, files_below
from slowfast.datasets.frame_folder import FrameFolderSource, read_picture
from slowfast.datasets.sources import FileSource, GridSource, OpenVideo
from slowfast.datasets.transforms import CropFrames, FixedCrops
from slowfast.datasets.transforms.rules import WholePicture
from slowfast.datasets.video_files import VideoFiles
from slowfast.datasets.whole_videos import Length, length_of
from slowfast.engine.contract import Frames
from slowfast.prediction.errors import PredictionError

Picture = NDArray[np.uint8]

SCORES, EVENTS_TABLE, EVENTS = "scores.csv", "events.csv", "events.json"
DETECTIONS = "detections.csv"
TIMELINE, ANNOTATED = "timeline.html", "annotated.mp4"
"""What is written for each input."""

PICTURES = {".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
"""What counts as a picture in a folder of them."""


@dataclass(frozen=True, slots=True)
class Reading:
    """An input from one of its frames on. times: second of each of all its frames, from the first; duration: in seconds.
    pictures: (H, W, 3) as the network sees them, from frame `begin` on."""

    times: NDArray[np.float64]
    duration: float
    frame_sec: float
    begin: int
    pictures: Iterator[Picture]


class Readable(Protocol):
    """name: as people know it."""

    @property
    def name(self) -> str: ...

    def read(self, frames: Frames, begin: int = 0) -> Reading:
        """frames: how the network reads videos. Raises DecodeError, at once or as pictures are read."""


class Input(Readable, Protocol):
    """Something on this computer; results lie in a folder of its name."""

    @property
    def path(self) -> Path: ...


@dataclass(frozen=True, slots=True)
class VideoFile:
    """A video file. files: reads it, with what is known of it kept in the user's cache."""

    name: str
    path: Path
    files: VideoFiles

    def read(self, frames: Frames, begin: int = 0) -> Reading:
        source = FileSource(self.files) if frames.grid_fps is None else GridSource(frames.grid_fps, self.files)
        return reading_of(source.open(str(self.path)), frames, begin)


@dataclass(frozen=True, slots=True)
class FolderOfPictures:
    """Pictures in the order of their names, with numbers in them by their value, `fps` of them a second."""

    name: str
    path: Path
    fps: float

    def read(self, frames: Frames, begin: int = 0) -> Reading:
        return reading_of(self.source().open(str(self.path)), frames, begin)

    def source(self) -> FrameFolderSource:
        """Of one video, whose path is the folder's."""
        return FrameFolderSource(frames={str(self.path): self._names()}, prefix=str(self.path), fps=self.fps)

    def pictures(self) -> Iterator[tuple[float, Picture]]:
        """(second, picture) of all. Raises DecodeError."""
        for number, name in enumerate(self._names()):
            yield number / self.fps, read_picture(str(self.path / name))

    def _names(self) -> list[str]:
        return sorted((path.name for path in self.path.iterdir() if path.suffix.lower() in PICTURES), key=_natural)


def find_inputs(given: Sequence[str | Path], *, fps: float | None = None) -> list[Input]:
    """Inputs in the order given: files, folders of videos (with those below them), folders of pictures, and patterns such as
    `games/*.mp4`. fps: of folders of pictures. Annotated videos of earlier results are left out of folders. Raises
    PredictionError for what is none of these, and where two would have one name, or one a name within the other's."""
    files = VideoFiles()
    found = [each for text in given for each in _find(str(text), fps, files)]
    unique = {each.path.resolve(): each for each in found}
    inputs = list(unique.values())
    first: dict[str, Path] = {}
    for each in sorted(inputs, key=lambda each: each.name):
        above = next((first[str(name)] for name in PurePosixPath(each.name).parents if str(name) in first), None)
        if above is not None:
            raise PredictionError(
                f"{each.path} and {above}: results of the one would lie inside those of the other; right would be other names, "
                "or one run for each"
            )
        if first.setdefault(each.name, each.path) != each.path:
            raise PredictionError(
                f"{each.path} and {first[each.name]}: results of both would lie in the folder {each.name}; right would be "
                "other names, one run for each, or the folder that holds both"
            )
    return inputs


def _find(text: str, fps: float | None, files: VideoFiles) -> Iterator[Input]:
    path = Path(text)
    if path.is_dir():
        yield from _of_folder(path, fps, files)
    elif path.is_file():
        yield VideoFile(_name(path.stem), path, files)
    elif re.search(r"[*?[]", text):
        matches = sorted(glob.glob(text, recursive=True))  # noqa: PTH207 - a pattern may be absolute
        if not matches:
            raise PredictionError(f"{text}: nothing has such a name; right would be a pattern such as 'games/*.mp4'")
        for match in matches:
            yield from _find(match, fps, files)
    else:
        raise PredictionError(f"{text}: there is no such file; right would be a video, a folder or a pattern such as '*.mp4'")


def _of_folder(folder: Path, fps: float | None, files: VideoFiles) -> Iterator[Input]:
    below = sorted(files_below(folder))
    videos = [path for path in below if path.suffix.lower() in SUFFIXES and not _is_result(path)]
    for path in videos:
        parts = (*path.relative_to(folder).parent.parts, path.stem)
        yield VideoFile("/".join(map(_name, parts)), path, files)
    if videos:
        return
    if not any(path.suffix.lower() in PICTURES and path.parent == folder for path in below):
        endings = ", ".join(sorted(SUFFIXES))
        raise PredictionError(f"{folder}: holds no video and no pictures; right would be files that end in {endings}")
    if fps is None:
        raise PredictionError(f"{folder}: holds pictures, and nothing says how many are of one second; right would be --fps N")
    yield FolderOfPictures(_name(folder.resolve().name), folder, fps)


def _is_result(path: Path) -> bool:
    return path.name == ANNOTATED and path.with_name(EVENTS).is_file()


def _name(text: str) -> str:
    """As the name of a folder, and in files of events: without letters that these cannot hold, and no `..`."""
    letters = "".join("_" if unicodedata.category(letter) in ("Cc", "Cs") else letter for letter in text).strip()
    return letters if letters.strip(".") else "_" * max(len(letters), 1)


def _natural(name: str) -> tuple[object, ...]:
    parts = re.split(r"(\d+)", name)
    return (*((int(part) if number % 2 else part) for number, part in enumerate(parts)), name)


def view_of(frames: Frames) -> CropFrames:
    """What the network sees of pictures."""
    rule = (
        FixedCrops(size=frames.crop, short_side=frames.short_side)
        if frames.crop
        else WholePicture(short_side=frames.short_side)
    )
    return CropFrames(rule.draw(0, np.random.default_rng(0)))


def reading_of(video: OpenVideo, frames: Frames, begin: int) -> Reading:
    """An opened video as the network reads it. Raises DecodeError as pictures are read."""
    assert frames.seconds_apart is not None
    spacing = frames.seconds_apart * video.fps
    if abs(spacing - round(spacing)) < 1e-6:
        spacing = round(spacing)  # seconds are rounded, numbers of frames are not
    length: Length = length_of(video.fps, spacing, 0, video.num_frames)
    shown = view_of(frames)
    rest = length.sampled[begin:]
    return Reading(
        times=video.seconds(length.sampled),
        duration=length.seconds,
        frame_sec=length.frame_sec,
        begin=begin,
        pictures=video.stream(rest, shown) if len(rest) else iter(()),
    )
