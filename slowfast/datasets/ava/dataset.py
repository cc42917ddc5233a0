"""The data set of annotated seconds: one clip around each, with the persons to classify."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from slowfast.annotations.ava import AVA_TIMES, AvaTimes
from slowfast.datasets.ava.persons import Ints, Persons
from slowfast.datasets.clip_sampling import Frames, KeyframeClip
from slowfast.datasets.errors import DecodeError
from slowfast.datasets.readable_whole import PieceOfVideo, ReadableWhole
from slowfast.datasets.sources import FrameSource
from slowfast.datasets.transforms import ColourDraw, ColourRule, SpatialRule, ViewDraw, boxes_in_view
from slowfast.datasets.transforms.geometry import render
from slowfast.structures import Clip, Keyframes, VideoRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class AvaRules:
    """How clips are cut out and shown. lead_sec: of whole videos, how much is read before the first annotated second."""

    clips: KeyframeClip
    view: SpatialRule
    colours: ColourRule
    times: AvaTimes = AVA_TIMES
    lead_sec: float = 0.0


class AvaDataset(ReadableWhole):
    """Sample number = number of the annotated second. A clip brings the persons of all annotated seconds that it shows.

    Clip.label holds what anyone does at the clip's own second; there are no labels a frame. Videos can be read whole as well,
    from some seconds before the first annotated one to the piece that holds the last.
    """

    has_boxes = True

    def __init__(
        self,
        *,
        records: Sequence[VideoRecord],
        persons: Persons,
        class_names: tuple[str, ...],
        source: FrameSource,
        rules: AvaRules,
        seed: int,
        replaces: bool,
        one_video_a_batch: bool,
        class_groups: Mapping[str, tuple[int, ...]] | None = None,
    ) -> None:
        """one_video_a_batch: clips of different videos may differ in size. seed, replaces, class_groups: see ClipDataset."""
        super().__init__(records=records, class_names=class_names, class_groups=class_groups, seed=seed, replaces=replaces)
        self.persons = persons
        if one_video_a_batch:
            self.breaks = tuple((np.flatnonzero(np.diff(persons.videos)) + 1).tolist())
        self.start_second = rules.times.start
        self.source, self._rules, self._sizes_differ = source, rules, one_video_a_batch

    def __len__(self) -> int:
        return len(self.persons)

    def _read(self, sample: int, rng: np.random.Generator, replaced: tuple[str, ...], clip_frames: int | None) -> Clip:
        video, second = int(self.persons.videos[sample]), int(self.persons.seconds[sample])
        record = self.records[video]
        opened = self.source.open(record.path)
        clips = self._rules.clips if clip_frames is None else self._rules.clips.resized(clip_frames)
        frames = clips.frames(self._rules.times.frame(second), opened.num_frames)
        transform = self.shown(video, 0, rng)
        try:
            pictures = opened.read(frames, transform)
        except DecodeError as error:
            raise _of_video(error, record.path) from error
        keyframes = self._keyframes(sample, frames, transform)
        return Clip(
            frames=torch.from_numpy(pictures).permute(3, 0, 1, 2),
            times=torch.from_numpy((frames / self._rules.times.fps).astype(np.float32)),
            label=keyframes[keyframes.main].labels.amax(dim=0),
            frame_labels=None,
            video=video,
            view=0,
            name=record.video_id,
            replaced=replaced,
            keyframes=keyframes,
        )

    def _keyframes(self, sample: int, frames: Frames, shown: ShowFrames) -> Keyframes:
        """The persons of all annotated seconds from the clip's first frame to its last, and those of its own second."""
        times = self._rules.times
        first, last = math.ceil(frames[0] / times.fps), math.floor(frames[-1] / times.fps)
        numbers = self.persons.between(sample, times.start + first, times.start + last)
        return self._at(numbers, shown, main=numbers == sample)

    def _at(self, numbers: Ints, shown: ShowFrames, *, main: NDArray[np.bool_]) -> Keyframes:
        """The persons of some annotated seconds. main: which of the seconds are that."""
        persons = self.persons
        rows, counts = persons.rows(numbers), persons.starts[numbers + 1] - persons.starts[numbers]
        of = np.repeat(numbers, counts)
        return Keyframes(
            clips=torch.zeros(len(rows), dtype=torch.int64),
            seconds=torch.from_numpy(persons.seconds[of]),
            main=torch.from_numpy(np.repeat(main, counts)),
            boxes=torch.from_numpy(shown.boxes(persons.boxes[rows])),
            original=torch.from_numpy(persons.boxes[rows]),
            labels=torch.from_numpy(persons.labels[rows].astype(np.float32)),
            videos=torch.from_numpy(persons.videos[of]),
            numbers=torch.from_numpy(rows - persons.starts[of]),
        )

    @property
    def multi_label(self) -> bool:
        return True

    @property
    def num_crops(self) -> int:
        return 1

    @property
    def shape(self) -> tuple[int, int] | None:
        """Test pictures are as large as their videos make them."""
        return None if self._sizes_differ else self._rules.view.draw(0, np.random.default_rng(0)).box(480, 640).shape

    def read_whole(self) -> list[int]:
        """Videos with an annotated second."""
        return [int(video) for video in np.unique(self.persons.videos)]

    def spacing(self, fps: float) -> float:
        return float(self._rules.clips.step)

    def stretch(self, video: int, num_frames: int, piece_frames: int) -> tuple[int, int]:
        """Seconds behind the end of the video belong to its last piece."""
        frames, clips = self._frames_of(self.persons.of_video(video)), self._rules.clips
        begin = self._begin(video, num_frames)
        last = int(clips.pieces(frames[-1:], begin, piece_frames)[0])
        return begin, min(begin + (last + 1) * piece_frames * clips.step, num_frames)

    def shown(self, video: int, view: int, rng: np.random.Generator) -> ShowFrames:
        return ShowFrames(self.records[video].path, self._rules.view.draw(view, rng), self._rules.colours.draw(rng))

    def piece_labels(self, video: int, first: int, last: int, num_frames: int) -> Tensor:
        """float32 (K,), what anyone does at the annotated seconds."""
        numbers = self.persons.of_video(video)
        frames = self._frames_of(numbers)
        labels = self.persons.labels[self.persons.rows(numbers[(first <= frames) & (frames <= last)])]
        return torch.from_numpy(labels.any(axis=0).astype(np.float32))

    def piece_keyframes(self, piece: PieceOfVideo, shown: ShowFrames) -> Keyframes:
        """Those of the seconds that the piece is nearest to; every second belongs to one piece."""
        numbers, last = self.persons.of_video(piece.video), -(-len(piece.sampled) // piece.piece_frames) - 1
        pieces = self._rules.clips.pieces(self._frames_of(numbers), int(piece.sampled[0]), piece.piece_frames)
        own = numbers[np.minimum(pieces, last) == piece.number]
        return self._at(own, shown, main=np.ones(len(own), bool))

    def _begin(self, video: int, num_frames: int) -> int:
        times = self._rules.times
        first = int(self._frames_of(self.persons.of_video(video)[:1])[0])
        return min(self._rules.clips.begin(first, round(self._rules.lead_sec * times.fps)), num_frames - 1)

    def _frames_of(self, numbers: Ints) -> Ints:
        """The frames of their videos that show annotated seconds."""
        return self._rules.times.frames(self.persons.seconds[numbers])


def _of_video(error: DecodeError, path: str) -> DecodeError:
    """The error as one of the whole video: a video without its pictures is one unreadable video, not one for each second."""
    return error if error.path == path else DecodeError(path, f"{error.path}: {error.reason}")


class ShowFrames:
    """Shows every frame of a clip through the same draws, and remembers the size of the pictures, which boxes refer to."""

    def __init__(self, path: str, view: ViewDraw, colours: ColourDraw) -> None:
        self._path, self._view, self._colours = path, view, colours
        self._size = (0, 0)

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        self._size = height, width
        return self._view.box(height, width).shape

    def __call__(self, image: NDArray[np.uint8], out: NDArray[np.uint8]) -> None:
        if image.shape[:2] != self._size:
            raise DecodeError(self._path, f"pictures change size, from {self._size} to {image.shape[:2]} (height, width)")
        render(image, self._view.box(*self._size), out)
        self._colours(out)

    def boxes(self, fractions: NDArray[np.float64]) -> NDArray[np.float32]:
        return boxes_in_view(fractions, self._view.box(*self._size), *self._size)
