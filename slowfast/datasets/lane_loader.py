"""Batches of whole videos: each lane goes on where its last batch ended."""

from __future__ import annotations

import itertools
import logging
import zlib
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Protocol

from slowfast.datasets.bad_videos import BadVideos
from slowfast.datasets.lanes import LaneKey
from slowfast.datasets.reading_log import ReadingLog
from slowfast.datasets.whole_videos import LaneClip, WholeVideos, collate_lanes
from slowfast.datasets.workers import Guarded, Sample, Workers
from slowfast.structures import LaneBatch

logger = logging.getLogger(__name__)


class Lanes(Protocol):
    """Which lane reads what; see `slowfast.datasets.lanes`."""

    lanes: int

    @property
    def global_batch_size(self) -> int: ...

    @property
    def name(self) -> str: ...

    def __len__(self) -> int: ...

    def batches(self, epoch: int, start: int = 0) -> Iterator[list[LaneKey]]: ...


class LaneLoader:
    """Batches of whole videos, the same whatever the number of workers; a loader as ClipLoader is.

    A lane is read by one worker, which keeps its file open, so workers are at most as many as lanes, and divide them.
    bad_videos, reading: as those of ClipLoader.
    """

    def __init__(
        self, videos: WholeVideos, lanes: Lanes, *, num_workers: int = 0, pin_memory: bool = False, max_bad_share: float = 1.0
    ) -> None:
        self.videos, self.dataset = videos, videos.dataset
        self.reading = ReadingLog()
        self._lanes, self._pin_memory = lanes, pin_memory
        self._bad = BadVideos(max_share=max_bad_share)
        self.bad_videos = self._bad.reasons
        for path, reason in videos.unreadable.items():
            self._bad.note(f"{path}: {reason}", "left out", known=len(self.dataset.records))
        num_workers = next((count for count in range(min(num_workers, lanes.lanes), 0, -1) if lanes.lanes % count == 0), 0)
        self._workers: Workers[Sample[LaneClip]] = Workers(
            Guarded(videos), num_workers=num_workers, collate=_only, pin_memory=False, held=lanes.lanes
        )

    def __len__(self) -> int:
        """Batches an epoch, in this process."""
        return len(self._lanes)

    @property
    def global_batch_size(self) -> int:
        """Lanes of all processes."""
        return self._lanes.global_batch_size

    @property
    def order(self) -> str:
        """What the order of an epoch depends on besides its number: equal texts, equal orders."""
        lengths = " ".join(map(str, self.videos.lengths))
        known = "\n".join(record.path for record in self.dataset.records) + lengths
        return f"{self._lanes.name} (list and lengths {zlib.crc32(known.encode(errors='surrogateescape')):08x})"

    def batches(self, epoch: int, start: int = 0, *, offset: int = 0, clip_frames: int | None = None) -> Iterator[LaneBatch]:
        """Batches of an epoch, without the first `start`. A new pass ends the one before.

        Raises DecodeError in evaluation when a video cannot be read, unless it is left out; TooManyBadVideosError in training.
        """
        assert not offset and clip_frames is None, "lanes have one number and pieces one length, in all of a training"
        self.reading.clear()
        keys = ([key] for batch in self._lanes.batches(epoch, start) for key in batch)
        samples = self._workers.read(keys)
        for _ in range(start, len(self)):
            clips = [self._taken(sample) for sample in itertools.islice(samples, self._lanes.lanes)]
            batch = collate_lanes([clip for clip in clips if clip.pieces], self.videos)
            yield batch.pin_memory() if self._pin_memory else batch

    def _taken(self, sample: Sample[LaneClip]) -> LaneClip:
        if not isinstance(sample.result, LaneClip):
            raise sample.result
        names, broken = sample.result.names, len(sample.result.broken)
        for number, name in enumerate(names):
            self.reading.add(name, sample.seconds / len(names), replaced=0 if number else broken)
        for text in sample.result.broken:
            self._bad.note(text, "it ends where it breaks", known=len(self.dataset.records))
        return sample.result

    def close(self) -> None:
        """Ends the workers; the loader cannot be used afterwards."""
        self._workers.close()

    def __enter__(self) -> LaneLoader:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _only(samples: Sequence[Sample[LaneClip]]) -> Sample[LaneClip]:
    """The one sample of a list: lanes come together in the main process."""
    (sample,) = samples
    return sample
