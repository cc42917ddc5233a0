"""Crops by area and shape: within the picture, in the ranges asked for, and showing what they say they show."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from slowfast.config import ConfigError, load_config
from slowfast.datasets.transforms import CropFrames, RandomCrop, RelativeCrop, random_crops

RULE = RelativeCrop(areas=(0.08, 1.0), aspects=(0.75, 4 / 3), size=48, flip=True)
RANGES = ("DATA.TRAIN_JITTER_SCALES_RELATIVE", [0.08, 1.0], "DATA.TRAIN_JITTER_ASPECT_RELATIVE", [0.75, 1.3333])


@given(st.integers(1, 400), st.integers(1, 400), st.integers(0, 1000))
def test_parts_lie_within_pictures_of_any_size(height: int, width: int, seed: int) -> None:
    top, left, rows, columns = RULE.draw(0, np.random.default_rng(seed)).part(height, width)
    assert 0 <= top and 0 <= left and rows >= 1 and columns >= 1
    assert top + rows <= height and left + columns <= width


def parts(rule: RelativeCrop, height: int, width: int, count: int = 2000) -> np.ndarray:
    rng = np.random.default_rng(5)
    return np.array([rule.draw(0, rng).part(height, width) for _ in range(count)], float)


def test_areas_and_shapes_are_those_asked_for() -> None:
    rule = RelativeCrop(areas=(0.1, 0.5), aspects=(0.5, 2.0), size=48, flip=False)
    found = parts(rule, 400, 400)
    areas, aspects = found[:, 2] * found[:, 3] / 400**2, found[:, 3] / found[:, 2]
    assert areas.min() == pytest.approx(0.1, abs=0.01) and areas.max() == pytest.approx(0.5, abs=0.01)
    assert areas.mean() == pytest.approx(0.3, abs=0.01)
    assert aspects.min() >= 0.49 and aspects.max() <= 2.05
    assert np.log(aspects).mean() == pytest.approx(0, abs=0.03)


def test_parts_are_spread_over_all_places_first_and_last_included() -> None:
    rule = RelativeCrop(areas=(0.25, 0.25), aspects=(1.0, 1.0), size=48, flip=False)
    found = parts(rule, 8, 8)
    assert set(found[:, 0]) == set(found[:, 1]) == set(range(5))


@pytest.mark.parametrize(
    ("height", "width", "expected"), [(40, 400, (0, 173, 40, 53)), (400, 40, (173, 0, 53, 40)), (50, 50, (0, 0, 50, 50))]
)
def test_middle_is_taken_where_no_shape_fits(height: int, width: int, expected: tuple[int, ...]) -> None:
    rule = RelativeCrop(areas=(1.0, 1.0), aspects=(0.75, 4 / 3), size=48, flip=False)
    draw = rule.draw(0, np.random.default_rng(0))
    assert draw._middle(height, width) == expected
    if height != width:
        assert draw.part(height, width) == expected


@given(st.integers(0, 300))
def test_pixels_are_those_of_the_part_scaled_to_the_square(seed: int) -> None:
    rng = np.random.default_rng(seed)
    # Smooth, so that what OpenCV reads beside the exact place is close to it.
    coarse = torch.from_numpy(rng.uniform(0, 255, (1, 3, 5, 6)))
    image = functional.interpolate(coarse, size=(90, 120), mode="bicubic").clamp(0, 255)
    picture = image[0].permute(1, 2, 0).round().to(torch.uint8).numpy()
    draw = RULE.draw(0, rng)
    top, left, rows, columns = draw.part(90, 120)
    out = np.empty((48, 48, 3), np.uint8)
    CropFrames(draw)(picture, out)
    part = torch.from_numpy(picture[top : top + rows, left : left + columns]).permute(2, 0, 1)[None].double()
    expected = functional.interpolate(part, size=(48, 48), mode="bilinear", align_corners=False)[0].permute(1, 2, 0)
    expected = expected.flip(1) if draw.flip else expected
    # A border pixel may see what lies beside the part, which torch's interpolation of the part does not know.
    assert np.abs(out[1:-1, 1:-1] - expected.numpy()[1:-1, 1:-1]).max() <= 3


def test_half_of_the_crops_are_mirrored_on_request() -> None:
    rng = np.random.default_rng(0)
    share = np.mean([RULE.draw(0, rng).flip for _ in range(1000)])
    assert 0.45 < share < 0.55


@pytest.mark.parametrize(("split", "kind"), [("train", RelativeCrop), ("val", RandomCrop)])
def test_only_training_has_relative_crops(split: str, kind: type) -> None:
    assert isinstance(random_crops(load_config(overrides=RANGES), split), kind)
    assert isinstance(random_crops(load_config(), split), RandomCrop)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (RANGES[:2], r"DATA\.TRAIN_JITTER_ASPECT_RELATIVE = \[\]: .*need both"),
        (RANGES[2:], r"DATA\.TRAIN_JITTER_SCALES_RELATIVE = \[\]: .*need both"),
        ((*RANGES[2:], RANGES[0], [1.0, 0.5]), "not a range"),
        ((*RANGES[2:], RANGES[0], [0.5]), "not a range"),
        ((*RANGES[2:], RANGES[0], [0.5, 1.5]), "from 0|above 0"),
        ((*RANGES, "DETECTION.ENABLE", True), r"DATA\.TRAIN_JITTER_SCALES_RELATIVE .*boxes of persons"),
    ],
)
def test_ranges_that_are_none_are_refused(options: tuple[Any, ...], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        load_config(overrides=options)
