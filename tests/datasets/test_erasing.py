"""Erased boxes are the same in all pictures of a clip, of the sizes asked for, and hold what was asked for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from slowfast.config import load_config
from slowfast.datasets.transforms.erasing import AREAS, Erasing, random_box


def rule(**options: object) -> Erasing:
    given_options = {"AUG.ENABLE": True, "AUG.RE_PROB": 1.0} | {f"AUG.{key}": value for key, value in options.items()}
    return Erasing.from_cfg(load_config(overrides=[part for item in given_options.items() for part in item]))


def clip(value: int = 3) -> NDArray[np.uint8]:
    """A colour that neither noise nor the mean colour has often."""
    return np.full((4, 50, 60, 3), value, np.uint8)


def erased(rule: Erasing, seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """The pictures, and which pixels of each changed, (T, H, W)."""
    pictures = clip()
    rule(pictures, np.random.default_rng(seed))
    return pictures, (pictures != 3).any(-1)


@pytest.mark.parametrize("mode", ["pixel", "rand", "const"])
@pytest.mark.parametrize("seed", range(5))
def test_one_box_is_erased_in_all_pictures(mode: str, seed: int) -> None:
    _, changed = erased(rule(RE_MODE=mode), seed)
    rows, columns = np.flatnonzero(changed[0].any(1)), np.flatnonzero(changed[0].any(0))
    box = np.zeros((50, 60), bool)
    box[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = True
    assert (changed == box).all()


def test_const_is_the_mean_colour_which_networks_read_as_zero() -> None:
    pictures, changed = erased(rule(RE_MODE="const"))
    assert (pictures[changed] == round(255 * 0.45)).all()


def test_rand_has_one_colour_a_picture_and_pixel_one_for_each_pixel() -> None:
    pictures, changed = erased(rule(RE_MODE="rand"))
    colours = [np.unique(picture[where], axis=0) for picture, where in zip(pictures, changed, strict=True)]
    assert [len(found) for found in colours] == [1, 1, 1, 1]
    assert len(np.unique(np.concatenate(colours), axis=0)) > 1
    pictures, changed = erased(rule(RE_MODE="pixel"))
    values = pictures[changed].astype(float)
    assert values.mean() == pytest.approx(255 * 0.45, abs=4)
    assert values.std() == pytest.approx(255 * 0.225, abs=4)


@pytest.mark.parametrize("prob", [0.0, 0.25, 1.0])
def test_as_many_clips_are_erased_as_asked_for(prob: float) -> None:
    made, rng = rule(RE_PROB=prob), np.random.default_rng(0)
    count = 0
    for _ in range(600):
        pictures = np.full((1, 20, 20, 3), 3, np.uint8)
        made(pictures, rng)
        count += bool((pictures != 3).any())
    assert count / 600 == pytest.approx(prob, abs=0.05)


@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 4), st.integers(0, 1000))
def test_boxes_lie_within_the_picture(height: int, width: int, count: int, seed: int) -> None:
    box = random_box(height, width, count=count, rng=np.random.default_rng(seed))
    if box is not None:
        top, left, rows, columns = box
        assert 0 <= top <= top + rows <= height and 0 <= left <= left + columns <= width


def test_boxes_share_the_erased_area() -> None:
    rng = np.random.default_rng(0)
    for count in (1, 3):
        boxes = [random_box(300, 300, count=count, rng=rng) for _ in range(1000)]
        areas = np.array([rows * columns / 300**2 for _, _, rows, columns in filter(None, boxes)]) * count
        assert areas.min() >= AREAS[0] - 0.003 and areas.max() <= AREAS[1] + 0.02
        assert areas.mean() == pytest.approx(np.mean(AREAS), abs=0.02)


def test_several_boxes_can_be_erased() -> None:
    def boxes(most: int, seed: int) -> int:
        pictures = np.full((1, 64, 64, 3), 3, np.uint8)
        rule(RE_MODE="rand", RE_COUNT=most)(pictures, np.random.default_rng(seed))
        return len(np.unique(pictures.reshape(-1, 3), axis=0)) - 1

    assert {boxes(1, seed) for seed in range(20)} == {1}
    assert {1, 2, 3} <= {boxes(4, seed) for seed in range(60)}
