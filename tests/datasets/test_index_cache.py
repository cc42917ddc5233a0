"""Indexes on disk: equal to fresh ones, made once, replaced when a video changes, and never in the way."""

import logging
import multiprocessing
import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import KINDS, NUM_FRAMES
from videos import write_video

from slowfast.datasets import DecodeError
from slowfast.datasets.decoding import IndexCache, index_cache, read_index
from slowfast.datasets.decoding.index_cache import pack

ARRAYS = ("pts", "packets", "key_pts", "key_dts", "key_packets")


def equal(first, second):
    same_arrays = all(np.array_equal(getattr(first, name), getattr(second, name)) for name in ARRAYS)
    return same_arrays and all(
        getattr(first, name) == getattr(second, name)
        for name in ("time_base", "end", "stamps", "num_packets", "stated_rate", "rate")
    )


def entries(folder):
    return [path for path in Path(folder).rglob("*") if path.is_file()]


@pytest.fixture
def scans(monkeypatch):
    """Paths of the files that were indexed."""
    paths = []
    monkeypatch.setattr(index_cache, "read_index", lambda path: paths.append(path) or read_index(path))
    return paths


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_an_index_from_the_cache_equals_a_fresh_one(get_video, tmp_path, scans, kind):
    path, cache = get_video(kind), IndexCache(str(tmp_path))
    fresh = cache.read(path)
    kept = cache.read(path)
    assert scans == [path]
    assert equal(fresh, read_index(path))
    assert equal(kept, fresh)
    assert all(getattr(kept, name).dtype == np.int64 for name in ARRAYS)


def test_entries_are_small_and_hold_next_to_nothing_for_a_constant_rate(tmp_path):
    short = pack(read_index(write_video(tmp_path / "short.mp4", 30, gop=12)), {})
    long = pack(read_index(write_video(tmp_path / "long.mp4", 300, gop=12)), {})
    assert len(long) < 600
    assert len(long) - len(short) < 200


def test_a_video_that_changed_is_indexed_again_in_the_same_entry(tmp_path, scans):
    path, cache = tmp_path / "video.mp4", IndexCache(str(tmp_path / "cache"))
    write_video(path, 20)
    assert cache.read(str(path)).num_frames == 20
    write_video(path, 30)
    assert cache.read(str(path)).num_frames == 30
    os.utime(path, (1, 1))
    assert cache.read(str(path)).num_frames == 30
    assert len(scans) == 3
    assert len(entries(cache.folder)) == 1


def test_entries_do_not_depend_on_how_a_path_is_written(plain_video, tmp_path, monkeypatch, scans):
    cache = IndexCache(str(tmp_path))
    cache.read(plain_video)
    monkeypatch.chdir(Path(plain_video).parent)
    cache.read("plain.mp4")
    assert scans == [plain_video]


@pytest.mark.parametrize(
    "damage",
    [lambda entry: b"", lambda entry: entry[:40], lambda entry: entry[:-3], lambda entry: entry[:-9] + b"garbage!!",
     lambda entry: b"\xff" * len(entry), lambda entry: entry.replace(b'"format": 2', b'"format": 0')],
    ids=["empty", "header cut", "arrays cut", "arrays damaged", "garbage", "another format"],
)  # fmt: skip
def test_a_damaged_entry_is_replaced(plain_video, tmp_path, scans, damage):
    cache = IndexCache(str(tmp_path))
    cache.read(plain_video)
    (entry,) = entries(tmp_path)
    good = entry.read_bytes()
    entry.write_bytes(damage(good))
    assert equal(cache.read(plain_video), read_index(plain_video))
    assert len(scans) == 2
    assert entry.read_bytes() == good


def test_an_empty_folder_name_turns_the_cache_off(plain_video, tmp_path, monkeypatch, scans):
    monkeypatch.chdir(tmp_path)
    cache = IndexCache("")
    assert equal(cache.read(plain_video), cache.read(plain_video))
    assert len(scans) == 2
    assert not entries(tmp_path)


def test_a_folder_that_cannot_be_written_is_warned_of_once(plain_video, tmp_path, caplog):
    (tmp_path / "file").write_text("")
    cache = IndexCache(str(tmp_path / "file" / "cache"))
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert cache.read(plain_video).num_frames == NUM_FRAMES
    assert caplog.text.count("indexes of videos cannot be kept here") == 1


def test_unreadable_videos_leave_no_entry(tmp_path):
    cache = IndexCache(str(tmp_path / "cache"))
    for content in (None, b"no video"):
        if content is not None:
            (tmp_path / "video.mp4").write_bytes(content)
        with pytest.raises(DecodeError):
            cache.read(str(tmp_path / "video.mp4"))
    assert not entries(tmp_path / "cache")


def test_an_interrupted_write_leaves_nothing_behind(plain_video, tmp_path, monkeypatch):
    cache = IndexCache(str(tmp_path))

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", interrupted)
        with pytest.raises(KeyboardInterrupt):
            cache.read(plain_video)
    assert not entries(tmp_path)
    assert cache.read(plain_video).num_frames == NUM_FRAMES


def read_many(cache, paths, results):
    results.put([cache.read(path).num_frames for path in paths])


def test_processes_may_share_a_cache(plain_video, tmp_path):
    paths = []
    for number in range(20):
        paths.append(str(tmp_path / f"{number}.mp4"))
        shutil.copy(plain_video, paths[-1])
    cache, context = IndexCache(str(tmp_path / "cache")), multiprocessing.get_context("fork")
    results = context.Queue()
    processes = [context.Process(target=read_many, args=(pickle.loads(pickle.dumps(cache)), paths, results)) for _ in range(4)]
    for process in processes:
        process.start()
    counts = [results.get(timeout=60) for _ in processes]
    for process in processes:
        process.join(60)
    assert counts == [[NUM_FRAMES] * 20] * 4
    assert len(entries(cache.folder)) == 20
