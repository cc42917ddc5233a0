"""What every test gets: one thread, fixed seeds, a skip for tests that need hardware this machine lacks, toy runs."""

import logging
import random
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import matplotlib
import numpy as np
import pytest
import torch

ROOT = Path(__file__).parents[1]
StartToy = Callable[..., "subprocess.Popen[str]"]

matplotlib.use("Agg")
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # So do shells start what runs in the background, and the runs that tests interrupt would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
torch.set_num_threads(1)
hypothesis.settings.register_profile("slowfast", deadline=None)  # a busy machine is no fault
hypothesis.settings.load_profile("slowfast")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if torch.cuda.is_available():
        return
    for item in items:
        if item.get_closest_marker("gpu"):
            item.add_marker(pytest.mark.skip(reason="needs a GPU"))


@pytest.fixture(autouse=True)
def _seeds() -> None:
    """A test that forgets to seed still gives the same numbers each time, alone or among others."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


@pytest.fixture(scope="session", autouse=True)
def _cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is kept for later between runs (indexes of videos) is not kept in the cache of the person who tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def golden_dir() -> Path:
    """Folder with the published numbers that tests agree with."""
    return Path(__file__).parent / "data" / "golden"


@pytest.fixture(scope="session")
def session_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder that tests of one process share for things that are dear to make, such as encoded videos; gone afterwards."""
    return tmp_path_factory.mktemp("session")


@pytest.fixture(autouse=True)
def _process_as_before() -> Iterator[None]:
    """Takes back what a run in this process does to it: logging, torch's threads and flushing of denormals."""
    threads = torch.get_num_threads()
    yield
    torch.set_flush_denormal(False)
    torch.set_num_threads(threads)
    ours = logging.getLogger("slowfast")
    for handler in ours.handlers[:]:
        ours.removeHandler(handler)
        handler.close()
    ours.propagate = True
    ours.setLevel(logging.NOTSET)
    logging.captureWarnings(False)
    logging.getLogger("py.warnings").handlers = []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder that takes files up to one megabyte: a disk of that size where the tests may mount one, else by the limit that
    the system puts on a process's files."""
    folder = tmp_path / "disk"
    folder.mkdir()
    try:
        mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
        mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    if not mounted:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
    yield folder
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    if mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def filled() -> Callable[[Path], None]:
    """filled(small_disk) leaves no room on it; where the disk is a limit of the process, files of any size are refused."""

    def fill(folder: Path) -> None:
        try:
            with (folder / "filling").open("wb", buffering=0) as file:
                while file.write(bytes(1 << 12)):
                    pass
        except OSError:
            soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
            if soft == 1 << 20:
                resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))

    return fill


@pytest.fixture
def start_toy() -> StartToy:
    """start_toy(job, output_dir, processes=1, module="engine_toys") -> the process, its output piped."""

    def start(job: str, output_dir: Path, processes: int = 1, module: str = "engine_toys") -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", f"tests.engine.{module}", job, str(output_dir), str(processes)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)

    return start
