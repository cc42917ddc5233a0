"""Which frames stand on the sheet, and that it can be drawn whatever a clip is like."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slowfast.visualization import ContactRow, DrawingError, draw_contact_sheet
from slowfast.visualization.contact_sheet import MAX_PARTS, MAX_PICTURES, choose_frames, choose_parts

STEPS = ((0, 8), (8, 15), (15, 22))


def row(**changes: object) -> ContactRow:
    usual = {
        "name": "läuft $_^{ 1.mp4",
        "pictures": np.zeros((22, 6, 10, 3), np.uint8),
        "times": np.arange(22) / 4,
        "parts": STEPS,
        "labels": (("run",), (), ("run", "a class with a very long name that goes on and on and on")),
    }
    return ContactRow(**{**usual, **changes})  # type: ignore[arg-type]


@given(st.lists(st.integers(1, 30), min_size=1, max_size=MAX_PARTS))
def test_every_part_shows_different_frames_of_its_own_from_first_to_last(lengths: list[int]) -> None:
    ends = np.cumsum(lengths).tolist()
    parts = [(end - length, end) for end, length in zip(ends, lengths, strict=True)]
    chosen = choose_frames(parts, MAX_PICTURES)
    assert sum(map(len, chosen)) <= MAX_PICTURES
    for (start, stop), frames in zip(parts, chosen, strict=True):
        assert frames == sorted(set(frames))
        assert frames[0] == start
        assert len(frames) == 1 or frames[-1] == stop - 1


def test_frames_with_boxes_are_shown() -> None:
    assert choose_frames(STEPS, 6, needed=[13, 15]) == [[0, 7], [8, 13], [15, 21]]


def test_of_many_parts_the_first_and_the_last_are_shown() -> None:
    assert choose_parts(3, 16) == [0, 1, 2]
    assert choose_parts(40, 4) == [0, 13, 26, 39]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"parts": ((0, 22),), "labels": (("run",),)},
        {"labels": (("run",),), "note": "view 0", "boxes": {3: np.array([[1, 1, 5, 4.0]])}},
        {"pictures": np.zeros((40, 9, 4, 3), np.uint8), "times": np.zeros(40), "parts": tuple((n, n + 1) for n in range(40)),
         "labels": ((),)},
    ],
)  # fmt: skip
def test_sheet_is_drawn(tmp_path: Path, changes: dict[str, object]) -> None:
    draw_contact_sheet([row(**changes), row()], tmp_path / "deep" / "sheet.png", title="two clips")
    assert (tmp_path / "deep" / "sheet.png").read_bytes().startswith(b"\x89PNG")
    assert len(list((tmp_path / "deep").iterdir())) == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"times": np.zeros(5)}, r"shape \(22, 6, 10, 3\)"),
        ({"parts": ((0, 23),), "labels": ((),)}, "no ranges of 22 frames"),
        ({"labels": ((), ())}, "2 labels; right would be 1 or 3"),
    ],
)
def test_rows_that_do_not_fit_together_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(DrawingError, match=message):
        row(**changes)
