"""From samples to a stream of batches, read by worker processes."""

from __future__ import annotations

import dataclasses
import logging
import time
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType

import cv2
import torch
from torch.utils.data import DataLoader, Dataset

from slowfast.datasets.clip_dataset import ClipDataset, SampleKey
from slowfast.datasets.collate import collate
from slowfast.datasets.errors import DecodeError, TooManyBadVideosError
from slowfast.datasets.reading_log import ReadingLog
from slowfast.datasets.samplers import SampleOrder
from slowfast.runtime.atomic_files import WriteError
from slowfast.runtime.children import default_start_method, obey_parent, starting_children
from slowfast.runtime.main_script import check_can_be_imported_again
from slowfast.structures import Clip, ClipBatch

logger = logging.getLogger(__name__)

FEWEST_BAD_VIDEOS = 10
"""With fewer different unreadable videos than these, training goes on whatever their share."""

Failure = DecodeError | TooManyBadVideosError | WriteError


class ClipLoader:
    """Batches of one data set, the same whatever the number of workers.

    Workers are started by the first pass and live until `close`; they are forked, or spawned where Python does not fork by
    default. bad_videos: reason by path of every unreadable video that
    had to be replaced so far. Once they are FEWEST_BAD_VIDEOS or more, and their share among all videos exceeds
    `max_bad_share`, TooManyBadVideosError is raised. reading: what the pass so far was like. leaves_out: evaluation goes on
    without the samples whose videos are unreadable, and says so; else they are an error.
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
        self.bad_videos: dict[str, str] = {}
        self.reading = ReadingLog()
        self._leaves_out = leaves_out
        self._order = order
        self._max_bad_share = max_bad_share
        self._pass = _Pass()
        # A server that forks workers would end with the first signal to the process group, and take them along.
        self._start_method = "fork" if default_start_method() == "fork" else "spawn"
        self._started = num_workers == 0
        self._loader: DataLoader[_Sample] | None = DataLoader(
            _Guarded(dataset),
            batch_sampler=self._pass,
            num_workers=num_workers,
            collate_fn=_Loaded.of,
            pin_memory=pin_memory,
            persistent_workers=num_workers > 0,
            multiprocessing_context=self._start_method if num_workers else None,
            worker_init_fn=_set_up_worker,
            # Its own generator, so that the number of passes does not change what the model draws from torch's.
            generator=torch.Generator(),
        )

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
        assert self._loader is not None, "the loader was closed"
        self._pass.keys = self._order.batches(epoch, start, offset=offset, clip_frames=clip_frames)
        self.reading.clear()
        for loaded in self._begin(self._loader):
            self._note_failures(loaded.failures)
            for name, seconds, replaced in loaded.reading:
                self.reading.add(name, seconds, replaced=len(replaced))
                self._note_replaced(replaced)
            if loaded.batch is not None:
                yield loaded.batch
        if self.reading.left_out:
            logger.error("%d samples are left out, for their videos cannot be read", self.reading.left_out)

    def _begin(self, loader: DataLoader[_Sample]) -> Iterator[_Loaded]:
        """A pass; the first one starts the workers."""
        # Forked workers inherit this. It is said before, since OpenCV hangs in a process that was forked while its threads
        # were running, even when it is asked to do without them.
        cv2.setNumThreads(1)
        if self._started:
            return iter(loader)
        spawned = self._start_method == "spawn"
        if spawned:
            check_can_be_imported_again()
        with starting_children(spawned=spawned, one_thread=True):
            self._started = True
            return iter(loader)

    def close(self) -> None:
        """Ends the workers; the loader cannot be used afterwards."""
        self._loader = None  # workers end when nothing refers to them any more

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

    def _note_replaced(self, replaced: Iterable[str]) -> None:
        for text in replaced:
            path, _, reason = text.rpartition(": ")
            if path not in self.bad_videos:
                self.bad_videos[path] = reason
                logger.warning("unreadable video, another takes its place: %s", text)
            bad, known = len(self.bad_videos), len(self.dataset.records)
            if bad >= FEWEST_BAD_VIDEOS and bad > self._max_bad_share * known:
                raise TooManyBadVideosError(
                    f"{bad} of {known} videos cannot be read, more than the share of {self._max_bad_share:g} that "
                    f"TRAIN.MAX_BAD_SHARE allows; the last is {path}: {reason}"
                )


class _Pass:
    """What the coming pass reads; asked by the DataLoader whenever one begins."""

    def __init__(self) -> None:
        self.keys: Iterator[list[SampleKey]] = iter(())

    def __iter__(self) -> Iterator[list[SampleKey]]:
        return self.keys


@dataclass(frozen=True, slots=True)
class _Sample:
    """What came of a sample, and how long it took."""

    result: Clip | Failure
    seconds: float


class _Guarded(Dataset[_Sample]):
    """Returns failures instead of raising them: an exception that leaves a worker loses its type and attributes."""

    def __init__(self, dataset: ClipDataset) -> None:
        self._dataset = dataset

    def __getitem__(self, key: SampleKey) -> _Sample:
        started = time.perf_counter()
        result: Clip | Failure
        try:
            result = self._dataset[key]
        except (DecodeError, TooManyBadVideosError, WriteError) as failure:
            result = failure
        return _Sample(result, time.perf_counter() - started)


@dataclass(frozen=True, slots=True)
class _Loaded:
    """What came of the samples of a batch. batch: the clips, if there are any. reading: (name, seconds, replaced) of each."""

    batch: ClipBatch | None
    failures: tuple[Failure, ...]
    reading: tuple[tuple[str, float, tuple[str, ...]], ...]

    @classmethod
    def of(cls, samples: Sequence[_Sample]) -> _Loaded:
        clips = [(sample.result, sample.seconds) for sample in samples if isinstance(sample.result, Clip)]
        return cls(
            batch=collate([clip for clip, _ in clips]) if clips else None,
            failures=tuple(sample.result for sample in samples if not isinstance(sample.result, Clip)),
            reading=tuple((clip.name, seconds, clip.replaced) for clip, seconds in clips),
        )

    def pin_memory(self) -> _Loaded:
        return self if self.batch is None else dataclasses.replace(self, batch=self.batch.pin_memory())


def _set_up_worker(worker: int) -> None:
    """One thread a worker: there are as many workers as cores. Signals are for the main process, which ends workers."""
    obey_parent()
    torch.set_num_threads(1)
    if cv2.getNumThreads() != 1:  # spawned: what the main process said does not hold here
        cv2.setNumThreads(1)
