"""Each operation on pictures computes what Pillow computes for the same numbers, which is how RandAugment defined it."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageEnhance, ImageOps

from slowfast.config.rand_augment import MOST_WEIGHTED
from slowfast.datasets.transforms.operations import FILL, OPERATIONS, WEIGHTS, Picture

Pillow = Callable[[Image.Image, float], Image.Image]


def affine(*numbers: float) -> Callable[[Image.Image], Image.Image]:
    fill = (FILL,) * 3
    return lambda image: image.transform(
        image.size, Image.Transform.AFFINE, numbers, resample=Image.Resampling.BILINEAR, fillcolor=fill
    )


def solarize_add(image: Image.Image, add: float) -> Image.Image:
    return image.point([min(255, value + int(add)) if value < 128 else value for value in range(256)] * 3)


PILLOW: dict[str, Pillow] = {
    "AutoContrast": lambda image, _: ImageOps.autocontrast(image),
    "Equalize": lambda image, _: ImageOps.equalize(image),
    "Invert": lambda image, _: ImageOps.invert(image),
    "Posterize": lambda image, bits: ImageOps.posterize(image, int(bits)),
    "Solarize": lambda image, threshold: ImageOps.solarize(image, int(threshold)),
    "SolarizeAdd": solarize_add,
    "Color": lambda image, factor: ImageEnhance.Color(image).enhance(factor),
    "Contrast": lambda image, factor: ImageEnhance.Contrast(image).enhance(factor),
    "Brightness": lambda image, factor: ImageEnhance.Brightness(image).enhance(factor),
    "Sharpness": lambda image, factor: ImageEnhance.Sharpness(image).enhance(factor),
    "Rotate": lambda image, degrees: image.rotate(degrees, Image.Resampling.BILINEAR, fillcolor=(FILL,) * 3),
    "ShearX": lambda image, factor: affine(1, factor, 0, 0, 1, 0)(image),
    "ShearY": lambda image, factor: affine(1, 0, 0, factor, 1, 0)(image),
    "TranslateX": lambda image, share: affine(1, 0, share * image.width, 0, 1, 0)(image),
    "TranslateY": lambda image, share: affine(1, 0, 0, 0, 1, share * image.height)(image),
}
MOVES = ("Rotate", "ShearX", "ShearY", "TranslateX", "TranslateY")
TABLES = ("Equalize", "Invert", "Posterize", "Solarize", "SolarizeAdd")
"""Those that replace each value by another: nothing is rounded differently."""


def noise(seed: int, height: int = 37, width: int = 53, low: int = 0, high: int = 256) -> Picture:
    return np.random.default_rng(seed).integers(low, high, (height, width, 3), dtype=np.uint8)


def smooth(seed: int) -> Picture:
    coarse = np.random.default_rng(seed).uniform(40, 220, (4, 5, 3)).astype(np.float32)
    return np.clip(cv2.resize(coarse, (64, 48), interpolation=cv2.INTER_CUBIC), 0, 255).astype(np.uint8)


def strengths(name: str) -> list[float]:
    operation = OPERATIONS[name]
    cases = [(magnitude, sign) for magnitude in (0.0, 0.33, 0.7, 1.0) for sign in (1, -1)]
    return sorted({operation.strength_at(*case, increasing=increasing) for case in cases for increasing in (False, True)})


@pytest.mark.parametrize("name", TABLES)
@given(seed=st.integers(0, 50), low=st.integers(0, 100), spread=st.integers(1, 156))
def test_replaced_values_are_pillows_to_the_last_one(name: str, seed: int, low: int, spread: int) -> None:
    picture = noise(seed, low=low, high=low + spread)
    for strength in strengths(name):
        if name == "Posterize" and strength == 0:  # nothing is left of the picture, which Pillow refuses in some versions
            assert not OPERATIONS[name].change(picture, strength, cv2.INTER_LINEAR).any()
            continue
        expected = np.asarray(PILLOW[name](Image.fromarray(picture), strength))
        assert np.array_equal(OPERATIONS[name].change(picture, strength, cv2.INTER_LINEAR), expected), strength


@pytest.mark.parametrize("name", ["AutoContrast", "Color", "Contrast", "Brightness", "Sharpness"])
@given(seed=st.integers(0, 50))
def test_stretched_and_blended_colours_are_pillows_but_for_rounding(name: str, seed: int) -> None:
    picture = noise(seed)
    for strength in strengths(name):
        expected = np.asarray(PILLOW[name](Image.fromarray(picture), strength)).astype(int)
        found = OPERATIONS[name].change(picture, strength, cv2.INTER_LINEAR).astype(int)
        assert np.abs(found - expected).max() <= 2, strength


@pytest.mark.parametrize("name", MOVES)
@pytest.mark.parametrize("interpolation", [cv2.INTER_LINEAR, cv2.INTER_CUBIC])
def test_moved_pixels_lie_where_pillow_moves_them(name: str, interpolation: int) -> None:
    picture = smooth(0)
    for strength in strengths(name):
        expected = np.asarray(PILLOW[name](Image.fromarray(picture), strength)).astype(int)
        found = OPERATIONS[name].change(picture, strength, interpolation).astype(int)
        # Beyond the border, and on both sides of it, values are those of the fill or a mixture with it.
        inside = cv2.erode((np.abs(expected - FILL).max(-1) > 0).astype(np.uint8), np.ones((5, 5)), borderValue=0).astype(bool)
        assert inside.mean() > 0.2
        assert np.abs(found - expected)[inside].max() <= 4, strength
        outside = cv2.erode((expected == FILL).all(-1).astype(np.uint8), np.ones((5, 5))).astype(bool)
        assert (found[outside] == FILL).all()


def test_a_picture_of_one_colour_survives_what_stretches_its_range() -> None:
    flat = np.full((5, 6, 3), 77, np.uint8)
    for name in ("AutoContrast", "Equalize", "Contrast", "Sharpness"):
        assert np.array_equal(OPERATIONS[name].change(flat, 1.5, cv2.INTER_LINEAR), flat), name


@pytest.mark.parametrize("name", OPERATIONS)
def test_pictures_keep_their_shape_and_what_was_read_is_left_alone(name: str) -> None:
    picture = noise(1)
    before = picture.copy()
    picture.flags.writeable = False
    changed = OPERATIONS[name].change(picture, strengths(name)[-1], cv2.INTER_CUBIC)
    assert changed.shape == picture.shape and changed.dtype == np.uint8
    assert np.array_equal(picture, before)


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("Rotate", -30, 30), ("Posterize", 0, 4), ("Solarize", 0, 256), ("SolarizeAdd", 0, 110), ("Color", 0.1, 1.9),
        ("Contrast", 0.1, 1.9), ("Brightness", 0.1, 1.9), ("Sharpness", 0.1, 1.9), ("ShearX", -0.3, 0.3),
        ("ShearY", -0.3, 0.3), ("TranslateX", -0.45, 0.45), ("TranslateY", -0.45, 0.45),
    ],
)  # fmt: skip
def test_strengths_reach_the_ends_of_their_ranges_and_no_farther(name: str, low: float, high: float) -> None:
    found = strengths(name)
    assert found[0] == pytest.approx(low) and found[-1] == pytest.approx(high)


@pytest.mark.parametrize("name", ["Posterize", "Solarize", "Color", "Contrast", "Brightness", "Sharpness"])
@pytest.mark.parametrize("sign", [1, -1])
def test_increasing_operations_change_more_at_a_higher_magnitude(name: str, sign: int) -> None:
    picture = smooth(3).astype(int)

    def change(magnitude: float) -> float:
        operation = OPERATIONS[name]
        strength = operation.strength_at(magnitude, sign, increasing=True)
        changed = operation.change(picture.astype(np.uint8), strength, cv2.INTER_LINEAR)
        return float(np.abs(changed.astype(int) - picture).mean())

    changes = [change(magnitude) for magnitude in (0.0, 0.5, 1.0)]
    assert changes[0] <= changes[1] <= changes[2] and changes[2] > changes[0]


def test_weights_are_of_operations_that_there_are() -> None:
    assert set(WEIGHTS) < set(OPERATIONS)
    assert sum(WEIGHTS.values()) <= 1.0 and len(WEIGHTS) == MOST_WEIGHTED
