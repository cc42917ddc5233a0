"""Options of other data sets have no effect on AVA, which is said."""

import warnings
from pathlib import Path

import pytest

from slowfast.datasets import build_dataset
from tests.datasets.ava_folders import Folder, write_folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    root: Path = tmp_path_factory.mktemp("ava")
    return write_folder(root)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("TEST.NUM_ENSEMBLE_VIEWS", 3),
        ("DATA.ENSEMBLE_METHOD", "max"),
        ("DATA.TARGET_FPS", 25),
        ("DATA.INV_UNIFORM_SAMPLE", True),
        ("DATA.CYCLIC_LOAD", True),
        ("DATA.FULL_TIME_EVAL", False),
        ("DATA.PATH_PREFIX", "elsewhere"),
        ("DATA.CHECK_FILES", True),
    ],
)
def test_option_that_ava_does_not_read_is_told(folder: Folder, key: str, value: object) -> None:
    with pytest.warns(UserWarning, match=f"{key}: no effect"):
        build_dataset(folder.cfg(key, value), "test")


def test_options_that_ask_for_what_ava_does_anyway_are_not_told(folder: Folder) -> None:
    wanted = ("TEST.NUM_ENSEMBLE_VIEWS", 1, "TEST.NUM_SPATIAL_CROPS", 1, "AVA.FPS", 25, "DATA.TARGET_FPS", 25)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        build_dataset(folder.cfg(*wanted), "test")
