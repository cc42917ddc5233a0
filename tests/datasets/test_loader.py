"""The loader: the same batches whatever the workers, exact resumption, and what becomes of bad videos."""

import dataclasses
import logging
import multiprocessing
import shutil
import signal

import cv2
import numpy as np
import pytest
import torch

from slowfast.datasets import (
    ClipLoader,
    DatasetError,
    DecodeError,
    SampleKey,
    TooManyBadVideosError,
    build_dataset,
    build_loader,
)
from slowfast.datasets.reading_log import SLOWEST, ReadingLog
from slowfast.datasets.samplers import ShuffledOrder
from slowfast.structures import ClipBatch

AUGMENTED = ("DATA.TRAIN_JITTER_SCALES", [40, 60], "DATA.TRAIN_CROP_SIZE", 32, "DATA.RANDOM_FLIP", True)


def equal(first: ClipBatch, second: ClipBatch) -> bool:
    return all(
        torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b
        for a, b in ((getattr(first, name), getattr(second, name)) for name in first.__slots__)
    )


def all_equal(first, second):
    return len(first) == len(second) and all(equal(a, b) for a, b in zip(first, second, strict=True))


def test_batches_are_the_same_with_and_without_workers_in_every_epoch(make_cfg):
    cfg = make_cfg(*AUGMENTED)
    alone = build_loader(cfg, "train", batch_size=2)
    with build_loader(cfg, "train", batch_size=2, num_workers=2) as shared:
        for epoch in range(3):
            assert all_equal(list(alone.batches(epoch)), list(shared.batches(epoch)))


def test_a_pass_that_was_left_early_does_not_disturb_the_next(make_cfg):
    cfg = make_cfg(*AUGMENTED)
    expected = list(build_loader(cfg, "test", batch_size=2).batches(0))
    with build_loader(cfg, "test", batch_size=2, num_workers=2) as loader:
        next(loader.batches(0))
        assert all_equal(list(loader.batches(0)), expected)
        assert all_equal(list(loader.batches(0, 7)), expected[7:])


@pytest.mark.parametrize("split", ["train", "test"])
def test_resuming_in_mid_epoch_gives_the_tail_of_the_epoch(make_cfg, split):
    loader = build_loader(make_cfg(*AUGMENTED), split, batch_size=1)
    whole = list(loader.batches(1))
    assert len(whole) == len(loader)
    assert all_equal(list(loader.batches(1, 3)), whole[3:])


def test_two_ranks_see_what_one_process_with_twice_the_batch_sees(make_cfg):
    cfg = make_cfg(*AUGMENTED)
    alone = next(build_loader(cfg, "train", batch_size=4).batches(0))
    ranks = [next(build_loader(cfg, "train", batch_size=2, rank=rank, world_size=2).batches(0)) for rank in range(2)]
    assert torch.equal(torch.cat([batch.frames for batch in ranks]), alone.frames)
    assert ranks[0].names + ranks[1].names == alone.names


@pytest.mark.parametrize("world_size", [1, 2, 4])
def test_evaluation_sees_every_view_once(make_cfg, world_size):
    seen = []
    for rank in range(world_size):
        loader = build_loader(make_cfg(), "test", batch_size=4, rank=rank, world_size=world_size)
        for batch in loader.batches(0):
            seen += list(zip(batch.videos.tolist(), batch.views.tolist(), strict=True))
    assert seen == [(video, view) for video in range(3) for view in range(6)]


def test_batches_have_the_shapes_and_layout_of_their_contract(make_cfg):
    batch = next(build_loader(make_cfg(), "train", batch_size=3).batches(0))
    assert (batch.frames.shape, batch.frames.dtype) == ((3, 3, 4, 80, 80), torch.uint8)
    assert batch.frames.permute(0, 2, 3, 4, 1).is_contiguous()
    assert (batch.times.shape, batch.labels.shape, batch.frame_labels.shape) == ((3, 4), (3, 4), (3, 4, 4))
    assert (batch.times.dtype, batch.labels.dtype, batch.frame_labels.dtype) == (torch.float32, torch.float32, torch.bool)
    assert (batch.videos.dtype, batch.views.dtype, len(batch.names)) == (torch.int64, torch.int64, 3)


