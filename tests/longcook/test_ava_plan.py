"""LongCook in the format of AVA: what the plans and pictures of two cooks promise."""

from collections import Counter
from functools import cache
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longcook.duet_rendering import film_of_duet, render_duet, setting_of
from longcook.film import write_film
from longcook.paint import Canvas
from longcook.plan_duet import CAUSE_PAIRS, MIN_APART_SEC, Duet, draw_duet, plan_duets
from longcook.script import CAUSES, COMPOSITES, FILLERS, POUR

duets = st.builds(
    lambda seed, number, pair: draw_duet("VIDEO", (seed, 0, number)).with_causes(pair),
    st.integers(0, 2**31),
    st.integers(0, 500),
    st.sampled_from(CAUSE_PAIRS),
)


def duet_of(causes: tuple[int, int]) -> Duet:
    return draw_duet("VIDEO", (0, 0, 3)).with_causes(causes)


def clip(second: int, *, length: int, keyframe: int) -> set[int]:
    """Frames of a clip at stride 8 whose frame number `keyframe` shows that second; may leave the video."""
    return {30 * second + 8 * (number - keyframe) for number in range(length)}


@cache
def drawn(causes: tuple[int, int]) -> np.ndarray:
    return np.stack(list(render_duet(duet_of(causes))))


def frames_of_cause(duet: Duet, cook: int) -> range:
    events = duet.parts[cook].events
    number = events.index(duet.parts[cook].cause)
    return range(events[number].first_frame(30), events[number + 1].first_frame(30))


@given(duets)
def test_each_cook_has_one_cause_another_than_his_neighbour_and_one_pouring(duet: Duet) -> None:
    for part in duet.parts:
        kinds = Counter("cause" if e.label in CAUSES else "pour" if e.label == POUR else "filler" for e in part.events)
        assert kinds == {"cause": 1, "pour": 1, "filler": len(part.events) - 2}
        assert all(e.label in FILLERS for e in part.events if e not in (part.cause, part.pouring))
    first, second = duet.parts
    assert first.cause.label != second.cause.label
    assert abs(first.pouring.start_centisec - second.pouring.start_centisec) >= 100 * MIN_APART_SEC


@given(duets)
def test_events_of_each_cook_fill_the_video_without_gaps(duet: Duet) -> None:
    for part in duet.parts:
        assert part.events[0].start_centisec == 0
        assert part.events[-1].end_centisec == duet.length_centisec
        assert all(a.end_centisec == b.start_centisec for a, b in zip(part.events, part.events[1:], strict=False))
        assert all(94 <= e.end_centisec - e.start_centisec <= 260 for e in part.events)
    assert 1200 <= duet.length_centisec <= 1350


@given(duets)
def test_clips_around_all_keyframes_lie_in_the_video_and_every_pouring_has_a_keyframe(duet: Duet) -> None:
    for second in duet.keyframe_seconds:
        assert clip(second, length=8, keyframe=4) <= set(range(duet.num_frames))
    for part in duet.parts:
        assert any(POUR in part.labels_at(second) for second in duet.keyframe_seconds)


@given(duets)
def test_at_a_pouring_no_short_clip_sees_the_cooks_cause_but_a_long_one_sees_most_of_it(duet: Duet) -> None:
    for cook, part in enumerate(duet.parts):
        cause = frames_of_cause(duet, cook)
        for second in duet.keyframe_seconds:
            if POUR in part.labels_at(second):
                assert not clip(second, length=8, keyframe=4) & set(cause)
                long = clip(second, length=36, keyframe=32)  # its last step of 8 has the keyframe in its middle
                assert 8 * len(long & set(cause)) > 0.7 * len(cause)


@given(duets)
def test_composite_is_on_while_its_cook_pours_and_is_decided_by_his_own_cause(duet: Duet) -> None:
    for part in duet.parts:
        for second in duet.keyframe_seconds:
            now = [e.label for e in part.events if e.start_centisec <= 100 * second < e.end_centisec]
            composite = [COMPOSITES[part.cause.label]] if now == [POUR] else []
            assert list(part.labels_at(second)) == now + composite


