"""Operations on whole pictures that RandAugment draws from (Cubuk et al., arXiv:1909.13719).

A picture is uint8 (H, W, 3), RGB. Each operation returns a new one of the same shape, and is what Pillow computes for the same
numbers, but for rounding. Statistics (the range of colours, their histogram, the mean grey) are those of the picture.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from slowfast.datasets.transforms.colour import GREY

Picture = NDArray[np.uint8]
FILL = 128
"""What comes into view from beyond the border of a picture."""

VALUES = np.arange(256)

SMOOTH = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]]) / 13
"""What sharpness is told from."""


@dataclass(frozen=True, slots=True)
class Operation:
    """change: (picture, strength, OpenCV's number of an interpolation) -> picture. strength: of a magnitude from 0 to 1 and a
    sign, 1 or -1. increasing: the same where more magnitude has to mean more change; None: `strength` does that already."""

    change: Callable[[Picture, float, int], Picture]
    strength: Callable[[float, int], float] = lambda magnitude, sign: 0.0
    increasing: Callable[[float, int], float] | None = None

    def strength_at(self, magnitude: float, sign: int, *, increasing: bool) -> float:
        strength = self.increasing if increasing and self.increasing is not None else self.strength
        return strength(magnitude, sign)


def _by_table(picture: Picture, table: NDArray[Any]) -> Picture:
    """table: the new value of each old one, (256,), or (256, 3) where channels differ; cut to 0 .. 255 and rounded down."""
    cut = np.clip(table, 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(picture, cut[None] if cut.ndim == 2 else cut), np.uint8)


def _histograms(picture: Picture) -> NDArray[np.int64]:
    """(256, 3): how often each value comes in each channel."""
    counts = [cv2.calcHist([picture], [channel], None, [256], [0, 256]).ravel() for channel in range(3)]
    return np.stack(counts, axis=1).astype(np.int64)


def auto_contrast(picture: Picture, strength: float, interpolation: int) -> Picture:
    """Stretches the range of each channel to 0 .. 255."""
    used = _histograms(picture) > 0
    low, high = used.argmax(axis=0), 255 - used[::-1].argmax(axis=0)
    scale = 255 / np.maximum(high - low, 1)
    stretched = (VALUES[:, None] - low) * scale + 1e-9  # a whole number may be missed from below
    return _by_table(picture, np.where(high > low, stretched, VALUES[:, None]))


def equalize(picture: Picture, strength: float, interpolation: int) -> Picture:
    """Spreads the values of each channel so that all are about as frequent."""
    table = np.repeat(VALUES[:, None], 3, axis=1)
    for channel, counts in enumerate(_histograms(picture).T):
        used = np.flatnonzero(counts)
        step = (counts.sum() - counts[used[-1]]) // 255
        if len(used) > 1 and step:
            table[:, channel] = (step // 2 + np.cumsum(counts) - counts) // step
    return _by_table(picture, table)


def invert(picture: Picture, strength: float, interpolation: int) -> Picture:
    return 255 - picture


def posterize(picture: Picture, strength: float, interpolation: int) -> Picture:
    """strength: bits that are kept, the highest."""
    return picture & np.uint8(256 - 2 ** (8 - int(strength)))


def solarize(picture: Picture, strength: float, interpolation: int) -> Picture:
    """Inverts values from `strength` on."""
    return _by_table(picture, np.where(strength > VALUES, VALUES, 255 - VALUES))


def solarize_add(picture: Picture, strength: float, interpolation: int) -> Picture:
    """Adds `strength` to values below 128."""
    return _by_table(picture, np.where(VALUES < 128, VALUES + int(strength), VALUES))


def brightness(picture: Picture, strength: float, interpolation: int) -> Picture:
    return _by_table(picture, VALUES * strength)


def contrast(picture: Picture, strength: float, interpolation: int) -> Picture:
    """Values move away from, or to, the mean grey."""
    mean = math.floor(float(GREY @ np.array(cv2.mean(picture)[:3])) + 0.5)
    return _by_table(picture, mean + (VALUES - mean) * strength)


def colour(picture: Picture, strength: float, interpolation: int) -> Picture:
    """Colours move away from, or to, their own grey."""
    return np.asarray(cv2.transform(picture, strength * np.eye(3) + (1 - strength) * GREY), np.uint8)


def sharpness(picture: Picture, strength: float, interpolation: int) -> Picture:
    """Pixels move away from, or to, the mean of those around them; the outermost stay."""
    smooth = cv2.filter2D(picture, -1, SMOOTH)
    changed = np.asarray(cv2.addWeighted(picture, strength, smooth, 1 - strength, 0), np.uint8)
    for edge in (np.s_[:1], np.s_[-1:], np.s_[:, :1], np.s_[:, -1:]):
        changed[edge] = picture[edge]
    return changed


def _moved(picture: Picture, matrix: NDArray[np.float64], interpolation: int) -> Picture:
    """matrix: (2, 3), from a place in the new picture to that in the old one, on axes x, y whose origin is the corner of the
    picture, so that the centre of the first pixel lies at 1/2, 1/2."""
    pixels = matrix.copy()
    pixels[:, 2] += matrix[:, :2] @ [0.5, 0.5] - 0.5
    flags = interpolation | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(picture, pixels, picture.shape[1::-1], flags=flags, borderValue=(FILL,) * 3)
    return np.asarray(moved, np.uint8)


def shear_x(picture: Picture, strength: float, interpolation: int) -> Picture:
    return _moved(picture, np.array([[1, strength, 0], [0, 1.0, 0]]), interpolation)


def shear_y(picture: Picture, strength: float, interpolation: int) -> Picture:
    return _moved(picture, np.array([[1.0, 0, 0], [strength, 1, 0]]), interpolation)


def translate_x(picture: Picture, strength: float, interpolation: int) -> Picture:
    """strength: a share of the width."""
    return _moved(picture, np.array([[1, 0, strength * picture.shape[1]], [0, 1.0, 0]]), interpolation)


def translate_y(picture: Picture, strength: float, interpolation: int) -> Picture:
    """strength: a share of the height."""
    return _moved(picture, np.array([[1.0, 0, 0], [0, 1, strength * picture.shape[0]]]), interpolation)


def rotate(picture: Picture, strength: float, interpolation: int) -> Picture:
    """strength: degrees, counter-clockwise about the middle."""
    cos, sin = math.cos(math.radians(strength)), math.sin(math.radians(strength))
    turn, middle = np.array([[cos, -sin], [sin, cos]]), np.array(picture.shape[1::-1]) / 2
    return _moved(picture, np.column_stack([turn, middle - turn @ middle]), interpolation)


def _enhanced(magnitude: float, sign: int) -> float:
    return 0.1 + 1.8 * magnitude


def _enhanced_more(magnitude: float, sign: int) -> float:
    return 1 + 0.9 * sign * magnitude


OPERATIONS: dict[str, Operation] = {
    "AutoContrast": Operation(auto_contrast),
    "Equalize": Operation(equalize),
    "Invert": Operation(invert),
    "Rotate": Operation(rotate, lambda magnitude, sign: 30 * sign * magnitude),
    "Posterize": Operation(
        posterize, lambda magnitude, sign: int(4 * magnitude), lambda magnitude, sign: 4 - int(4 * magnitude)
    ),
    "Solarize": Operation(
        solarize, lambda magnitude, sign: int(256 * magnitude), lambda magnitude, sign: 256 - int(256 * magnitude)
    ),
    "SolarizeAdd": Operation(solarize_add, lambda magnitude, sign: int(110 * magnitude)),
    "Color": Operation(colour, _enhanced, _enhanced_more),
    "Contrast": Operation(contrast, _enhanced, _enhanced_more),
    "Brightness": Operation(brightness, _enhanced, _enhanced_more),
    "Sharpness": Operation(sharpness, _enhanced, _enhanced_more),
    "ShearX": Operation(shear_x, lambda magnitude, sign: 0.3 * sign * magnitude),
    "ShearY": Operation(shear_y, lambda magnitude, sign: 0.3 * sign * magnitude),
    "TranslateX": Operation(translate_x, lambda magnitude, sign: 0.45 * sign * magnitude),
    "TranslateY": Operation(translate_y, lambda magnitude, sign: 0.45 * sign * magnitude),
}
"""By the names of the paper."""

WEIGHTS = {
    "Rotate": 0.3, "ShearX": 0.2, "ShearY": 0.2, "TranslateX": 0.1, "TranslateY": 0.1, "Color": 0.025, "Sharpness": 0.025,
    "AutoContrast": 0.025, "Solarize": 0.005, "SolarizeAdd": 0.005, "Contrast": 0.005, "Brightness": 0.005, "Equalize": 0.005,
}  # fmt: skip
"""How often operations are drawn where they are weighted (w0); others are not."""