def test_loading_draws_nothing_from_the_global_generator(make_cfg):
    before = torch.get_rng_state()
    list(build_loader(make_cfg(), "train", batch_size=2).batches(0))
    assert torch.equal(before, torch.get_rng_state())


def test_a_training_set_smaller_than_a_batch_is_an_error(make_cfg):
    with pytest.raises(DatasetError, match=r"5 training samples, fewer than .* 6; expected TRAIN\.BATCH_SIZE 4 or less"):
        build_loader(make_cfg(), "train", batch_size=3, world_size=2)


@pytest.fixture
def damage(charades_folder, tmp_path):
    """Copy of the data set in which the named videos have zero bytes."""

    def make(*names):
        shutil.copytree(charades_folder, tmp_path / "copy")
        for name in names:
            (tmp_path / "copy/videos" / f"{name}.mp4").write_bytes(b"")
        return str(tmp_path / "copy")

    return make


@pytest.mark.parametrize("num_workers", [0, 1])
def test_bad_videos_are_collected_and_logged_once(make_cfg, damage, caplog, num_workers):
    cfg = make_cfg("DATA.PATH_TO_DATA_DIR", damage("BBBBB"))
    with caplog.at_level(logging.WARNING), build_loader(cfg, "train", batch_size=1, num_workers=num_workers) as loader:
        batches = [batch for epoch in range(2) for batch in loader.batches(epoch)]
    path = f"{cfg.DATA.PATH_TO_DATA_DIR}/videos/BBBBB.mp4"
    assert list(loader.bad_videos) == [path]
    assert {text for batch in batches for text in batch.replaced} == {f"{path}: {loader.bad_videos[path]}"}
    assert caplog.text.count("BBBBB.mp4") == 1


@pytest.mark.parametrize("num_workers", [0, 1])
def test_a_bad_video_in_evaluation_stops_it_with_the_type_and_path_of_the_error(make_cfg, damage, num_workers):
    cfg = make_cfg("DATA.PATH_TO_DATA_DIR", damage("WWWWW"))
    with build_loader(cfg, "test", batch_size=2, num_workers=num_workers) as loader:
        with pytest.raises(DecodeError) as caught:
            list(loader.batches(0))
        assert caught.value.path.endswith("WWWWW.mp4")


@pytest.mark.parametrize("num_workers", [0, 1])
def test_on_request_evaluation_leaves_unreadable_videos_out_and_counts_the_samples(make_cfg, damage, caplog, num_workers):
    cfg = make_cfg("DATA.PATH_TO_DATA_DIR", damage("WWWWW"), "TEST.SKIP_UNREADABLE", True)
    for batch_size in (1, 4):
        caplog.clear()
        with build_loader(cfg, "test", batch_size=batch_size, num_workers=num_workers) as loader:
            batches = list(loader.batches(0))
        seen = [pair for batch in batches for pair in zip(batch.videos.tolist(), batch.views.tolist(), strict=True)]
        assert seen == [(video, view) for video in (0, 2) for view in range(6)]
        assert (loader.reading.clips, loader.reading.left_out) == (12, 6)
        assert [path.rpartition("/")[2] for path in loader.bad_videos] == ["WWWWW.mp4"]
        assert "6 samples are left out" in caplog.text
        assert caplog.text.count("WWWWW.mp4") == 1


def test_training_never_leaves_samples_out(make_cfg, damage):
    cfg = make_cfg("DATA.PATH_TO_DATA_DIR", damage("AAAAA", "BBBBB", "CCCCC", "DDDDD", "EEEEE"), "TEST.SKIP_UNREADABLE", True)
    with pytest.raises(TooManyBadVideosError):
        list(build_loader(cfg, "train", batch_size=1).batches(0))