@given(st.integers(0, 2**31), st.integers(0, 30))
def test_pairs_of_causes_are_balanced(seed: int, num_train: int) -> None:
    planned = plan_duets({"train": num_train}, seed=seed)["train"]
    counts = Counter((duet.parts[0].cause.label, duet.parts[1].cause.label) for duet in planned)
    assert max(counts.values(), default=0) - min(counts[pair] for pair in CAUSE_PAIRS) <= 1
    assert all(len(duet.video_id) == 11 for duet in planned)


@given(duets, st.sampled_from(CAUSE_PAIRS))
def test_other_causes_change_nothing_but_their_labels(duet: Duet, pair: tuple[int, int]) -> None:
    other = duet.with_causes(pair)
    assert (other.parts[0].cause.label, other.parts[1].cause.label) == pair
    assert other.with_causes((duet.parts[0].cause.label, duet.parts[1].cause.label)) == duet
    assert other.first_frames == duet.first_frames
    assert setting_of(other) == setting_of(duet)


@pytest.mark.parametrize(("cook", "causes"), [(0, (1, 3)), (0, (2, 3)), (1, (0, 1)), (1, (0, 2))])
def test_drawn_frames_are_bit_identical_outside_the_cause_and_in_the_other_half(cook: int, causes: tuple[int, int]) -> None:
    first, other = drawn((0, 3)), drawn(causes)
    inside = frames_of_cause(duet_of(causes), cook)
    differ = (first != other).any(axis=-1)
    assert np.flatnonzero(differ.any(axis=(1, 2))).tolist() == list(inside)
    columns = np.flatnonzero(differ.any(axis=(0, 1)))
    is_left = (cook == 0) != setting_of(duet_of(causes)).camera.mirrored
    assert (columns < 66).all() if is_left else (columns >= 62).all()


def test_decoded_frames_and_stills_are_bit_identical_outside_the_cause(tmp_path: Path) -> None:
    videos, stills = [], []
    for name, causes in (("A", (0, 3)), ("B", (2, 3))):
        write_film(tmp_path, film_of_duet(duet_of(causes), f"{name}.mp4", f"{name}/{{:06d}}.jpg"))
        with av.open(str(tmp_path / f"{name}.mp4")) as container:
            assert container.streams.video[0].average_rate == 30
            videos.append(np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]))
        stills.append([path.read_bytes() for path in sorted((tmp_path / name).iterdir())])
    inside = set(frames_of_cause(duet_of((0, 3)), 0))
    differ = np.flatnonzero((videos[0] != videos[1]).any(axis=(1, 2, 3))).tolist()
    assert differ
    assert set(differ) <= inside
    assert {number for number, (a, b) in enumerate(zip(*stills, strict=True)) if a != b} == inside


@pytest.mark.parametrize("number", range(6))
def test_box_holds_the_cook_and_fits_tightly_at_the_head_and_the_resting_hand(number: int) -> None:
    setting = setting_of(draw_duet("VIDEO", (0, 0, number)))
    for cook, place in enumerate(setting.places):
        canvas = Canvas.blank(128, 96)
        place.cook.paint_body(place.on(canvas))
        place.cook.paint_head(place.on(canvas), 4.0)
        picture = canvas.picture()[:, ::-1] if setting.camera.mirrored else canvas.picture()
        rows, columns = np.nonzero(picture.max(axis=-1) > 25)
        left, top, right, bottom = np.array(setting.box(cook, 4.0)) * [128, 96, 128, 96]
        assert left - 1 <= columns.min() and columns.max() + 1 <= right + 1
        assert rows.min() + 0.5 == pytest.approx(top, abs=2)
        assert rows.max() + 0.5 == pytest.approx(bottom, abs=2)
        assert 0 <= left < right <= 128 and 0 <= top < bottom <= 96


def test_file_shows_both_cooks_at_work_all_the_time() -> None:
    frames = drawn((0, 3)).astype(float)
    setting = setting_of(duet_of((0, 3)))
    for cook in (0, 1):
        left, top, right, bottom = (np.array(setting.box(cook, 0.0)) * [128, 96, 128, 96]).astype(int)
        part = frames[:, top:bottom, left:right]
        for start in range(0, len(part) - 15, 15):
            deviation = part[start : start + 15].std(axis=0).mean(axis=-1)
            assert (deviation > 8).mean() > 0.02  # noise alone has a deviation of about 2
