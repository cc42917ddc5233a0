"""What workers hand over lies in shared memory: where that is too small, one sentence says what would be right."""

import logging
import multiprocessing

import numpy as np
import pytest
import torch
from torch import Tensor

from slowfast.datasets import shared_memory
from slowfast.datasets.clip_dataset import ClipDataset
from slowfast.datasets.loader import ClipLoader
from slowfast.datasets.samplers import SequentialOrder
from slowfast.datasets.shared_memory import Demand, SharedMemoryError, bytes_of
from slowfast.structures import Clip

FRAMES = 3 * 2 * 10 * 10


class Grey(ClipDataset):
    """Six clips of FRAMES bytes of pictures."""

    def __init__(self) -> None:
        super().__init__(records=[0] * 6, class_names=("a",), class_groups=None, seed=0, replaces=False)

    def __len__(self) -> int:
        return 6

    def _read(self, sample: int, rng: np.random.Generator, replaced: tuple[str, ...], clip_frames: int | None) -> Clip:
        return Clip(
            frames=torch.zeros(3, 2, 10, 10, dtype=torch.uint8), times=torch.zeros(2), label=torch.tensor(sample),
            frame_labels=None, video=sample, view=0, name="x",
        )  # fmt: skip


def loader(workers: int) -> ClipLoader:
    return ClipLoader(dataset=Grey(), order=SequentialOrder(num_samples=6, batch_size=2), num_workers=workers)


def test_two_items_a_worker_and_one_in_hand_lie_there_in_each_process() -> None:
    assert Demand(workers=3).bytes(10) == 70
    assert Demand(workers=3, processes=8).bytes(10) == 560
    assert Demand(workers=3, held=4).bytes(10) == 100
    assert Demand(workers=3, pinned=True).bytes(10) == 40  # page-locked memory takes what has come


def test_sentence_says_what_is_needed_what_is_free_and_what_docker_is_told() -> None:
    demand = Demand(workers=15, processes=8)
    assert demand.shortage(10**7, free=2_480_000_000) == ""
    assert demand.shortage(10**7, free=64_000_000) == (
        "/dev/shm: 15 loading processes for each of 8 processes may fill 2.48 GB of shared memory, and 0.064 GB are free; "
        "right would be 3 GB (docker run --shm-size=3g, or --ipc=host), or fewer loading processes (DATA_LOADER.NUM_WORKERS)"
    )


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="shared memory is somewhere else")
def test_too_little_room_is_told_once_and_workers_go_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # A batch has two clips, and there are three batches at once: one in hand and two that wait.
    batch = next(iter(loader(0).batches(0)))
    assert batch.frames.numel() == 2 * FRAMES
    for room, told in ((3 * bytes_of(batch), 0), (3 * bytes_of(batch) - 1, 1)):
        monkeypatch.setattr(shared_memory, "free_bytes", lambda room=room: room)
        caplog.clear()
        with caplog.at_level(logging.WARNING), loader(1) as few:
            assert [len(list(few.batches(epoch))) for epoch in range(2)] == [3, 3]
        assert [record.getMessage()[:9] for record in caplog.records] == ["/dev/shm:"] * told


def test_without_workers_nothing_lies_in_shared_memory(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(shared_memory, "free_bytes", lambda: 0)
    with loader(0) as alone:
        assert len(list(alone.batches(0))) == 3
    assert not caplog.records


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="workers inherit what is put in its place")
def test_a_batch_that_finds_no_room_ends_in_one_sentence_and_not_in_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Labels, which are small, find no room where pictures just did."""
    share = Tensor.share_memory_

    def full(tensor: Tensor) -> Tensor:
        if tensor.dtype == torch.int64:
            raise RuntimeError("unable to allocate shared memory(shm) for file </torch_1_2_0>: No space left on device (28)")
        return share(tensor)

    monkeypatch.setattr(Tensor, "share_memory_", full)
    with loader(1) as few, pytest.raises(SharedMemoryError) as found:
        list(few.batches(0))
    assert str(found.value).startswith("/dev/shm: a loading process finds no room for 0.0012")
    assert "right would be 1 GB (docker run --shm-size=1g, or --ipc=host)" in str(found.value)
