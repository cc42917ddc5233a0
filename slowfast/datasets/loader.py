"""From samples to a stream of batches, read by worker processes."""

from __future__ import annotations

import dataclasses
import logging
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType

from slowfast.datasets.bad_videos import BadVideos
from slowfast.datasets.clip_dataset import ClipDataset
from slowfast.datasets.collate import collate
from slowfast.datasets.errors import DecodeError
from slowfast.datasets.reading_log import ReadingLog
from slowfast.datasets.samplers import SampleOrder
from slowfast.datasets.workers import Failure, Guarded, Sample, Workers
from slowfast.structures import Clip, ClipBatch

logger = logging.getLogger(__name__)


class ClipLoader:
    """Batches of one data set, the same whatever the number of workers.

    bad_videos: reason by path of every unreadable video that had to be replaced so far. When
    they are more than `max_bad_share` allows (see BadVideos), TooManyBadVideosError is raised. reading: what the pass so
    far was like. leaves_out: evaluation goes on without the samples whose videos are unreadable, and says so; else they are
    an error.
    """

    def __init__(
        self,
        *,
        dataset: ClipDataset,
        order: SampleOrder,
        num_workers: int = 0,
        pin_memory: bool = False,
        max_bad_share: float = 0.0,
        leaves_out: bool = False,
    ) -> None:
        self.dataset = dataset
        self._bad = BadVideos(max_share=max_bad_share)
        self.bad_videos = self._bad.reasons
        self.reading = ReadingLog()
        self._leaves_out = leaves_out
        self._order = order
        self._workers = Workers(Guarded(dataset), num_workers=num_workers, collate=_Loaded.of, pin_memory=pin_memory)

    def __len__(self) -> int:
        """Batches an epoch, in this process."""
        return len(self._order)

    @property
    def global_batch_size(self) -> int:
        """Samples of a batch, over all processes."""
        return self._order.global_batch_size

    @property
    def order(self) -> str:
        """What the order of an epoch's samples depends on besides its number: equal texts, equal orders."""
        videos = zlib.crc32("\n".join(record.path for record in self.dataset.records).encode(errors="surrogateescape"))
        return f"{self._order.name} (list of videos {videos:08x})"

    def batches(self, epoch: int, start: int = 0, *, offset: int = 0, clip_frames: int | None = None) -> Iterator[ClipBatch]:
        """Batches of an epoch, without the first `start`. A new pass ends the one before.

        offset: samples of the epoch that lie before its first batch. clip_frames: frames of the clips in this pass, if not
        those that the config says.

        Raises DecodeError when a video cannot be read in evaluation, if it is not left out, TooManyBadVideosError in training.
        """
        self.reading.clear()
        for loaded in self._workers.read(self._order.batches(epoch, start, offset=offset, clip_frames=clip_frames)):
            self._note_failures(loaded.failures)
            for name, seconds, replaced in loaded.reading:
                self.reading.add(name, seconds, replaced=len(replaced))
                for text in replaced:
                    self._bad.note(text, "another takes its place", known=len(self.dataset.records))
            if loaded.batch is not None:
                yield loaded.batch
        if self.reading.left_out:
            logger.error("%d samples are left out, for their videos cannot be read", self.reading.left_out)

    def close(self) -> None:
        """Ends the workers; the loader cannot be used afterwards."""
        self._workers.close()

    def __enter__(self) -> ClipLoader:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _note_failures(self, failures: Sequence[Failure]) -> None:
        for failure in failures:
            if not self._leaves_out or not isinstance(failure, DecodeError):
                raise failure
            self.reading.left_out += 1
            if failure.path not in self.bad_videos:
                self.bad_videos[failure.path] = failure.reason
                logger.error("unreadable video, left out: %s", failure)


@dataclass(frozen=True, slots=True)
class _Loaded:
    """What came of the samples of a batch. batch: the clips, if there are any. reading: (name, seconds, replaced) of each."""

    batch: ClipBatch | None
    failures: tuple[Failure, ...]
    reading: tuple[tuple[str, float, tuple[str, ...]], ...]

    @classmethod
    def of(cls, samples: Sequence[Sample[Clip]]) -> _Loaded:
        clips = [(sample.result, sample.seconds) for sample in samples if isinstance(sample.result, Clip)]
        return cls(
            batch=collate([clip for clip, _ in clips]) if clips else None,
            failures=tuple(sample.result for sample in samples if not isinstance(sample.result, Clip)),
            reading=tuple((clip.name, seconds, clip.replaced) for clip, seconds in clips),
        )

    def pin_memory(self) -> _Loaded:
        return self if self.batch is None else dataclasses.replace(self, batch=self.batch.pin_memory())
