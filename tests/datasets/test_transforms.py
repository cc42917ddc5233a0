"""Views of pictures: places against the golden vectors, pixels against torch's bilinear interpolation."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from slowfast.datasets.transforms import CropFrames, FixedCrops, RandomCrop, ViewBox, scale_short_side, uniform_crop
from slowfast.datasets.transforms.geometry import render

GOLDEN = json.loads((Path(__file__).parents[1] / "data/golden/sampling.json").read_text())


@pytest.mark.parametrize(("height", "width", "size", "new_height", "new_width"), GOLDEN["short_side_scale"]["rows"])
def test_short_side_scale_matches_golden(height, width, size, new_height, new_width):
    assert scale_short_side(height, width, size) == (new_height, new_width)


@pytest.mark.parametrize(("height", "width", "scaled"), [(240, 320, (256, 341)), (360, 203, (453, 256))])
def test_long_side_is_rounded_down(height, width, scaled):
    assert scale_short_side(height, width, 256) == scaled


@pytest.mark.parametrize("row", GOLDEN["uniform_crop"]["rows"])
def test_uniform_crop_matches_golden(row):
    height, width, size, crop, top, left = row[:6]
    assert uniform_crop(height, width, size, crop) == (top, left)


def reference(image, box):
    """The same view by torch, in double precision, scaling the whole picture first."""
    whole = torch.from_numpy(image).permute(2, 0, 1)[None].double()
    scaled = torch.nn.functional.interpolate(whole, size=box.scaled, mode="bilinear", align_corners=False)
    view = scaled[0, :, box.top : box.top + box.shape[0], box.left : box.left + box.shape[1]].permute(1, 2, 0)
    return (view.flip(1) if box.flip else view).numpy()


@settings(max_examples=60, deadline=None)
@given(
    height=st.integers(20, 300),
    width=st.integers(20, 300),
    short_side=st.integers(32, 120),
    seed=st.integers(0, 1000),
    flip=st.booleans(),
)
def test_pixels_lie_next_to_those_of_exact_bilinear(height, width, short_side, seed, flip):
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    scaled = scale_short_side(height, width, short_side)
    top, left = (int(rng.integers(0, side - 32, endpoint=True)) for side in scaled)
    box = ViewBox(scaled=scaled, top=top, left=left, shape=(32, 32), flip=flip)
    out = np.empty((32, 32, 3), np.uint8)
    render(image, box, out)
    # OpenCV 4 reads at whole 1/32 pixels, so up to 1/64 beside the place along each axis; OpenCV 5 reads exactly there.
    limit = 1.0 if int(cv2.__version__.split(".")[0]) >= 5 else 1.0 + 2 * 255 / 64
    assert np.abs(out - reference(image, box)).max() <= limit


def test_picture_of_the_right_size_is_cut_out_unchanged():
    image = np.random.default_rng(0).integers(0, 256, (64, 90, 3), dtype=np.uint8)
    out = np.empty((64, 64, 3), np.uint8)
    CropFrames(FixedCrops(size=64, num_crops=3).draw(2, np.random.default_rng(0)))(image, out)
    assert np.array_equal(out, image[:, 26:])


def test_a_single_crop_is_the_middle_one():
    rng = np.random.default_rng(0)
    single = FixedCrops(size=64).draw(0, rng).box(64, 100)
    assert single == FixedCrops(size=64, num_crops=3).draw(1, rng).box(64, 100)
    assert single.left == 18


def random_boxes(rule, count=2000, height=240, width=320):
    rng = np.random.default_rng(3)
    return [rule.draw(0, rng).box(height, width) for _ in range(count)]


def test_random_crops_stay_inside_and_half_are_mirrored():
    boxes = random_boxes(RandomCrop(smallest=256, largest=320, size=224, inverse=False, flip=True))
    sides = [box.scaled[0] for box in boxes]
    assert (min(sides), max(sides)) == (256, 320)
    assert all(0 <= box.top < box.scaled[0] - 224 and 0 <= box.left < box.scaled[1] - 224 for box in boxes)
    assert min(box.top for box in boxes) == 0
    assert 0.45 < np.mean([box.flip for box in boxes]) < 0.55


def test_inverse_draw_prefers_small_sides():
    def mean(inverse):
        rule = RandomCrop(smallest=100, largest=400, size=90, inverse=inverse, flip=False)
        return np.mean([box.scaled[0] for box in random_boxes(rule)])

    # The mean of 1/u with u uniform in [1/b, 1/a] is log(b/a) * a * b / (b - a).
    assert mean(inverse=True) == pytest.approx(np.log(4) * 400 / 3, rel=0.03)
    assert mean(inverse=False) == pytest.approx(250, rel=0.03)


def test_no_random_choice_is_left_when_the_crop_is_the_whole_picture():
    boxes = random_boxes(RandomCrop(smallest=64, largest=64, size=64, inverse=True, flip=False), 20, 64, 64)
    assert set(boxes) == {ViewBox(scaled=(64, 64), top=0, left=0, shape=(64, 64))}
