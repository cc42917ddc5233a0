from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from slowfast.structures import ActionInterval
from slowfast.visualization import DrawingError, Timeline, draw_timeline
from slowfast.visualization.canvas import ORANGE
from slowfast.visualization.timeline import MAX_ROWS, choose_frames, choose_rows, scores_over_time


def timeline(**changes: Any) -> Timeline:
    values = {
        "video_id": "video_1",
        "duration_sec": 8.0,
        "class_names": ("cut", "stir", "serve"),
        "actions": (ActionInterval(1, 2.0, 4.0),),
        "frames": tuple((second, np.full((24, 32, 3), 90, dtype=np.uint8)) for second in (1.0, 3.0, 5.0, 7.0)),
        "segments": np.array([[0.0, 4.0], [4.0, 8.0]]),
        "scores": np.array([[0.1, 0.9, 0.2], [0.1, 0.1, 0.6]]),
    }
    return Timeline(**(values | changes))


def drawn(tmp_path: Path, **changes: Any) -> np.ndarray:
    """Pixels (H, W, 3), RGB."""
    draw_timeline(timeline(**changes), tmp_path / "timeline.png")
    return cv2.imread(str(tmp_path / "timeline.png"))[..., ::-1]


def columns_of(picture: np.ndarray, colour: str, *, from_row: float) -> np.ndarray:
    """Share of the width, of each pixel of that colour in a line somewhat down the picture."""
    rgb = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    rows = picture[round(from_row * len(picture)) :]
    return np.flatnonzero((rows == rgb).all(axis=2).any(axis=0)) / picture.shape[1]


def test_overlapping_segments_are_averaged_and_uncovered_time_has_no_score() -> None:
    segments = np.array([[0.0, 4.0], [2.0, 6.0], [7.0, 8.0]])
    edges, scores = scores_over_time(segments, np.array([[0.2], [0.6], [1.0]]))
    assert edges.tolist() == [0.0, 2.0, 4.0, 6.0, 7.0, 8.0]
    np.testing.assert_allclose(scores[:, 0], [0.2, 0.4, 0.6, np.nan, 1.0])


def test_rows_are_true_classes_by_start_then_clear_predictions_by_score() -> None:
    actions = (ActionInterval(4, 6.0, 7.0), ActionInterval(0, 2.0, 3.0), ActionInterval(4, 1.0, 2.0))
    binned = np.array([[0.1, 0.7, 0.3, 0.9, 0.2], [0.0, 0.1, 0.4, np.nan, 0.1]])
    assert choose_rows(actions, binned) == [4, 0, 3, 1]


def test_best_class_is_shown_when_nothing_is_true_or_clear() -> None:
    assert choose_rows((), np.array([[0.1, 0.3, 0.2]])) == [1]


def test_frames_are_chosen_by_time_however_dense_they_lie() -> None:
    picture = np.zeros((2, 2, 3), dtype=np.uint8)
    dense_start = [number / 100 for number in range(100)]
    rest = [1.0 + number / 2 for number in range(18)]
    chosen = choose_frames(tuple((second, picture) for second in [*rest, *dense_start]), 10.0)
    assert [second for second, _ in chosen] == [0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5, 9.5]
    clustered = choose_frames(tuple((second, picture) for second in dense_start), 10.0)
    assert [second for second, _ in clustered] == [0.5, 0.99]


def test_each_shown_class_makes_the_picture_taller_up_to_a_limit(tmp_path: Path) -> None:
    names = tuple(map(str, range(30)))

    def height(num_true: int) -> int:
        actions = tuple(ActionInterval(label, 0.0, 1.0) for label in range(num_true))
        return drawn(tmp_path, class_names=names, scores=np.zeros((2, 30)), actions=actions).shape[0]

    assert height(1) < height(2) < height(MAX_ROWS) == height(MAX_ROWS + 5)


def test_true_bar_lies_where_the_time_axis_has_it(tmp_path: Path) -> None:
    def start_of_bar(start_sec: float) -> float:
        picture = drawn(tmp_path, actions=(ActionInterval(1, start_sec, 8.0),), frames=())
        return columns_of(picture[: -round(0.25 * len(picture))], ORANGE, from_row=0).min()

    at_0, at_2, at_4 = map(start_of_bar, (0.0, 2.0, 4.0))
    assert at_2 - at_0 == pytest.approx(at_4 - at_2, abs=0.002)
    assert at_4 - at_0 > 0.3


def test_action_behind_the_end_of_the_video_stops_there(tmp_path: Path) -> None:
    inside = drawn(tmp_path, actions=(ActionInterval(1, 2.0, 8.0),))
    behind = drawn(tmp_path, actions=(ActionInterval(1, 2.0, 99.0),))
    assert np.array_equal(inside, behind)


def test_names_with_dollars_are_plain_text(tmp_path: Path) -> None:
    assert drawn(tmp_path, class_names=("$x_{", "$\\frac", "$")).size


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"duration_sec": 0.0}, "duration is 0.0 s"),
        ({"scores": np.zeros((2, 4))}, r"\(2, 4\); right would be \(2, 3\)"),
        ({"segments": np.array([[1.0, 1.0], [2.0, 3.0]])}, "start and later end"),
        ({"segments": np.zeros((0, 2)), "scores": np.zeros((0, 3))}, "at least one"),
        ({"actions": (ActionInterval(3, 0.0, 1.0),)}, "no class 3; right would be 0 to 2"),
    ],
)
def test_timeline_that_does_not_fit_together_is_refused_by_name(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DrawingError, match=rf"video_1: .*{message}"):
        timeline(**changes)
