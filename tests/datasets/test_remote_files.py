"""Remote videos: fetched once, read like local ones, and kept within bounds."""

import io
import os
import pickle
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from iopath.common.file_io import PathHandler, g_pathmgr
from videos import decode_all, read_numbers

from slowfast.datasets import DecodeError, SampleKey, build_dataset
from slowfast.datasets.decoding import WholeFrame, decode_frames, index_cache, read_index
from slowfast.datasets.remote_files import BLOCK, RemoteFiles
from slowfast.datasets.time_limit import within
from slowfast.datasets.video_files import VideoFiles


class Shelf(PathHandler):
    """Files of a folder as "shelf://name"; counts how often each is opened."""

    def __init__(self, folder):
        super().__init__()
        self.folder, self.opened, self.failing = Path(folder), [], False

    def _get_supported_prefixes(self):
        return ["shelf://"]

    def _open(self, path, mode="r", buffering=-1, **_):
        self.opened.append(path)
        if self.failing:
            raise ConnectionError("the line is dead")
        return open(self.folder / path.removeprefix("shelf://"), mode)  # noqa: PTH123


@pytest.fixture
def shelf(tmp_path):
    handler = Shelf(tmp_path / "shelf")
    handler.folder.mkdir()
    g_pathmgr.register_handler(handler, allow_override=True)
    return handler


@pytest.fixture
def remote(tmp_path):
    return RemoteFiles(str(tmp_path / "copies"), 10**9)


def copies(remote):
    return [path for path in Path(remote.folder).rglob("*") if path.is_file()]


def test_local_paths_stay_what_they_are(remote):
    assert remote.local_path("/some/where.mp4") == "/some/where.mp4"
    assert not copies(remote)


def test_a_remote_file_is_fetched_once_and_whole(shelf, remote):
    content = np.random.default_rng(0).bytes(3 * BLOCK + 17)
    (shelf.folder / "a b.mkv").write_bytes(content)
    paths = {remote.local_path("shelf://a b.mkv") for _ in range(3)}
    (path,) = paths
    assert Path(path).read_bytes() == content
    assert path.endswith(".mkv")
    assert shelf.opened == ["shelf://a b.mkv"]


def test_what_was_not_used_for_longest_makes_room(shelf, tmp_path):
    remote = RemoteFiles(str(tmp_path / "copies"), 10_000)
    for number in range(12):
        (shelf.folder / f"{number}").write_bytes(bytes(3000))
        remote.local_path(f"shelf://{number}")
        time.sleep(0.002)
        remote.local_path("shelf://0")
        assert sum(path.stat().st_size for path in copies(remote)) <= 10_000
    assert shelf.opened.count("shelf://0") == 1
    assert shelf.opened.count("shelf://11") == 1
    remote.local_path("shelf://11")
    remote.local_path("shelf://3")
    assert shelf.opened.count("shelf://11") == 1
    assert shelf.opened.count("shelf://3") == 2


def test_what_earlier_runs_left_counts(shelf, tmp_path):
    for number in range(3):
        (shelf.folder / f"{number}").write_bytes(bytes(4000))
        RemoteFiles(str(tmp_path / "copies"), 10_000).local_path(f"shelf://{number}")
    assert len(copies(RemoteFiles(str(tmp_path / "copies"), 0))) == 2


def test_a_failed_fetch_leaves_nothing_and_names_the_remote_path(shelf, remote):
    shelf.failing = True
    with pytest.raises(DecodeError, match=r"shelf://a\.mp4: the file cannot be fetched \(the line is dead\)"):
        remote.local_path("shelf://a.mp4")
    shelf.failing = False
    with pytest.raises(DecodeError, match=r"shelf://a\.mp4: the file does not exist"):
        remote.local_path("shelf://a.mp4")
    with pytest.raises(DecodeError, match=r"nobody://a\.mp4: the file"):
        remote.local_path("nobody://a.mp4")
    assert not copies(remote)


def test_a_slow_fetch_runs_out_of_time(shelf, remote, monkeypatch):
    class Slow(io.BytesIO):
        def read(self, size=-1):
            time.sleep(0.05)
            return b"x"

    monkeypatch.setattr(shelf, "_open", lambda *_, **__: Slow())
    with pytest.raises(DecodeError, match=r"shelf://slow\.mp4: reading takes longer"):
        within(0.3, "video", lambda: remote.local_path("shelf://slow.mp4"))


def test_parts_of_killed_processes_are_cleared_away(shelf, tmp_path):
    remote = RemoteFiles(str(tmp_path / "copies"), 5000)
    (shelf.folder / "a").write_bytes(bytes(3000))
    old = tmp_path / "copies/00/old.part"
    old.parent.mkdir(parents=True)
    old.write_bytes(bytes(4000))
    young = old.with_name("young.part")
    young.write_bytes(bytes(4000))
    os.utime(old, (1, 1))
    remote.local_path("shelf://a")
    assert not old.exists()
    assert young.exists()


def test_remote_videos_decode_like_local_ones_and_are_indexed_once(shelf, plain_video, tmp_path, monkeypatch):
    shutil.copy(plain_video, shelf.folder / "video.mp4")
    indexed = []
    monkeypatch.setattr(index_cache, "read_index", lambda path: indexed.append(path) or read_index(path))
    files = VideoFiles(RemoteFiles(str(tmp_path / "copies"), 10**9), index_cache.IndexCache(str(tmp_path / "index")))
    for _ in range(2):  # the second time after the copy was pushed out
        index = files.index("shelf://video.mp4")
        frames = files.decode("shelf://video.mp4", index, np.array([3, 50]), WholeFrame())
        assert np.array_equal(frames, decode_all(plain_video)[[3, 50]])
        shutil.rmtree(tmp_path / "copies")
    assert len(shelf.opened) == 2
    assert len(indexed) == 1


def test_errors_in_a_remote_video_name_its_remote_path(shelf, tmp_path):
    (shelf.folder / "bad.mp4").write_bytes(b"no video")
    files = VideoFiles(RemoteFiles(str(tmp_path / "copies"), 10**9))
    with pytest.raises(DecodeError, match=r"^shelf://bad\.mp4: the file cannot be read as a video"):
        files.index("shelf://bad.mp4")


def test_data_sets_read_remote_videos_and_pictures(shelf, make_cfg, frames_folder, plain_video, tmp_path):
    caches = ("DATA.REMOTE_CACHE_DIR", str(tmp_path / "copies"), "DATA.NUM_FRAMES", 4)
    shutil.copytree(frames_folder, shelf.folder, dirs_exist_ok=True)
    local = build_dataset(make_cfg("DATA.PATH_TO_DATA_DIR", str(frames_folder)), "test")
    cfg = make_cfg("DATA.PATH_TO_DATA_DIR", str(frames_folder), "DATA.PATH_PREFIX", "shelf://", *caches)
    there = pickle.loads(pickle.dumps(build_dataset(cfg, "test")))
    assert torch.equal(there[SampleKey(0, 3)].frames, local[SampleKey(0, 3)].frames)
    assert len(shelf.opened) == 4

    shutil.copy(plain_video, shelf.folder / "video.mp4")
    (tmp_path / "test.csv").write_text("video.mp4 1\n")
    cfg = make_cfg("TEST.DATASET", "kinetics", "DATA.PATH_TO_DATA_DIR", str(tmp_path), "DATA.PATH_PREFIX", "shelf://", *caches)
    clip = build_dataset(cfg, "test")[SampleKey(0, 1)]
    assert clip.label == 1
    assert read_numbers(decode_frames(plain_video, read_index(plain_video), [0, 6])) == [0, 6]
