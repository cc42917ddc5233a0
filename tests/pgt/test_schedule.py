import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgt import StepSchedule
from pgt.eval_step import ProgressiveEvalStep
from pgt.fit import schedule_of, with_few_steps
from pgt.schedule import ScheduleError, Semantics
from slowfast.config import load_config


def test_steps_read_the_frames_of_the_published_settings() -> None:
    assert StepSchedule(8, 1, 3).ranges() == [(0, 8), (8, 15), (15, 22)]
    assert StepSchedule(16, 1, 5).ranges() == [(0, 16), (16, 31), (31, 46), (46, 61), (61, 76)]
    assert [StepSchedule([8], [1], 5).num_frames, StepSchedule([16, 64], [1, 4], 5).num_frames] == [36, 304]


@given(length=st.integers(1, 20), overlap=st.integers(0, 19), steps=st.integers(1, 9))
def test_steps_read_every_frame_once(length: int, overlap: int, steps: int) -> None:
    if overlap >= length:
        with pytest.raises(ScheduleError, match="it must be from 0 to"):
            StepSchedule(length, overlap, steps)
        return
    schedule = StepSchedule(length, overlap, steps)
    read = [frame for start, stop in schedule.ranges() for frame in range(start, stop)]
    assert read == list(range(schedule.num_frames))
    assert schedule.num_frames == steps * length - (steps - 1) * overlap


def test_slow_frames_are_every_alpha_th_frame_of_the_clip() -> None:
    schedule = StepSchedule([8, 32], [1, 4], 5)
    slow = [frame for step in range(5) for frame in schedule.frames(0, step)]
    assert slow == list(range(0, 144, 4))
    assert [frame for step in range(5) for frame in schedule.frames(1, step)] == list(range(144))


def test_slow_frames_lie_inside_the_fast_frames_of_their_step() -> None:
    schedule = StepSchedule([4, 16], [1, 4], 6)
    for step, (start, stop) in enumerate(schedule.clip_ranges()):
        assert all(start <= frame < stop for frame in schedule.frames(0, step))


def test_released_semantics_spread_the_slow_frames_as_the_original_did() -> None:
    schedule = StepSchedule([8, 32], [1, 4], 5)
    assert schedule.frames(0, 0, semantics="released") == [0, 4, 8, 13, 17, 22, 26, 31]
    assert schedule.frames(0, 1, semantics="released") == [40, 43, 46, 49, 52, 55, 59]
    assert schedule.frames(0, 2, semantics="released")[:2] == [68, 71]
    assert schedule.frames(1, 1, semantics="released") == list(range(32, 60))


@pytest.mark.parametrize(
    ("step_len", "overlap", "steps", "message"),
    [
        ([8, 32], [1], 5, "2 step lengths but 1 overlaps"),
        (8, 1, 0, "at least 1"),
        ([8, 30], [1, 4], 5, "no multiple of the slow step"),
        ([16, 64], [1, 1], 5, r"\[1, 4\] do"),
    ],
)
def test_impossible_schedules_say_why(step_len: object, overlap: object, steps: int, message: str) -> None:
    with pytest.raises(ScheduleError, match=message):
        StepSchedule(step_len, overlap, steps)  # type: ignore[arg-type]


@pytest.mark.parametrize(("semantics", "overlap"), [("corrected", [1, 4]), ("released", [1, 1])])
@pytest.mark.parametrize("steps", [1, 5, 9])
def test_three_steps_have_every_shape_that_more_have(semantics: Semantics, overlap: list[int], steps: int) -> None:
    lengths = ("PGT.STEPS", steps, "PGT.STEP_LEN", [8, 32], "PGT.OVERLAP", overlap, "SLOWFAST.ALPHA", 4)
    cfg = load_config(overrides=["PGT.ENABLE", True, *lengths, "PGT.SEMANTICS", semantics, "DATA.NUM_FRAMES", 0])
    short = with_few_steps(cfg)
    assert short.PGT.STEPS == min(steps, 3)
    assert short.DATA.NUM_FRAMES == schedule_of(short).num_frames
    for pathway in range(2):
        few, whole = ([stop - start for start, stop in schedule_of(each).ranges(pathway)] for each in (short, cfg))
        assert few == whole[:3]
        assert set(whole[3:]) <= {few[-1]}


@given(steps=st.integers(1, 40), at_most=st.integers(1, 12))
def test_groups_hold_all_steps_in_order_the_first_alone_and_the_others_evenly(steps: int, at_most: int) -> None:
    first, *others = StepSchedule(8, 1, steps).groups(at_most)
    assert [step for group in (first, *others) for step in group] == list(range(steps))
    sizes = [len(group) for group in others]
    assert len(first) == 1 and all(1 <= size <= at_most for size in sizes)
    assert len(others) == -(-(steps - 1) // at_most), "as few groups as possible"
    assert not sizes or max(sizes) - min(sizes) <= 1


_SLOW = ("MODEL.MODEL_NAME", "ResNet", "MODEL.ARCH", "slow", "DATA.NUM_FRAMES", 0)


def test_steps_that_run_at_once_are_also_tried_at_once() -> None:
    cfg = load_config(overrides=["PGT.ENABLE", True, "PGT.STEPS", 30, "PGT.EVAL_STEPS_AT_ONCE", 7, *_SLOW])
    short = ProgressiveEvalStep.shortened(cfg)
    largest = max(map(len, schedule_of(cfg).groups(7)))
    assert largest == 6 and max(map(len, schedule_of(short).groups(7))) == largest
