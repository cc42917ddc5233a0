"""Boxes at whole seconds are where the annotation tool shows them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slowfast.annotations.times import Time
from slowfast.preparation.exports.export import Key, Place, Track
from slowfast.preparation.exports.keyframes import KeyframeBox, keyframe_boxes
from slowfast.preparation.exports.sniffing import read_export
from tests.preparation.exports.test_formats import FILES

PLACE = Place(FILES)


def track(*keys: tuple[int, float, bool], **more: object) -> Track:
    """keys: frame, left edge, whether hidden; boxes are 0.2 wide."""
    made = tuple(Key(Time(0.0, frame), (x, 0.1, x + 0.2, 0.5), ("walk",), hidden) for frame, x, hidden in keys)
    return Track(video="a", keys=made, place=PLACE, **more)  # type: ignore[arg-type]


def lefts(found: Track, duration_sec: float = 100.0) -> dict[int, float]:
    boxes = keyframe_boxes(found, fps=10, duration_sec=duration_sec, size=(100, 50))
    return {box.second: pytest.approx(box.box[0]) for box in boxes}


def test_a_box_moves_evenly_between_keys_and_stays_until_it_is_hidden() -> None:
    assert lefts(track((5, 0.0, False), (25, 0.4, False), (40, 0.9, True))) == {1: 0.1, 2: 0.3, 3: 0.4}


def test_a_box_comes_back_where_it_is_shown_again() -> None:
    assert lefts(track((0, 0.0, False), (15, 0.9, True), (30, 0.5, False), (41, 0.9, True))) == {0: 0.0, 1: 0.0, 3: 0.5, 4: 0.5}


def test_nothing_is_shown_behind_the_end_of_the_video() -> None:
    assert set(lefts(track((0, 0.0, False), (100, 0.0, True)), duration_sec=2.5)) == {0, 1, 2}


@given(st.floats(0.01, 9.9))
def test_a_single_box_counts_for_the_nearest_second_of_the_video(time: float) -> None:
    made = Track(video="a", keys=(Key(Time(time), (10, 5, 30, 25), ("walk",)),), place=PLACE, moments=True, in_pixels=True)
    [box] = keyframe_boxes(made, fps=10, duration_sec=10.0, size=(100, 50))
    assert box.box == (0.1, 0.1, 0.3, 0.5)
    assert box.second == min(int(time + 0.5), 9)
    assert box.shift_sec == pytest.approx(abs(time - box.second))


def test_boxes_are_cut_at_the_edges_of_the_picture_and_left_out_beyond() -> None:
    keys = tuple(Key(Time(second), box, ()) for second, box in enumerate([(-20.0, 0, 50, 80), (120.0, 0, 150, 50)]))
    made = Track(video="a", keys=keys, place=PLACE, moments=True, in_pixels=True, size=(100, 50))
    assert list(keyframe_boxes(made, fps=10, duration_sec=10.0, size=(1, 1))) == [KeyframeBox(0, (0, 0, 0.5, 1), ())]


def boxes_of(name: str, fps: float) -> list[tuple[int, tuple[float, ...], tuple[str, ...]]]:
    [export] = read_export(FILES / name)
    found = [
        box
        for one in export.tracks
        for box in keyframe_boxes(one, fps=export.fps.get(one.video, fps), duration_sec=4.0, size=(100, 50))
    ]
    return [(box.second, tuple(round(corner, 4) for corner in box.box), box.labels) for box in found]


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("cvat.xml", [
            (0, (0.1, 0.1, 0.5, 0.5), ("stand",)), (1, (0.2, 0.1, 0.6, 0.5), ("walk",)), (3, (0, 0, 1, 1), ("stand", "walk")),
        ]),
        ("label_studio.json", [(0, (0.1, 0.1, 0.5, 0.5), ("cook",)), (1, (0.15, 0.1, 0.55, 0.5), ("cook",)),
                               (2, (0.2, 0.1, 0.6, 0.5), ("cook",))]),
        ("via.json", [(2, (0.1, 0.1, 0.5, 0.5), ("talk", "walk"))]),
        ("vidat.json", [(2, (0.1, 0.1, 0.5, 0.5), ("cook",)), (2, (0.5, 0.1, 0.6, 0.5), ())]),
    ],
)  # fmt: skip
def test_each_tools_boxes_are_read(name: str, wanted: object) -> None:
    assert boxes_of(name, fps=25) == wanted
