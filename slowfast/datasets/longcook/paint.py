"""A canvas with anti-aliased shapes.

Shapes are given in pixels of the finished picture, as fractions if need be. They are painted SCALE times as large and averaged
down at the end, which smooths every edge at less cost than OpenCV's own anti-aliasing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

WIDTH, HEIGHT = 96, 72
SCALE = 3
_FRACTION_BITS = 4
_UNIT = SCALE << _FRACTION_BITS

Colour = tuple[int, int, int]
Point = tuple[float, float]


def tone(colour: Colour, factor: float) -> Colour:
    """Lighter (factor > 1) or darker colour."""
    red, green, blue = (min(255, round(channel * factor)) for channel in colour)
    return red, green, blue


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """`share` of the second colour in the first."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def hue(turn: float, saturation: float, value: float) -> Colour:
    """RGB of a hue given in turns (0 red, 1/3 green, 2/3 blue), saturation and value in [0, 1]."""
    corners = ((shift + 6 * turn) % 6 for shift in (5, 3, 1))
    red, green, blue = (round(255 * value * (1 - saturation * max(0.0, min(k, 4 - k, 1.0)))) for k in corners)
    return red, green, blue


def _fixed(value: float) -> int:
    return round(value * _UNIT)


def _fixed_points(points: Sequence[Point]) -> np.ndarray:
    return np.array([(_fixed(x), _fixed(y)) for x, y in points], np.int32)


class Canvas:
    """Paints into `pixels`, uint8 (SCALE * HEIGHT, SCALE * WIDTH, 3), RGB."""

    def __init__(self, pixels: np.ndarray) -> None:
        self.pixels = pixels

    @classmethod
    def blank(cls) -> Canvas:
        return cls(np.zeros((SCALE * HEIGHT, SCALE * WIDTH, 3), np.uint8))

    def copy_from(self, other: Canvas) -> None:
        np.copyto(self.pixels, other.pixels)

    def picture(self) -> np.ndarray:
        """The finished picture, uint8 (HEIGHT, WIDTH, 3), RGB."""
        return cv2.resize(self.pixels, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)

    def disc(self, centre: Point, radius: float, colour: Colour) -> None:
        cv2.circle(self.pixels, (_fixed(centre[0]), _fixed(centre[1])), _fixed(radius), colour, -1, cv2.LINE_8, _FRACTION_BITS)

    def oval(self, centre: Point, radii: Point, colour: Colour, *, angle: float = 0.0, arc: Point = (0, 360)) -> None:
        """A filled ellipse; angle and arc in degrees, clockwise from the right (90 is down)."""
        cv2.ellipse(
            self.pixels, (_fixed(centre[0]), _fixed(centre[1])), (_fixed(radii[0]), _fixed(radii[1])),
            angle, arc[0], arc[1], colour, -1, cv2.LINE_8, _FRACTION_BITS,
        )  # fmt: skip

    def ring(self, centre: Point, radii: Point, width: float, colour: Colour, *, arc: Point = (0, 360)) -> None:
        """The outline of an ellipse, or of an arc of it."""
        cv2.ellipse(
            self.pixels, (_fixed(centre[0]), _fixed(centre[1])), (_fixed(radii[0]), _fixed(radii[1])),
            0, arc[0], arc[1], colour, max(1, round(width * SCALE)), cv2.LINE_8, _FRACTION_BITS,
        )  # fmt: skip

    def box(self, corner: Point, opposite: Point, colour: Colour) -> None:
        start, end = (_fixed(corner[0]), _fixed(corner[1])), (_fixed(opposite[0]), _fixed(opposite[1]))
        cv2.rectangle(self.pixels, start, end, colour, -1, cv2.LINE_8, _FRACTION_BITS)

    def polygon(self, points: Sequence[Point], colour: Colour) -> None:
        cv2.fillPoly(self.pixels, [_fixed_points(points)], colour, cv2.LINE_8, _FRACTION_BITS)

    def line(self, points: Sequence[Point], width: float, colour: Colour) -> None:
        """A line with round ends through the points."""
        thickness = max(1, round(width * SCALE))
        cv2.polylines(self.pixels, [_fixed_points(points)], False, colour, thickness, cv2.LINE_8, _FRACTION_BITS)

    def glow(self, centre: Point, radii: Point, colour: Colour, strength: float) -> None:
        """Blends a soft ellipse of colour in, `strength` in [0, 1] in its middle; slow, meant for what stands still."""
        left, right = math.floor((centre[0] - radii[0]) * SCALE), math.ceil((centre[0] + radii[0]) * SCALE)
        top, bottom = math.floor((centre[1] - radii[1]) * SCALE), math.ceil((centre[1] + radii[1]) * SCALE)
        left, top = max(left, 0), max(top, 0)
        part = self.pixels[top:bottom, left:right]
        rows = (np.arange(top, top + part.shape[0]) / SCALE - centre[1]) / radii[1]
        columns = (np.arange(left, left + part.shape[1]) / SCALE - centre[0]) / radii[0]
        fall = np.clip(1 - rows[:, None] ** 2 - columns[None, :] ** 2, 0, 1)[..., None] * strength
        part[:] = np.round(part + (np.array(colour) - part) * fall).astype(np.uint8)
