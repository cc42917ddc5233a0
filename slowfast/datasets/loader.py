"""From samples to a stream of batches, read by worker processes."""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType

import cv2
import torch
from torch.utils.data import DataLoader, Dataset

from slowfast.datasets.clip_dataset import ClipDataset, SampleKey
from slowfast.datasets.collate import collate
from slowfast.datasets.errors import DecodeError, TooManyBadVideosError
from slowfast.datasets.samplers import SampleOrder
from slowfast.structures import Clip, ClipBatch

logger = logging.getLogger(__name__)

FEWEST_BAD_VIDEOS = 10
"""With fewer different unreadable videos than these, training goes on whatever their share."""

Failure = DecodeError | TooManyBadVideosError


class ClipLoader:
    """Batches of one data set, the same whatever the number of workers.

    Workers are started by the first pass and live until `close`. bad_videos: reason by path of every unreadable video that
    had to be replaced so far. Once they are FEWEST_BAD_VIDEOS or more, and their share among all videos exceeds
    `max_bad_share`, TooManyBadVideosError is raised.
    """

    def __init__(
        self,
        *,
        dataset: ClipDataset,
        order: SampleOrder,
        num_workers: int = 0,
        pin_memory: bool = False,
        max_bad_share: float = 0.0,
    ) -> None:
        self.dataset = dataset
        self.bad_videos: dict[str, str] = {}
        self._order = order
        self._max_bad_share = max_bad_share
        self._pass = _Pass()
        # Workers inherit this. It is said before they are forked, since OpenCV hangs in a process that was forked while its
        # threads were running, even when it is asked to do without them.
        cv2.setNumThreads(1)
        self._loader: DataLoader[Clip | Failure] | None = DataLoader(
            _Guarded(dataset),
            batch_sampler=self._pass,
            num_workers=num_workers,
            collate_fn=_collate_or_fail,
            pin_memory=pin_memory,
            persistent_workers=num_workers > 0,
            worker_init_fn=_set_up_worker,
            # Its own generator, lest the number of passes change what the model draws from torch's.
            generator=torch.Generator(),
        )

    def __len__(self) -> int:
        """Batches an epoch, in this process."""
        return len(self._order)

    def batches(self, epoch: int, start: int = 0, *, clip_frames: int | None = None) -> Iterator[ClipBatch]:
        """Batches of an epoch, without the first `start`. A new pass ends the one before.

        clip_frames: frames of the clips in this pass, if not those that the config says.

        Raises DecodeError when a video cannot be read in evaluation, TooManyBadVideosError in training.
        """
        assert self._loader is not None, "the loader was closed"
        self._pass.keys = self._order.batches(epoch, start, clip_frames=clip_frames)
        for batch in self._loader:
            if isinstance(batch, Failure):
                raise batch
            self._note(batch.replaced)
            yield batch

    def close(self) -> None:
        """Ends the workers; the loader cannot be used afterwards."""
        self._loader = None  # workers end when nothing refers to them any more

    def __enter__(self) -> ClipLoader:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _note(self, replaced: Iterable[str]) -> None:
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


class _Guarded(Dataset[Clip | Failure]):
    """Returns failures instead of raising them: an exception that leaves a worker loses its type and attributes."""

    def __init__(self, dataset: ClipDataset) -> None:
        self._dataset = dataset

    def __getitem__(self, key: SampleKey) -> Clip | Failure:
        try:
            return self._dataset[key]
        except (DecodeError, TooManyBadVideosError) as failure:
            return failure


def _collate_or_fail(clips: Sequence[Clip | Failure]) -> ClipBatch | Failure:
    good = []
    for clip in clips:
        if isinstance(clip, Failure):
            return clip
        good.append(clip)
    return collate(good)


def _set_up_worker(worker: int) -> None:
    """One thread a worker: there are as many workers as cores. An interrupt is for the main process, which ends workers."""
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
