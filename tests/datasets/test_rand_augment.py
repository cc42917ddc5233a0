"""The text says which operations are drawn; a draw is the same for every picture of a clip."""

import cv2
import numpy as np
import pytest

from slowfast.config import ConfigError, load_config
from slowfast.config.rand_augment import RandAugmentText
from slowfast.datasets.transforms.operations import OPERATIONS, WEIGHTS, Picture
from slowfast.datasets.transforms.rand_augment import INTERPOLATIONS, RandAugment, RandAugmentDraw


def rule(text: str, interpolation: str = "bicubic", largest: int = 320) -> RandAugment:
    return RandAugment(text=RandAugmentText.read(text), interpolations=INTERPOLATIONS[interpolation], largest=largest)


def draws(text: str, count: int = 3000, interpolation: str = "bicubic") -> list[RandAugmentDraw]:
    rng = np.random.default_rng(0)
    made = rule(text, interpolation)
    return [made.draw(rng) for _ in range(count)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rand-m7-n4-mstd0.5-inc1", RandAugmentText(magnitude=7, count=4, spread=0.5, increasing=True)),
        ("rand-m9-mstd0.5-inc1", RandAugmentText(magnitude=9, spread=0.5, increasing=True)),
        ("rand", RandAugmentText(magnitude=10, count=2)),
        ("rand-n1-inc0", RandAugmentText(count=1)),
        ("rand-w0-n3", RandAugmentText(count=3, weighted=True)),
    ],
)
def test_text_says_how_many_operations_and_how_strong(text: str, expected: RandAugmentText) -> None:
    assert RandAugmentText.read(text) == expected


@pytest.mark.parametrize(
    "text",
    ["augmix-m3", "original", "v0", "rand-x3", "rand-m", "rand-m11", "rand-n2.5", "rand-n99", "rand-m3-m4", "rand-", "rand-w1",
     "rand-w0-n14", "RAND-m3"],
)  # fmt: skip
def test_other_texts_are_refused_with_one_that_is_right(text: str) -> None:
    with pytest.raises(ConfigError, match=r"AUG\.AA_TYPE = .*right would be: a text such as rand-m7-n4-mstd0.5-inc1"):
        load_config(overrides=["AUG.ENABLE", True, "AUG.AA_TYPE", text])


def test_half_of_the_operations_are_carried_out_and_all_kinds_come() -> None:
    found = draws("rand-m7-n4-mstd0.5-inc1")
    assert np.mean([len(draw.steps) for draw in found]) == pytest.approx(2, abs=0.1)
    names = [name for draw in found for name, _, _ in draw.steps]
    counts = np.array([names.count(name) for name in OPERATIONS])
    assert counts.min() > 0.7 * counts.mean()


def test_weighted_operations_come_as_often_as_their_weights_say_and_once_in_a_clip() -> None:
    found = draws("rand-m7-n1-w0", 6000)
    names = [name for draw in found for name, _, _ in draw.steps]
    assert set(names) <= set(WEIGHTS)
    assert names.count("Rotate") / len(names) == pytest.approx(0.3 / sum(WEIGHTS.values()), abs=0.03)
    for draw in draws("rand-m7-n6-w0", 100):
        drawn = [name for name, _, _ in draw.steps]
        assert len(set(drawn)) == len(drawn)


def test_magnitudes_are_spread_about_the_one_asked_for_and_half_are_negative() -> None:
    angles = np.array([step[1] for draw in draws("rand-m6-n4-mstd0.5") for step in draw.steps if step[0] == "Rotate"])
    assert np.abs(angles).mean() == pytest.approx(18, abs=0.2) and np.abs(angles).std() == pytest.approx(1.5, abs=0.2)
    assert (angles < 0).mean() == pytest.approx(0.5, abs=0.06)
    steady = {abs(step[1]) for draw in draws("rand-m6-n4", 300) for step in draw.steps if step[0] == "Rotate"}
    assert {round(angle, 9) for angle in steady} == {18.0}


@pytest.mark.parametrize(("name", "kinds"), [("bicubic", {cv2.INTER_CUBIC}), ("random", {cv2.INTER_LINEAR, cv2.INTER_CUBIC})])
def test_pixels_are_interpolated_as_asked(name: str, kinds: set[int]) -> None:
    assert {step[2] for draw in draws("rand-m6-n4", 100, name) for step in draw.steps} == kinds


def picture(height: int = 40, width: int = 60) -> Picture:
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_a_draw_does_the_same_to_every_picture_and_repeats_with_its_generator() -> None:
    made = rule("rand-m7-n4-mstd0.5-inc1")
    first, second = (made.draw(np.random.default_rng(3)) for _ in range(2))
    assert first == second and first.steps
    assert np.array_equal(first(picture()), second(picture()))
    assert np.array_equal(first(picture()), first(picture()))


def test_operations_follow_each_other_in_the_order_of_the_draw() -> None:
    draw = RandAugmentDraw(steps=(("Invert", 0.0, 1), ("SolarizeAdd", 50.0, 1)), largest=320)
    inverted = 255 - picture()
    assert np.array_equal(draw(picture()), np.where(inverted < 128, inverted + 50, inverted))


def test_large_pictures_are_reduced_first_and_others_keep_their_size() -> None:
    draw = RandAugmentDraw(steps=(("Invert", 0.0, 1),), largest=30)
    assert draw(picture(40, 60)).shape == (30, 45, 3)
    assert draw(picture(20, 60)).shape == (20, 60, 3)
    assert RandAugmentDraw(steps=(), largest=30)(picture(40, 60)).shape == (40, 60, 3)
