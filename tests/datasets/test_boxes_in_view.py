"""Boxes stay on what they were drawn around, whatever part of the picture is shown."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slowfast.datasets.transforms import FixedCrops, RandomCrop, ViewBox, WholePicture, boxes_in_view, scale_short_side
from slowfast.datasets.transforms.geometry import render

RULES = {
    "train": RandomCrop(smallest=64, largest=96, size=56, inverse=True, flip=True),
    "val": FixedCrops(size=64),
    "flipped": FixedCrops(size=64, flip=True),
    "test": WholePicture(short_side=64),
    "flipped_test": WholePicture(short_side=64, flip=True),
}


@settings(max_examples=80, deadline=None)
@given(
    rule=st.sampled_from(sorted(RULES)),
    height=st.integers(60, 200),
    width=st.integers(60, 200),
    corners=st.tuples(*[st.floats(0, 1)] * 4),
    seed=st.integers(0, 1000),
)
def test_box_covers_the_pixels_of_its_person(rule, height, width, corners, seed):
    (left, right), (top, bottom) = sorted(corners[::2]), sorted(corners[1::2])
    box = np.array([[left, top, right, bottom]]) * [width, height, width, height]
    columns, rows = slice(*np.round(box[0, ::2]).astype(int)), slice(*np.round(box[0, 1::2]).astype(int))
    image = np.zeros((height, width, 3), np.uint8)
    image[rows, columns] = 255
    fractions = np.array([[columns.start / width, rows.start / height, columns.stop / width, rows.stop / height]])

    view = RULES[rule].draw(0, np.random.default_rng(seed)).box(height, width)
    out = np.empty((*view.shape, 3), np.uint8)
    render(image, view, out)
    x1, y1, x2, y2 = boxes_in_view(fractions, view, height, width)[0]
    assert 0 <= x1 <= x2 <= view.shape[1] - 1
    assert 0 <= y1 <= y2 <= view.shape[0] - 1
    ys, xs = np.nonzero(out[..., 0] > 127)
    if len(ys):
        # Corners are grid places, pixels are areas, and the long side is rounded down: a pixel and its scale apart at most.
        slack = 1.5 + max(view.scaled) / max(height, width) * 1.5
        assert np.abs([x1 - xs.min(), y1 - ys.min(), x2 - xs.max(), y2 - ys.max()]).max() <= slack


def test_numbers_follow_the_reference():
    # 320 x 240 at short side 256: 341 x 256, factor 341 / 320 on both axes.
    view = ViewBox(scaled=(256, 341), top=10, left=20, shape=(224, 224), flip=False)
    fractions = np.array([[0.25, 0.25, 0.5, 0.75]])
    factor = 341 / 320
    expected = np.array([80 * factor - 20, 60 * factor - 10, 160 * factor - 20, 180 * factor - 10])
    np.testing.assert_allclose(boxes_in_view(fractions, view, 240, 320)[0], expected, rtol=1e-6)
    flipped = ViewBox(scaled=(256, 341), top=10, left=20, shape=(224, 224), flip=True)
    mirrored = [223 - expected[2], expected[1], 223 - expected[0], expected[3]]
    np.testing.assert_allclose(boxes_in_view(fractions, flipped, 240, 320)[0], mirrored, rtol=1e-6)


def test_boxes_are_cut_to_the_picture_before_they_are_scaled():
    view = ViewBox(scaled=(240, 320), top=0, left=0, shape=(240, 320))
    assert boxes_in_view(np.array([[-0.1, -0.5, 1.0, 1.5]]), view, 240, 320).tolist() == [[0, 0, 319, 239]]


def test_a_box_outside_of_the_view_becomes_a_line_or_a_point_on_its_border():
    view = ViewBox(scaled=(100, 200), top=0, left=100, shape=(100, 100))
    boxes = boxes_in_view(np.array([[0.1, 0.2, 0.3, 0.6], [0.0, 0.0, 0.0, 0.0]]), view, 100, 200)
    assert boxes.tolist() == [[0, 20, 0, 60], [0, 0, 0, 0]]


@pytest.mark.parametrize("flip", [False, True])
def test_whole_pictures_keep_all_that_they_show(flip):
    view = WholePicture(short_side=64, flip=flip).draw(0, np.random.default_rng(0)).box(90, 160)
    assert view == ViewBox(scaled=(64, 113), top=0, left=0, shape=(64, 113), flip=flip)


@given(height=st.integers(1, 700), width=st.integers(1, 700))
def test_a_picture_whose_short_side_fits_keeps_its_size(height, width):
    assert scale_short_side(height, width, min(height, width)) == (height, width)
    assert math.floor(width / height * height) in (width, width - 1)  # which is why that is no matter of course
