"""What every test gets: one thread, fixed seeds, and a skip for tests that need hardware this machine lacks."""

import random
from collections.abc import Iterator
from pathlib import Path

import matplotlib
import numpy as np
import pytest
import torch

matplotlib.use("Agg")
torch.set_num_threads(1)


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
