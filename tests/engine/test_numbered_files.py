"""Names of files are the same after they were said in few words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slowfast.engine.numbered_files import packed, unpacked


@pytest.mark.parametrize(("first", "count", "width"), [(1, 30000, 6), (98, 4, 2), (0, 2, 1)])
def test_pictures_with_rising_numbers_are_few_words(first: int, count: int, width: int) -> None:
    files = [f"/data/set 2/v1/v1_{number:0{width}d}.jpg" for number in range(first, first + count)]
    short = packed(files)
    assert len(short) == 4
    assert unpacked(short) == tuple(files)


@pytest.mark.parametrize("files", [["v.mp4"], ["a1.jpg", "b2.jpg"], ["1.jpg", "3.jpg"], ["01.jpg", "2.jpg"], ["a", "b"]])
def test_other_files_are_named(files: list[str]) -> None:
    assert packed(files) == files


@given(st.lists(st.text("019a.", min_size=1), min_size=1))
def test_nothing_is_lost(files: list[str]) -> None:
    assert unpacked(packed(files)) == tuple(files)
