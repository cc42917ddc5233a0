"""The test videos that a network understood worst and best, as a file that a page of the run shows.

K classes, S stretches of a video, C of the classes.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from slowfast.engine.examined_persons import ExaminedMoment
from slowfast.engine.numbered_files import packed, unpacked
from slowfast.runtime.atomic_files import write_json

EXAMINED = "examined_videos.json"

TRUE_SCORE, LOSS, LOSS_IN_TIME, MEAN_AP = "true_score", "loss", "loss_in_time", "mean_ap"
"""What videos are ordered by: the score of the one true class; the cross-entropy of all classes, their mean, of the scores of
the whole video; the same along its time, the mean over moments; the mean average precision of the boxes of persons."""

MEASURES = (TRUE_SCORE, LOSS, LOSS_IN_TIME, MEAN_AP)

DECIMALS = 4

Stretch = tuple[int, float, float]
"""(class, start, end), in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoresAlong:
    """seconds: S stretches (start, end), in order, without overlap. scores: S of each of C classes, by class."""

    seconds: tuple[tuple[float, float], ...]
    scores: Mapping[int, tuple[float, ...]]

    def __post_init__(self) -> None:
        if not all(len(scores) == len(self.seconds) for scores in self.scores.values()):
            raise ValueError(f"{len(self.seconds)} stretches of a video have other numbers of scores; right would be one each")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExaminedVideo:
    """One of them. Classes are numbers.

    number: of the video in its data set. files: whole paths, the video's file or its pictures in order, and fps: that many of
    these a second; None: a file. place: 1 is the worst of all videos. measured: see `ExaminedVideos.measure`. true: what is
    seen in the video. missed: what of it the network did not say; false: what it said though it is not so; where events are
    compared, one entry an event. rank: of the one true class among the scores; None: videos have several labels. scores: of the
    classes that are worth showing, best first. truths: when the classes are on, as far as labels have times. found: events,
    where the test makes some. along: scores in time, of the same classes; None: not known.
    """

    video_id: str
    number: int
    files: tuple[str, ...]
    fps: float | None
    place: int
    measured: float
    true: tuple[int, ...]
    missed: tuple[int, ...]
    false: tuple[int, ...]
    rank: int | None
    scores: Mapping[int, float]
    truths: tuple[Stretch, ...]
    found: tuple[Stretch, ...] | None
    along: ScoresAlong | None
    moments: tuple[ExaminedMoment, ...] | None = None

    @classmethod
    def from_content(cls, content: Mapping[str, Any]) -> Self:
        along = content["along"]
        found = content["found"]
        moments = content.get("moments")  # files of an earlier version have none
        return cls(
            video_id=str(content["video_id"]),
            number=int(content["number"]),
            files=unpacked(content["files"]),
            fps=None if content["fps"] is None else float(content["fps"]),
            place=int(content["place"]),
            measured=float(content["measured"]),
            true=_numbers(content["true"]),
            missed=_numbers(content["missed"]),
            false=_numbers(content["false"]),
            rank=None if content["rank"] is None else int(content["rank"]),
            scores={int(label): float(score) for label, score in content["scores"].items()},
            truths=_stretches(content["truths"]),
            found=None if found is None else _stretches(found),
            along=None
            if along is None
            else ScoresAlong(
                seconds=tuple((float(start), float(end)) for start, end in along["seconds"]),
                scores={int(label): tuple(map(float, scores)) for label, scores in along["scores"].items()},
            ),
            moments=None if moments is None else tuple(map(ExaminedMoment.from_content, moments)),
        )

    def content(self) -> dict[str, Any]:
        """As JSON holds it."""
        # Moments may be so many that dataclasses would take long.
        moments = None if self.moments is None else [moment.content() for moment in self.moments]
        plain = dataclasses.asdict(dataclasses.replace(self, files=(), moments=None))
        return {**plain, "files": packed(self.files), "moments": moments}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExaminedVideos:
    """measure: one of MEASURES. num_videos: that were tested. class_names: K. videos: the worst first."""

    measure: str
    num_videos: int
    class_names: tuple[str, ...]
    videos: tuple[ExaminedVideo, ...]

    def write(self, folder: Path) -> None:
        """Writes the file into the folder of a run. Raises WriteError."""
        content = {**dataclasses.asdict(dataclasses.replace(self, videos=())), "videos": [v.content() for v in self.videos]}
        write_json(folder / EXAMINED, content)


def read_examined(path: Path) -> ExaminedVideos:
    """Raises OSError, and ValueError, KeyError, TypeError or AttributeError for content of another form."""
    content = json.loads(path.read_text(encoding="utf-8"))
    examined = ExaminedVideos(
        measure=str(content["measure"]),
        num_videos=int(content["num_videos"]),
        class_names=tuple(map(str, content["class_names"])),
        videos=tuple(ExaminedVideo.from_content(video) for video in content["videos"]),
    )
    if examined.measure not in MEASURES:
        raise ValueError(f"{examined.measure!r} is no measure")
    for video in examined.videos:
        named = {*video.true, *video.missed, *video.false, *video.scores, *(stretch[0] for stretch in video.truths)}
        named |= {stretch[0] for stretch in video.found or ()} | set(video.along.scores if video.along else ())
        named |= {label for moment in video.moments or () for label in moment.labels}
        if wrong := [label for label in named if not 0 <= label < len(examined.class_names)]:
            raise ValueError(f"{video.video_id}: there is no class {wrong[0]}")
        if not video.files:
            raise ValueError(f"{video.video_id}: no file is named")
    return examined


def _numbers(values: Any) -> tuple[int, ...]:
    return tuple(map(int, values))


def _stretches(rows: Any) -> tuple[Stretch, ...]:
    return tuple((int(label), float(start), float(end)) for label, start, end in rows)
