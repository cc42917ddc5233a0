"""What a page shows of a video itself: some of its pictures, and something that a browser can play."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import cv2
import numpy as np
from numpy.typing import NDArray

from slowfast.datasets.decoding import IndexCache, WholeFrame
from slowfast.datasets.decoding.opening import open_video
from slowfast.datasets.errors import DecodeError
from slowfast.datasets.frame_folder import FrameFolderSource
from slowfast.datasets.remote_files import is_remote
from slowfast.datasets.sources import FileSource, OpenVideo
from slowfast.datasets.video_files import AUTO, VideoFiles, cache_folder
from slowfast.engine.examined import ExaminedVideo
from slowfast.preparation.encoding import Encoding, encode_copy, encode_pictures
from slowfast.reports.examples import file_name
from slowfast.runtime.atomic_files import atomic_write

PICTURES = 8
PICTURE_HEIGHT = 72
WIDEST = 2.5
"""Of a picture in the strip, in heights; more is cut off at both sides."""

COPY = Encoding(short_side=360, crf=26)
SMALL_COPY = Encoding(short_side=240, crf=30)
LONGEST_COPY_SEC = 600.0
MOST_EMBEDDED_BYTES = 4_000_000

_SUFFIXES = {".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/mp4", ".webm": "video/webm"}
_CODECS = {"h264", "av1", "vp8", "vp9"}
_PIXELS = {"yuv420p", "yuvj420p"}
"""What Chromium, Firefox and Safari all play."""

_OURS = re.compile(r".+-[0-9a-f]{16}\.(mp4|m4v|mov|webm)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """strip: (second, address of a JPEG). address: of what a browser can play; empty: nothing, and `note` says why. note: what
    one should know of the player. duration: in seconds; None: not known."""

    strip: tuple[tuple[float, str], ...]
    address: str
    note: str
    duration: float | None


@dataclass(kw_only=True)
class Shelf:
    """Where the films of a page lie.

    page: the page's file; films that are written lie in a folder beside it, NAME_files. keep: "linked": files that browsers
    play stay where they are; "untouched": the same, and no copies are written of the others; "copied": all are beside the
    page; "embedded": in the page, unless they are too large.
    """

    page: Path
    keep: str = "linked"
    too_large: list[str] = field(default_factory=list)
    _used: set[str] = field(default_factory=set)

    @property
    def folder(self) -> Path:
        return self.page.with_name(f"{self.page.stem}_files")

    def film(self, video: ExaminedVideo) -> Film:
        """Raises WriteError where a copy cannot be written. A video that cannot be read is a film that says so."""
        first = video.files[0]
        if is_remote(first) or not Path(first).is_file():
            where = "lies elsewhere" if is_remote(first) else "is not in its place any more"
            return Film(strip=(), address="", note=f"The video {where}: {self._shown(first)}", duration=None)
        try:
            opened, duration = _open(video)
            strip = _strip(opened)
        except DecodeError as error:
            note = f"The video cannot be read: {error.reason} ({self._shown(error.path)})"
            return Film(strip=(), address="", note=note, duration=None)
        try:
            address, note = self._address(video, opened, duration)
        except DecodeError as error:
            address, note = "", f"No player: no copy that browsers play could be written ({error.reason})."
        except FileNotFoundError as error:
            address, note = "", f"No player: {self._shown(str(error.filename))} is not in its place any more."
        return Film(strip=strip, address=address, note=note, duration=duration)

    def _shown(self, path: str) -> str:
        """As the page says it: one that is given away does not tell where things lie on this computer."""
        return path if self.keep in ("linked", "untouched") or is_remote(path) else Path(path).name

    def tidy(self) -> None:
        """Takes away films of an earlier page that this one does not show. Called once the page is written."""
        if self.folder.is_dir():
            for path in self.folder.iterdir():
                if path.name not in self._used and _OURS.fullmatch(path.name):
                    path.unlink(missing_ok=True)
            if not any(self.folder.iterdir()):
                self.folder.rmdir()

    def _address(self, video: ExaminedVideo, opened: OpenVideo, duration: float) -> tuple[str, str]:
        """(address, note)."""
        file = Path(video.files[0])
        fault = f"these are {opened.num_frames} pictures" if video.fps is not None else _why_not_playable(file)
        if not fault and self.keep in ("linked", "untouched"):
            return _relative(file, self.page), ""
        if not fault and self.keep == "copied":
            return self._copied(video, file), ""
        if not fault and file.stat().st_size <= MOST_EMBEDDED_BYTES:
            return _embedded(file), ""
        if self.keep == "untouched":
            return "", f"No player: {fault}; `tools/report.py RUN` writes a copy that browsers play."
        if duration > LONGEST_COPY_SEC and self.keep == "linked":
            limit = f"{LONGEST_COPY_SEC / 60:g} minutes"
            return (
                "",
                f"No player: {fault}, and longer than {limit}; `tools/report.py --copy` writes a copy that browsers play.",
            )
        encoding = SMALL_COPY if self.keep == "embedded" else COPY
        path = self._encoded(video, opened, encoding)
        note = f"This is a copy without sound: {fault or 'the file is large'}."
        if self.keep == "embedded" and path.stat().st_size <= MOST_EMBEDDED_BYTES:
            self._used.discard(path.name)
            return _embedded(path), note
        if self.keep == "embedded":
            self.too_large.append(video.video_id)
        return _relative(path, self.page), note

    def _copied(self, video: ExaminedVideo, file: Path) -> str:
        target = self._place(video, "as it is", file.suffix.lower())
        if not target.is_file():
            with atomic_write(target) as beside:
                shutil.copyfile(file, beside)
        return _relative(target, self.page)

    def _encoded(self, video: ExaminedVideo, opened: OpenVideo, encoding: Encoding) -> Path:
        target = self._place(video, str(encoding), ".mp4")
        if not target.is_file():
            if video.fps is None:
                encode_copy(video.files[0], target, encoding)
            else:
                pictures = opened.stream(np.arange(opened.num_frames), WholeFrame())
                encode_pictures(pictures, opened.num_frames, video.fps, target, encoding)
        return target

    def _place(self, video: ExaminedVideo, how: str, suffix: str) -> Path:
        """A name that another file, or another content of this one, does not get."""
        states = [Path(file).stat() for file in (video.files[0], video.files[-1])]
        what = [how, *video.files, video.fps, *((state.st_size, state.st_mtime_ns) for state in states)]
        digest = hashlib.sha256("\0".join(map(str, what)).encode(errors="surrogateescape")).hexdigest()[:16]
        name = f"{file_name(video.video_id)[:60]}-{digest}{suffix}"
        self._used.add(name)
        return self.folder / name


def _open(video: ExaminedVideo) -> tuple[OpenVideo, float]:
    """(the video, its seconds)."""
    if video.fps is not None:
        pictures = FrameFolderSource(frames={"": video.files}, prefix="", fps=video.fps).open("")
        return pictures, pictures.num_frames / video.fps
    file = FileSource(VideoFiles(indexes=IndexCache(cache_folder(AUTO, "index")))).open(video.files[0])
    return file, file.index.duration_sec


def _why_not_playable(path: Path) -> str:
    """What keeps a browser from playing the file; empty: nothing."""
    with open_video(str(path)) as (_, stream):
        codec, pixels = stream.codec_context.codec.canonical_name, str(stream.codec_context.pix_fmt)
    if path.suffix.lower() not in _SUFFIXES:
        return f"browsers do not play files of the kind {path.suffix or 'without an ending'}"
    if codec not in _CODECS or pixels not in _PIXELS:
        return f"browsers do not play {codec} ({pixels})"
    return ""


def _strip(opened: OpenVideo) -> tuple[tuple[float, str], ...]:
    """Of as many equal parts of the video, the picture in the middle."""
    numbers = np.unique(((np.arange(PICTURES) + 0.5) * opened.num_frames / PICTURES).astype(np.int64))
    seconds = opened.seconds(numbers).tolist()
    pictures = opened.stream(numbers, WholeFrame())
    return tuple((second, _jpeg(picture)) for second, picture in zip(seconds, pictures, strict=True))


def _jpeg(picture: NDArray[np.uint8]) -> str:
    height, width = picture.shape[:2]
    kept = min(width, round(WIDEST * height))
    left = (width - kept) // 2
    size = (max(1, round(kept * PICTURE_HEIGHT / height)), PICTURE_HEIGHT)
    small = cv2.resize(picture[:, left : left + kept], size, interpolation=cv2.INTER_AREA)
    _, content = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), (cv2.IMWRITE_JPEG_QUALITY, 80))
    return f"data:image/jpeg;base64,{base64.b64encode(content.tobytes()).decode()}"


def _embedded(path: Path) -> str:
    return f"data:{_SUFFIXES[path.suffix.lower()]};base64,{base64.b64encode(path.read_bytes()).decode()}"


def _relative(path: Path, page: Path) -> str:
    """The address of a file as the page says it, so that the two can be moved together."""
    # Links are left as they are: browsers do not follow them either.
    return quote(os.fsencode(os.path.relpath(path.absolute(), page.parent.absolute())))
