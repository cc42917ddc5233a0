"""Which videos there are, and what is seen in them, by the folders that they lie in, which are named after classes."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from slowfast.datasets.errors import DatasetError
from slowfast.datasets.found_files import SUFFIXES, files_below
from slowfast.datasets.same_file import file_key

_SPLIT_OF = {
    **dict.fromkeys(("train", "training"), "train"), **dict.fromkeys(("val", "valid", "validation"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Span:
    """One class in a video, for all of it (start and end are None) or for some seconds. source, row: where that is said: a
    file, maybe with an element of it, and the row there."""

    name: str
    start_sec: float | None = None
    end_sec: float | None = None
    row: int | None = field(default=None, compare=False)
    source: str = field(default="", compare=False)

    @property
    def place(self) -> str:
        return self.source if self.row is None else f"{self.source}, row {self.row}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledVideo:
    """path: relative to the folder of the videos, with "/", or absolute. source: where it is listed, for messages."""

    path: str
    source: str
    spans: tuple[Span, ...]

    @property
    def class_names(self) -> tuple[str, ...]:
        """Each class once, in the order of first mention."""
        return tuple(dict.fromkeys(span.name for span in self.spans))


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """multi_label: whether a video can have several classes, or classes at times. ignored: files that are no videos, or that
    lie in no class folder, counted by suffix. notes: sentences on what may be meant otherwise than it was understood.
    understood: rows of what was read from exports, see `exports.gathering.UNDERSTOOD`."""

    videos: tuple[LabelledVideo, ...]
    multi_label: bool
    ignored: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    understood: tuple[tuple[str | int, ...], ...] = ()


def find_class_folders(root: Path) -> Inventory:
    """Videos below root/CLASS/, at any depth. Hidden files and folders are passed over. Raises DatasetError for none, for
    folders that are no classes, and for a file that is found in two places."""
    if not root.is_dir():
        raise DatasetError(path=str(root), found="there is no such folder", expected="a folder with one folder for each class")
    videos: list[LabelledVideo] = []
    ignored: Counter[str] = Counter()
    for path in sorted(files_below(root, ignored)):
        relative = path.relative_to(root)
        if path.suffix.lower() in SUFFIXES and len(relative.parts) > 1:
            name = relative.parts[0]
            videos.append(LabelledVideo(path=relative.as_posix(), source=str(path), spans=(Span(name),)))
        else:
            ignored[path.suffix.lower() or "without suffix"] += 1
    if not videos:
        raise DatasetError(
            path=str(root),
            found=f"no video in any class folder ({ignored.total()} other files)",
            expected="files like CLASS/NAME.mp4, or --labels FILE.csv to say what is seen in each video",
        )
    _check_folders(root, videos)
    _check_files(root, videos)
    check_class_names(root, videos)
    if len({video.class_names[0] for video in videos}) == 1:
        raise one_class(root, videos)
    return Inventory(
        videos=tuple(videos), multi_label=False, ignored=dict(ignored.most_common()), notes=tuple(_notes(root, videos))
    )


def _check_folders(root: Path, videos: Sequence[LabelledVideo]) -> None:
    """Raises DatasetError for folders of splits, and for a folder one level too high."""
    names = sorted({video.class_names[0] for video in videos})
    splits = {name: _SPLIT_OF[name.lower()] for name in names if name.lower() in _SPLIT_OF}
    if len(splits) == len(names) or len(set(splits.values())) > 1:
        raise DatasetError(
            path=str(root),
            found=f"folders called {', '.join(splits)}, which are splits and not classes",
            expected="CLASS/NAME.mp4: the videos are split here (see --split, --group-by)",
        )
    inner = sorted({Path(video.path).parts[1] for video in videos if len(Path(video.path).parts) > 2})
    if len(names) == 1 and inner:
        raise DatasetError(
            path=str(root),
            found=f"all {len(videos)} videos in one folder, {names[0]}, with folders of its own ({_some(inner)})",
            expected=f"a folder of class folders, as {root / names[0]} may be",
        )


def _notes(root: Path, videos: Sequence[LabelledVideo]) -> Iterator[str]:
    names = {video.class_names[0] for video in videos}
    empty = sorted(
        path.name for path in root.iterdir() if path.is_dir() and path.name not in names and not path.name.startswith(".")
    )
    if empty:
        yield f"folders without a video, which are no classes: {_some(empty)}"
    deep = [video.path for video in videos if video.path.count("/") > 1]
    if deep:
        name = deep[0].partition("/")[0]
        yield f"{len(deep)} videos lie in folders below those of the classes; of {deep[0]!r} the class is {name!r}"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f", and {len(names) - 5} more" if len(names) > 5 else "")


def _check_files(root: Path, videos: Sequence[LabelledVideo]) -> None:
    """Raises DatasetError for a file that two links or spellings lead to: it would be trained on and tested on."""
    first: dict[Hashable, LabelledVideo] = {}
    for video in videos:
        other = first.setdefault(file_key(str(root / video.path)), video)
        if other is not video:
            raise DatasetError(
                path=video.source, found=f"the same file as {other.source}", expected="each video once (a link may lead to it)"
            )


def check_class_names(source: Path, videos: Sequence[LabelledVideo]) -> None:
    """Raises DatasetError for classes that only a slip tells apart."""
    first: dict[str, tuple[str, str]] = {}
    for video in videos:
        for name in video.class_names:
            other, where = first.setdefault(_plain(name), (name, video.source))
            if other != name:
                raise DatasetError(
                    path=str(source),
                    found=f"the classes {other!r} ({where}) and {name!r} ({video.source}), which differ in case or blanks only",
                    expected="one spelling",
                )


def one_class(source: Path, videos: Sequence[LabelledVideo]) -> DatasetError:
    """Of a single class nothing can be learned."""
    return DatasetError(
        path=str(source),
        found=f"one class, {videos[0].class_names[0]!r}, for all {len(videos)} videos",
        expected="two classes or more",
    )


def _plain(name: str) -> str:
    return "".join(unicodedata.normalize("NFC", name).lower().split())
