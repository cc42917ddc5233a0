"""Processes that read videos, however they are started: they compute on one thread, and signals to the group pass them by."""

import multiprocessing
import os
import signal
from collections.abc import Iterator

import cv2
import numpy as np
import pytest
import torch

from slowfast.datasets.clip_dataset import ClipDataset
from slowfast.datasets.loader import ClipLoader
from slowfast.datasets.samplers import SequentialOrder
from slowfast.structures import Clip

VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class Threads(ClipDataset):
    """Clips that say how many threads the process that made them uses, after it was sent the signals of a process group."""

    def __init__(self) -> None:
        super().__init__(records=[0] * 2, class_names=("a",), class_groups=None, seed=0, replaces=False)

    def __len__(self) -> int:
        return 2

    def _read(self, sample: int, rng: np.random.Generator, replaced: tuple[str, ...], clip_frames: int | None) -> Clip:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
            os.kill(os.getpid(), number)
        threads = [cv2.getNumThreads(), torch.get_num_threads(), *(int(os.environ.get(name, 0)) for name in VARIABLES)]
        return Clip(
            frames=torch.zeros(3, 1, 2, 2, dtype=torch.uint8), times=torch.zeros(1), label=torch.tensor(threads),
            frame_labels=None, video=sample, view=0, name="x",
        )  # fmt: skip


@pytest.fixture
def _start_method(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = multiprocessing.get_start_method(allow_none=True)
    multiprocessing.set_start_method(request.param, force=True)
    yield
    multiprocessing.set_start_method(before, force=True)


@pytest.mark.parametrize("_start_method", ["fork", "forkserver", pytest.param("spawn", marks=pytest.mark.slow)], indirect=True)
@pytest.mark.usefixtures("_start_method")
def test_workers_compute_on_one_thread_and_outlive_signals_to_the_group(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    with ClipLoader(dataset=Threads(), order=SequentialOrder(num_samples=2, batch_size=1), num_workers=1) as loader:
        batches = list(loader.batches(0))
    assert [batch.labels.tolist() for batch in batches] == [[[1] * (2 + len(VARIABLES))]] * 2
    assert os.environ["OMP_NUM_THREADS"] == "3"
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, [])
