"""Windows along a video share its time out, and show the frames they say."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slowfast.prediction.inputs import Picture, Reading
from slowfast.prediction.windows import window_starts, windows

APART = 0.25


def reading(total: int, begin: int = 0, *, short: float = 0.0) -> Reading:
    """Frames whose only pixel is their number."""

    def pictures() -> Iterator[Picture]:
        for number in range(begin, total):
            yield np.full((1, 1, 3), number, np.uint8)

    times = np.arange(total) * APART
    return Reading(times=times, duration=total * APART - short, frame_sec=APART, begin=begin, pictures=pictures())


sizes = st.integers(1, 12).flatmap(lambda length: st.tuples(st.just(length), st.integers(1, length)))


@given(total=st.integers(1, 80), sizes=sizes, short=st.sampled_from([0.0, 0.1]))
def test_windows_share_the_video_out_without_a_gap(total: int, sizes: tuple[int, int], short: float) -> None:
    length, hop = sizes
    found = list(windows(reading(total, short=short), length=length, hop=hop))
    assert found[0].start == 0
    assert found[-1].end == pytest.approx(total * APART - short)
    assert all(one.end == other.start for one, other in pairwise(found))
    assert all(window.start < window.end for window in found)
    assert [window.last for window in found] == [False] * (len(found) - 1) + [True]


@given(total=st.integers(1, 80), sizes=sizes)
def test_windows_hold_their_own_frames_and_repeat_the_last_one_only_where_the_video_ends(
    total: int, sizes: tuple[int, int]
) -> None:
    length, hop = sizes
    starts = window_starts(total, length=length, hop=hop)
    for window, start in zip(windows(reading(total), length=length, hop=hop), starts, strict=True):
        wanted = np.minimum(np.arange(start, start + length), total - 1)
        np.testing.assert_array_equal(window.frames[:, 0, 0, 0], wanted)
        if hop < length <= total:
            assert start + length <= total, "overlapping windows need no repeated frames"
    assert {frame for start in starts for frame in range(start, start + length)} >= set(range(total))


@given(total=st.integers(1, 60), sizes=sizes, data=st.data())
def test_windows_from_any_one_on_are_those_of_the_whole_way(total: int, sizes: tuple[int, int], data: st.DataObject) -> None:
    length, hop = sizes
    every = list(windows(reading(total), length=length, hop=hop))
    first = data.draw(st.integers(0, len(every) - 1))
    begin = window_starts(total, length=length, hop=hop)[first]
    rest = list(windows(reading(total, begin), length=length, hop=hop))
    assert [(w.start, w.end, w.number, w.last) for w in rest] == [(w.start, w.end, w.number, w.last) for w in every[first:]]
    for one, other in zip(rest, every[first:], strict=True):
        np.testing.assert_array_equal(one.frames, other.frames)
