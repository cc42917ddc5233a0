"""Remote videos: fetched once, read like local ones, and kept within bounds."""

import contextlib
import io
import logging
import multiprocessing
import os
import pickle
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from iopath.common.file_io import PathHandler, g_pathmgr
from videos import decode_all, read_numbers

from slowfast.datasets import DecodeError, SampleKey, build_dataset, remote_files
from slowfast.datasets.decoding import WholeFrame, decode_frames, index_cache, read_index
from slowfast.datasets.remote_files import BLOCK, RemoteFiles, without_secrets
from slowfast.datasets.time_limit import within
from slowfast.datasets.video_files import VideoFiles
from slowfast.runtime.atomic_files import WriteError


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


@pytest.fixture
def as_user():
    """Runs a function as another user, who shares no group with this one; returns what it returns."""
    if os.getuid() != 0:
        pytest.skip("only the administrator can become somebody else")
    context = multiprocessing.get_context("fork")

    def run(user, umask, function):
        queue = context.SimpleQueue()

        def act():
            os.umask(umask), os.setgid(user), os.setuid(user)
            try:
                queue.put(function())
            except Exception as error:
                queue.put(error)

        process = context.Process(target=act)
        process.start()
        process.join(60)
        return queue.get()

    return run


@pytest.fixture
def open_folder(tmp_path):
    """A folder that everybody may write to; so is what leads to it."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_users_may_share_a_folder_of_copies(shelf, open_folder, as_user, monkeypatch, umask):
    monkeypatch.setattr(shelf, "_open", lambda *_, **__: io.BytesIO(b"x" * 1000))
    (open_folder / "copies").mkdir()
    (open_folder / "copies").chmod(0o777)

    def fetch(*names):
        remote = RemoteFiles(str(open_folder / "copies"), 4000)
        return [Path(remote.local_path(f"shelf://{name}.mp4")).read_bytes() for name in names]

    names = [str(number) for number in range(12)]
    assert as_user(10001, umask, lambda: fetch(*names[:3])) == [b"x" * 1000] * 3
    assert as_user(10002, umask, lambda: fetch(*names)) == [b"x" * 1000] * 12  # reads, adds and evicts
    assert as_user(10001, umask, lambda: fetch(*names)) == [b"x" * 1000] * 12
    assert sum(path.stat().st_size for path in copies(RemoteFiles(str(open_folder / "copies"), 0))) <= 5000


def test_copies_that_may_not_be_deleted_are_left_with_a_warning(shelf, open_folder, as_user, monkeypatch):
    monkeypatch.setattr(shelf, "_open", lambda *_, **__: io.BytesIO(b"x" * 1000))
    open_folder.chmod(0o1777)  # as /tmp is: everybody deletes only what is theirs

    def fetch(name):
        with contextlib.redirect_stderr(io.StringIO()) as said:
            logging.getLogger(remote_files.__name__).addHandler(logging.StreamHandler(said))
            content = Path(RemoteFiles(str(open_folder), 1500).local_path(name)).read_bytes()
        return len(content), said.getvalue()

    assert as_user(10001, 0o022, lambda: fetch("shelf://a")) == (1000, "")
    size, said = as_user(10002, 0o022, lambda: fetch("shelf://b"))
    assert size == 1000
    assert "copies of other users cannot be deleted" in said


def test_users_may_share_a_folder_of_indexes(open_folder, as_user, plain_video):
    video = shutil.copy(plain_video, open_folder / "video.mp4")
    video.chmod(0o644)
    (open_folder / "index").mkdir()
    (open_folder / "index").chmod(0o777)
    cache = index_cache.IndexCache(str(open_folder / "index"))
    assert as_user(10001, 0o077, lambda: cache.read(str(video)).num_frames) == 100
    (entry,) = (path for path in (open_folder / "index").rglob("*") if path.is_file())
    assert as_user(10002, 0o077, lambda: entry.read_bytes()) == entry.read_bytes()


def test_a_folder_that_cannot_be_written_is_named_and_not_the_video(shelf, tmp_path):
    (shelf.folder / "a.mp4").write_bytes(b"x")
    (tmp_path / "file").write_text("")
    with pytest.raises(
        WriteError, match=r"file/copies/.*\(copy of shelf://a\.mp4; DATA\.REMOTE_CACHE_DIR\): cannot be written"
    ):
        RemoteFiles(str(tmp_path / "file" / "copies"), 10**9).local_path("shelf://a.mp4")


def test_a_copy_that_is_evicted_before_it_is_opened_is_fetched_again(shelf, plain_video, tmp_path, monkeypatch):
    shutil.copy(plain_video, shelf.folder / "video.mp4")
    files = VideoFiles(RemoteFiles(str(tmp_path / "copies"), 10**9))
    fetch = RemoteFiles.local_path
    evictions = iter([True, False, True, True, False, True, True, True])

    def fetch_and_evict(self, path):
        local = fetch(self, path)
        if next(evictions):
            Path(local).unlink()
        return local

    monkeypatch.setattr(RemoteFiles, "local_path", fetch_and_evict)
    index = files.index("shelf://video.mp4")
    frames = files.decode("shelf://video.mp4", index, np.array([3, 50]), WholeFrame())
    assert np.array_equal(frames, decode_all(plain_video)[[3, 50]])
    with pytest.raises(DecodeError, match=r"^shelf://video\.mp4: its copy was evicted 3 times"):
        files.index("shelf://video.mp4")


def test_a_copy_that_is_evicted_while_it_is_read_is_read_to_its_end(shelf, plain_video, tmp_path, monkeypatch):
    shutil.copy(plain_video, shelf.folder / "video.mp4")
    remote = RemoteFiles(str(tmp_path / "copies"), 10**9)
    files, evicted = VideoFiles(remote), []

    class Evicting(WholeFrame):
        def __call__(self, image, out):
            super().__call__(image, out)
            evicted.extend(path.unlink() for path in copies(remote))

    index = files.index("shelf://video.mp4")
    frames = files.decode("shelf://video.mp4", index, np.arange(100), Evicting())
    assert len(evicted) == 1
    assert read_numbers(frames) == list(range(100))


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


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("https://user:pw@host:81/a/v 1.mp4?X-Amz-Signature=abc#t=3", "https://host:81/a/v 1.mp4"),
        ("s3://bucket/v.mp4", "s3://bucket/v.mp4"),
        ("ftp://u:p@ss@host", "ftp://host"),
        ("/data/a@b?.mp4", "/data/a@b?.mp4"),
    ],
)
def test_what_is_shown_of_a_remote_path_has_no_secrets(path: str, shown: str) -> None:
    assert without_secrets(path) == shown