@pytest.mark.parametrize("num_workers", [0, 1])
def test_a_pass_is_summed_up_with_its_slowest_files(make_cfg, damage, num_workers):
    cfg = make_cfg("DATA.PATH_TO_DATA_DIR", damage("BBBBB"))
    with build_loader(cfg, "train", batch_size=1, num_workers=num_workers) as loader:
        for _ in range(2):
            batches = list(loader.batches(0))
            replaced = sum(len(batch.replaced) for batch in batches)
            assert replaced > 0
            assert (loader.reading.clips, loader.reading.replaced, loader.reading.left_out) == (5, replaced, 0)
            assert {name for name, _ in loader.reading.slowest} == {name for batch in batches for name in batch.names}
    assert str(loader.reading).startswith(f"5 clips read, {replaced} unreadable videos replaced; slowest: ")


def test_the_slowest_files_are_kept_and_each_once():
    log = ReadingLog()
    for number in range(100):
        log.add(f"video {number % 20}", (number * 37 % 100) / 100)
    slowest = log.slowest
    assert len(slowest) == SLOWEST
    assert slowest[0][1] == 0.99
    assert slowest == sorted(slowest, key=lambda item: -item[1])
    assert len({name for name, _ in slowest}) == SLOWEST
    log.clear()
    assert (log.slowest, log.clips) == ([], 0)


class Unreadable:
    """A data set of n videos, all replaced: each sample says that another video is bad."""

    def __init__(self, dataset, num_videos):
        self.records = (*dataset.records, *dataset.records[:1] * (num_videos - len(dataset.records)))
        self._dataset = dataset

    def __getitem__(self, key):
        return dataclasses.replace(self._dataset[SampleKey(0, 0)], replaced=(f"v{key.index}.mp4: it is empty",))


@pytest.mark.parametrize(
    ("share", "num_videos", "stops_after"), [(0.01, 20, 10), (0.6, 20, 13), (0.7, 20, 15), (1.0, 20, None)]
)
def test_training_stops_above_the_share_but_not_below_ten_videos(make_cfg, share, num_videos, stops_after):
    dataset = Unreadable(build_dataset(make_cfg(), "train"), num_videos)
    order = ShuffledOrder(num_samples=num_videos, batch_size=1, seed=0)
    loader = ClipLoader(dataset=dataset, order=order, max_bad_share=share)
    batches = loader.batches(0)
    if stops_after is None:
        assert len(list(batches)) == 20
        return
    for _ in range(stops_after - 1):
        next(batches)
    with pytest.raises(TooManyBadVideosError, match=rf"{stops_after} of 20 videos cannot be read.*TRAIN.MAX_BAD_SHARE"):
        next(batches)


def test_workers_do_not_hang_after_opencv_ran_threads_in_the_main_process(make_cfg):
    def hang(*_):
        raise TimeoutError("a worker hangs")

    cfg = make_cfg("DATA.TRAIN_JITTER_SCALES", [900, 900], "DATA.TRAIN_CROP_SIZE", 900)  # large enough for threads
    signal.signal(signal.SIGALRM, hang)
    signal.alarm(60)
    try:
        for _ in range(3):
            cv2.setNumThreads(4)
            cv2.resize(np.zeros((2000, 2000, 3), np.uint8), (4000, 4000))
            with build_loader(cfg, "train", batch_size=1, num_workers=2) as loader:
                next(loader.batches(0))
    finally:
        signal.alarm(0)


def test_workers_end_with_the_loader(make_cfg):
    before = set(multiprocessing.active_children())
    with build_loader(make_cfg(), "train", batch_size=1, num_workers=2) as loader:
        next(loader.batches(0))
        workers = set(multiprocessing.active_children()) - before
        assert len(workers) == 2
    for worker in workers:
        worker.join(10)
        assert not worker.is_alive()
