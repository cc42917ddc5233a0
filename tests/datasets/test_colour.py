"""Changes of colour, against the same steps taken one after the other in floats."""

import numpy as np
import pytest

from slowfast.config import load_config
from slowfast.datasets.transforms import ClipColours, ColourJitter, Unchanged
from slowfast.datasets.transforms.colour import ClipColoursDraw

EIGENVALUES = np.array([0.225, 0.224, 0.229])
EIGENVECTORS = np.array([[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]])


def picture(seed=0):
    """Colours from the middle of the range, so that no step leaves it."""
    return np.random.default_rng(seed).integers(90, 130, (12, 20, 3)).astype(np.uint8)


def grey(image):
    return (image @ [0.299, 0.587, 0.114])[..., None]


def step_by_step(image, draw):
    """As PySlowFast does it, on floats in [0, 1]."""
    image = image / 255.0
    for name, factor in draw.steps:
        other = {"brightness": 0.0, "contrast": grey(image).mean(), "saturation": grey(image)}[name]
        image = factor * image + (1 - factor) * other
    return 255 * image + draw.shift


@pytest.mark.parametrize("seed", range(12))
def test_one_matrix_does_what_the_steps_do_one_after_the_other(seed):
    cfg = load_config(overrides=["AVA.TRAIN_PCA_JITTER_ONLY", False])
    draw = ColourJitter.from_cfg(cfg).draw(np.random.default_rng(seed))
    image = picture(seed)
    expected = step_by_step(image, draw)
    draw(image)
    assert sorted(name for name, _ in draw.steps) == ["brightness", "contrast", "saturation"]
    assert np.abs(image - expected).max() <= 0.7  # half a level by rounding, a bit more since OpenCV's numbers are short


def test_steps_come_in_any_order_with_factors_from_06_to_14():
    rule = ColourJitter.from_cfg(load_config(overrides=["AVA.TRAIN_PCA_JITTER_ONLY", False]))
    draws = [rule.draw(np.random.default_rng(seed)) for seed in range(200)]
    assert len({tuple(name for name, _ in draw.steps) for draw in draws}) == 6
    factors = np.array([factor for draw in draws for _, factor in draw.steps])
    assert 0.6 <= factors.min() < 0.61
    assert 1.39 < factors.max() <= 1.4


def test_pca_jitter_shifts_all_pixels_alike_by_the_drawn_amount():
    draw = ColourJitter.from_cfg(load_config()).draw(np.random.default_rng(5))
    amounts = np.random.default_rng(5).normal(0, 0.1, 3)
    expected = 255 * EIGENVECTORS @ (amounts * EIGENVALUES)
    assert draw.steps == ()
    image = picture()
    before = image.astype(float)
    draw(image)
    assert np.abs(image - before - expected).max() <= 0.7


def test_colours_stay_within_8_bits():
    rule = ColourJitter(spread=np.full((3, 3), 100.0), full=False)
    image = picture()
    rule.draw(np.random.default_rng(0))(image)
    assert set(np.unique(image)) <= {0, 255}


def test_bgr_swaps_the_channels_after_all_else():
    plain, swapped = (
        ColourJitter.from_cfg(load_config(overrides=["AVA.BGR", bgr])).draw(np.random.default_rng(1)) for bgr in (False, True)
    )
    first, second = picture(), picture()
    plain(first)
    swapped(second)
    assert (first == second[..., ::-1]).all()
    third = picture()
    Unchanged(bgr=True)(third)
    assert (third == picture()[..., ::-1]).all()


def test_unchanged_colours_are_unchanged():
    image = picture()
    Unchanged().draw(np.random.default_rng(0))(image)
    assert (image == picture()).all()


SSL = ["DATA.SSL_COLOR_JITTER", True, "DATA.SSL_COLOR_BRI_CON_SAT", [0.2, 0.3, 0.4], "DATA.SSL_COLOR_HUE", 0.1]


def clip_colours(*options):
    return ClipColours.from_cfg(load_config(overrides=[*SSL, *options]), "train")


def only(name, factor):
    """The draw that does one thing; the hue must be named."""
    return ClipColoursDraw(((name, factor), ("hue", 0.0)) if name != "hue" else (("hue", factor),))


def test_clips_change_colours_in_training_alone_and_only_where_asked():
    cfg = load_config(overrides=SSL)
    assert isinstance(ClipColours.from_cfg(cfg, "train"), ClipColours)
    assert ClipColours.from_cfg(cfg, "val") == ClipColours.from_cfg(load_config(), "train") == Unchanged()


def test_factors_of_clips_stay_within_their_strengths_and_come_in_any_order():
    draws = [clip_colours().draw(np.random.default_rng(seed)) for seed in range(300)]
    for name, middle, reach in (("brightness", 1, 0.2), ("contrast", 1, 0.3), ("saturation", 1, 0.4), ("hue", 0, 0.1)):
        values = np.array([dict(draw.steps)[name] for draw in draws])
        assert np.abs(values - middle).max() <= reach
        assert np.ptp(values) > 1.9 * reach
    assert len({tuple(name for name, _ in draw.steps) for draw in draws}) == 24


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_the_share_of_grey_clips_is_that_of_the_config(share):
    rule = clip_colours("DATA.COLOR_RND_GRAYSCALE", share)
    grey_clips = 0
    for seed in range(200):
        image = np.random.default_rng(seed).integers(60, 190, (6, 8, 3)).astype(np.uint8)
        rule.draw(np.random.default_rng(seed))(image)
        grey_clips += np.ptp(image.astype(int), axis=2).max() <= 1
    assert abs(grey_clips / 200 - share) < 0.08


def test_hues_turn_by_the_angle_and_leave_brightness_and_grey_alone():
    image = np.array([[[200, 40, 40], [40, 200, 40], [90, 90, 90]]], np.uint8)
    only("hue", 1 / 3)(image)
    assert np.abs(image.astype(int) - [[[40, 200, 40], [40, 40, 200], [90, 90, 90]]]).max() <= 4
    image = picture()
    before = image.copy()
    only("hue", 0.0)(image)
    assert np.abs(image.astype(int) - before).max() <= 2  # rounding of hues


def test_contrast_and_saturation_are_about_the_same_greys_as_in_the_other_jitter():
    image = picture()
    expected = 1.3 * image + (1 - 1.3) * grey(image)
    only("saturation", 1.3)(image)
    assert np.abs(image - expected).max() <= 3


def test_all_frames_of_a_clip_change_alike():
    draw = clip_colours().draw(np.random.default_rng(3))
    first, second = picture(), picture()
    draw(first)
    draw(second)
    assert (first == second).all()
    assert (first != picture()).any()
