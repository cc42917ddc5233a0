"""The limit on reading time: for slow files, for reads that never return, and for both with and without workers."""

import os
import threading
import time

import pytest

from slowfast.datasets import DecodeError, build_loader
from slowfast.datasets.decoding import decode_frames, indexing, read_index, reader
from slowfast.datasets.time_limit import check_time, within


def test_without_a_limit_reading_happens_in_the_calling_thread():
    assert within(0, "video", threading.current_thread) is threading.current_thread()


def test_results_and_exceptions_come_through():
    assert within(5, "video", lambda: 42) == 42
    with pytest.raises(KeyError, match="inside"):
        within(5, "video", lambda: {}["inside"])


def test_a_read_that_never_returns_is_left_behind_and_its_file_named():
    never = threading.Event()

    def hang():
        check_time("/disk/hung.mp4")
        never.wait(30)

    started = time.monotonic()
    with pytest.raises(DecodeError, match=r"^/disk/hung\.mp4: reading takes longer than 0\.2 s \(DATA_LOADER"):
        within(0.2, "sample 3", hang)
    with pytest.raises(DecodeError, match=r"^sample 3: reading takes longer"):
        within(0.2, "sample 3", lambda: never.wait(30))
    assert time.monotonic() - started < 5
    never.set()


def test_slow_work_stops_by_itself():
    stopped = threading.Event()

    def slow():
        try:
            while True:
                check_time("slow.mp4")
                time.sleep(0.01)
        finally:
            stopped.set()

    with pytest.raises(DecodeError, match=r"slow\.mp4: reading takes longer than 0\.1 s"):
        within(0.1, "video", slow)
    assert stopped.wait(5)


def test_limits_do_not_outlive_their_call():
    within(0.5, "video", lambda: check_time("a.mp4"))
    time.sleep(0.51)
    check_time("a.mp4")
    assert within(5, "video", lambda: check_time("b.mp4")) is None


@pytest.mark.parametrize("work", ["indexing", "decoding in stretches", "decoding from the start"])
def test_time_is_checked_between_packets(get_video, monkeypatch, work):
    path = get_video("raw.h264" if "start" in work else "plain.mp4")
    known, seen = read_index(path), []
    monkeypatch.setattr(indexing if work == "indexing" else reader, "check_time", seen.append)
    if work == "indexing":
        read_index(path)
    else:
        decode_frames(path, known, [71])
    assert set(seen) == {path}
    assert len(seen) >= 12


@pytest.fixture
def slow_cfg(make_cfg, monkeypatch):
    """A data set on a disk where two videos take a third of a second for each packet."""
    original = reader.check_time

    def slow_disk(path):
        time.sleep(0.3 if "BBBBB" in path or "WWWWW" in path else 0)
        original(path)

    monkeypatch.setattr(reader, "check_time", slow_disk)
    return make_cfg("DATA_LOADER.VIDEO_TIMEOUT_SEC", 0.9)


@pytest.mark.parametrize("num_workers", [0, 1])
def test_a_slow_file_is_replaced_in_training(slow_cfg, num_workers):
    with build_loader(slow_cfg, "train", batch_size=1, num_workers=num_workers) as loader:
        assert len(list(loader.batches(0))) == 5
        ((path, reason),) = loader.bad_videos.items()
    assert path.endswith("BBBBB.mp4")
    assert "reading takes longer than 0.9 s" in reason


def test_a_slow_file_is_an_error_in_evaluation(slow_cfg):
    with pytest.raises(DecodeError, match=r"WWWWW\.mp4: reading takes longer"):
        list(build_loader(slow_cfg, "val", batch_size=1).batches(0))


def test_a_pipe_without_a_writer_is_no_video(tmp_path):
    os.mkfifo(tmp_path / "video.mp4")
    with pytest.raises(DecodeError, match="it is no file"):
        read_index(str(tmp_path / "video.mp4"))
