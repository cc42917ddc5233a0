"""Files named like videos that are none, or more than that: an error by name, and no other file or host is opened."""

import errno
import itertools
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from slowfast.datasets.decoding import decode_frames, read_index
from slowfast.datasets.time_limit import within
from slowfast.preparation.probing import probe_video
from tests.datasets.videos import read_numbers, write_video
from tests.faults.fuzzing import Case, survive
from tests.faults.hostile_media import giants, odd_files, references, scripts

FRAMES = 30


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_video(tmp_path / "good.mp4", FRAMES)
    return tmp_path


@pytest.fixture
def server() -> Iterator[socket.socket]:
    """Listens on a port of this machine."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(100)
        listener.setblocking(False)
        yield listener


def visitors(listener: socket.socket) -> int:
    for count in itertools.count():
        try:
            listener.accept()[0].close()
        except BlockingIOError as error:
            assert error.errno == errno.EAGAIN
            return count
    raise AssertionError


def read(path: Path) -> list[int]:
    """The numbers that its first and last frames show."""
    probe_video(str(path))
    index = read_index(str(path))
    return read_numbers(decode_frames(str(path), index, [0, index.num_frames - 1]))


def cases(files: Iterator[tuple[str, Path]], worked: dict[str, list[int]], seconds: float = 0) -> Iterator[Case]:
    """seconds: the limit of the time to read one (DATA_LOADER.VIDEO_TIMEOUT_SEC); 0: none."""
    for number, (what, path) in enumerate(files):

        def run(what: str = what, path: Path = path) -> None:
            worked[what] = within(seconds, str(path), lambda: read(path))

        yield Case(number, f"{path.name}: {what}", run)


def test_a_few_files_that_are_no_videos_are_errors(folder: Path, server: socket.socket) -> None:
    worked: dict[str, list[int]] = {}
    files = itertools.islice(scripts(folder, server.getsockname()[1]), 0, None, 11)
    survive("hostile media, a few", cases(files, worked), names=lambda case: case.what.partition(":")[0])
    assert not worked
    assert visitors(server) == 0


@pytest.mark.faults
def test_lists_and_scripts_open_nothing(folder: Path, server: socket.socket) -> None:
    worked: dict[str, list[int]] = {}
    files = scripts(folder, server.getsockname()[1])
    survive("playlists and scripts named like videos", cases(files, worked), names=lambda case: case.what.partition(":")[0])
    assert not worked
    assert visitors(server) == 0
    assert not (folder / "canary").exists()


@pytest.mark.faults
def test_pictures_that_lie_elsewhere_are_not_looked_for(folder: Path, server: socket.socket) -> None:
    worked: dict[str, list[int]] = {}
    write_video(folder / "other.mp4", 90)
    files = list(references(folder, server.getsockname()[1]))
    shutil.move(folder / "good.mp4", folder / "whole.mp4")
    write_video(folder / "good.mp4", 90)
    survive("videos whose pictures lie elsewhere", cases(iter(files), worked))
    assert all(numbers == [0, FRAMES - 1] for numbers in worked.values())  # its own: those of the others end later
    assert visitors(server) == 0


@pytest.mark.faults
def test_headers_that_claim_to_be_huge_are_no_danger(folder: Path) -> None:
    survive("videos with headers of any size", cases(giants(folder), {}), names=lambda case: case.what.partition(":")[0])


@pytest.mark.faults
def test_files_that_are_no_files_or_never_end_are_errors(folder: Path) -> None:
    worked: dict[str, list[int]] = {}
    survive(
        "pipes, devices and endless files",
        cases(odd_files(folder), worked, seconds=10),
        names=lambda case: case.what.partition(":")[0],
    )
    assert set(worked) <= {"a video, and behind it a terabyte of zeros"}
