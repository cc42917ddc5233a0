"""Pictures of persons: the file, and what is said below it."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from slowfast.visualization import BoxedPerson, DrawingError, Scene, draw_scene
from slowfast.visualization.boxes import describe

BOX = (10.0, 5.0, 40.0, 30.0)


def words(person: BoxedPerson) -> str:
    return " ".join(text.strip() for text, _ in describe(1, person))


def test_clear_scores_are_told_best_first_beside_the_truth() -> None:
    person = BoxedPerson(box=BOX, true=("stand", "watch"), scores={"sit": 0.2, "watch": 0.6, "stand": 0.91})
    assert words(person) == "1  true: stand, watch; network: stand 0.91, watch 0.60"


def test_best_class_is_told_where_none_is_clear() -> None:
    assert words(BoxedPerson(box=BOX, scores={"sit": 0.2, "stand": 0.3})) == "1  true: nothing known; network: stand 0.30"


def test_persons_that_nobody_found_are_told_so() -> None:
    assert words(BoxedPerson(box=BOX, true=("sit",))) == "1  true: sit; not found by the detector"


def test_long_lists_are_wrapped_and_complete() -> None:
    names = {f"action number {k}": 0.9 for k in range(20)}
    person = BoxedPerson(box=BOX, scores=names)
    assert len(describe(1, person)) > 3
    assert all(name in words(person) for name in names)


def test_picture_is_drawn_with_each_box_in_its_colour(tmp_path: Path) -> None:
    grey = np.full((48, 64, 3), 200, dtype=np.uint8)
    persons = (BoxedPerson(box=BOX, scores={"sit": 0.7}), BoxedPerson(box=(20.0, 20.0, 60.0, 45.0)))
    drawn = {}
    for name, shown in (("none", ()), ("one", persons[:1]), ("both", persons)):
        draw_scene(Scene(title="v, second 902", picture=grey, persons=shown), tmp_path / f"{name}.png")
        pixels = (255 * imread(tmp_path / f"{name}.png")[..., :3]).round().astype(int)
        drawn[name] = {tuple(colour) for colour in np.unique(pixels.reshape(-1, 3), axis=0).tolist()}
    blue, orange = (0, 0x72, 0xB2), (0xD5, 0x5E, 0)
    assert not {blue, orange} & drawn["none"]
    assert {blue, orange} & drawn["one"] == {blue}
    assert {blue, orange} <= drawn["both"]


def test_pictures_of_another_kind_are_refused() -> None:
    with pytest.raises(DrawingError, match=r"second 902: the picture is float64 \(4, 4, 3\); right would be uint8"):
        Scene(title="v, second 902", picture=np.zeros((4, 4, 3)), persons=())
