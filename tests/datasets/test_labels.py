"""Targets of clips: from intervals in seconds to classes on at frames."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from slowfast.datasets.clip_sampling import strided
from slowfast.datasets.labels import IntervalLabels
from slowfast.structures import ActionInterval, VideoRecord

K = 3


def record(*actions):
    return VideoRecord(video_id="A", path="A.mp4", source="", actions=tuple(ActionInterval(*action) for action in actions))


def labels(actions, frames, num_frames, whole_video=False):
    rule = IntervalLabels(num_classes=K, fps=24, whole_video=whole_video)
    return rule.labels(record(*actions), np.array(frames), num_frames)


def on_at(actions, frame, num_frames):
    """The definition: classes on at one frame, and those that are on only while it is shown: until the next, or the end."""
    on = {label for label, start, end in actions if start <= frame / 24 <= end}
    if frame == num_frames - 1:
        return on | {label for label, start, _ in actions if frame / 24 < start < (frame + 2) / 24}
    return on | {label for label, start, end in actions if frame / 24 < start <= end < (frame + 1) / 24}


def sets(rows):
    return [set(np.flatnonzero(row).tolist()) for row in rows]


times = st.integers(0, 600).map(lambda centiseconds: centiseconds / 100)
action_lists = st.lists(
    st.tuples(st.integers(0, K - 1), times, times).map(lambda a: (a[0], min(a[1:]), max(a[1:]))), max_size=5
)


@given(
    actions=action_lists,
    num_frames=st.integers(1, 120),
    start=st.integers(-40, 130),
    length=st.integers(1, 10),
    step=st.integers(1, 9),
    data=st.data(),
)
def test_union_over_any_cut_of_the_rows_is_the_label_of_the_clip(actions, num_frames, start, length, step, data):
    frames = strided(start, length, step, num_frames)
    result = labels(actions, frames, num_frames)
    defined = set().union(*(on_at(actions, frame, num_frames) for frame in range(frames[0], frames[-1] + 1)))
    assert sets([result.clip])[0] == defined
    cut = data.draw(st.integers(0, length))
    parts = sets(result.frames[:cut].numpy()) + sets(result.frames[cut:].numpy())
    assert set().union(*parts) == defined


@given(actions=action_lists, start=st.integers(-40, 130), length=st.integers(2, 10), step=st.integers(1, 9))
def test_each_row_covers_the_frames_since_the_one_before(actions, start, length, step):
    num_frames = 100
    frames = strided(start, length, step, num_frames).tolist()
    rows = sets(labels(actions, frames, num_frames).frames.numpy())
    assert rows[0] == on_at(actions, frames[0], num_frames)
    for before, frame, row in zip(frames, frames[1:], rows[1:], strict=False):
        assert row == set().union(*(on_at(actions, f, num_frames) for f in range(min(before + 1, frame), frame + 1)))


@given(actions=action_lists, num_frames=st.integers(1, 200), frame=st.integers(0, 199))
def test_in_evaluation_the_label_is_that_of_the_whole_video(actions, num_frames, frame):
    result = labels(actions, [min(frame, num_frames - 1)], num_frames, whole_video=True)
    assert sets([result.clip])[0] == set().union(*(on_at(actions, f, num_frames) for f in range(num_frames)))


def test_both_ends_of_an_interval_belong_to_it():
    rows = labels([(1, 12 / 24, 18 / 24)], [11, 12, 18, 19], 100).frames
    assert rows[:, 1].tolist() == [False, True, True, False]


@pytest.mark.parametrize(
    ("start", "end", "frame"),
    [
        pytest.param(12.2, 12.8, 12, id="between two frames"),
        pytest.param(12.7, 12.7, 12, id="a moment"),
        pytest.param(12, 12, 12, id="a moment at a frame"),
        pytest.param(0.1, 0.2, 0, id="behind the first frame"),
        pytest.param(99.1, 99.9, 99, id="while the last frame is shown"),
        pytest.param(100.3, 100.4, 99, id="in what is left of the video behind the grid"),
        pytest.param(99.5, 5000, 99, id="from the last frame to far behind the end"),
    ],
)
def test_an_interval_that_meets_no_frame_is_on_at_the_one_shown_then(start, end, frame):
    actions = [(1, start / 24, end / 24)]
    rows = labels(actions, list(range(100)), 100).frames
    assert rows[:, 1].nonzero().flatten().tolist() == [frame]
    assert labels(actions, [5], 100, whole_video=True).clip.tolist() == [0, 1, 0]


@pytest.mark.parametrize(("start", "end"), [(5000, 6000), (101, 101), (-2, -1)])
def test_an_interval_outside_of_the_video_is_never_on(start, end):
    assert not labels([(1, start / 24, end / 24)], list(range(100)), 100).frames.any()


def test_an_interval_that_the_step_skips_counts_for_the_next_row():
    result = labels([(2, 13 / 24, 14 / 24)], [0, 8, 16, 24], 100)
    assert sets(result.frames.numpy()) == [set(), set(), {2}, set()]
    assert result.clip.tolist() == [0, 0, 1]


def test_repeated_frames_have_the_labels_of_their_frame():
    result = labels([(0, 2.0, 9.0), (1, 0.0, 0.0)], [0, 0, 24, 48, 48, 48], 49)
    assert sets(result.frames.numpy()) == [{1}, {1}, set(), {0}, {0}, {0}]


def test_dtypes_are_those_of_clips():
    result = labels([], [0, 1], 2)
    assert (result.clip.dtype, result.frames.dtype) == (torch.float32, torch.bool)
    assert result.frames.shape == (2, K)
