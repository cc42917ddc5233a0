"""A canvas with anti-aliased shapes.

Pictures are painted SCALE times as large and averaged down at the end, which smooths every edge at less cost than OpenCV's own
anti-aliasing. Shapes are given in units, as fractions if need be: pixels of the finished picture, unless the canvas is told to
see its pixels in other units and from another origin.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np

WIDTH, HEIGHT = 96, 72
SCALE = 3
_FRACTION_BITS = 4

Colour = tuple[int, int, int]
Point = tuple[float, float]


@lru_cache(maxsize=4096)
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


class Canvas:
    """Paints into `pixels`, uint8 (SCALE * height, SCALE * width, 3), RGB.

    scale: pixels of the canvas that make one unit. origin: where the point (0, 0) lies, in units from the top left corner.
    """

    def __init__(self, pixels: np.ndarray, *, scale: float = SCALE, origin: Point = (0.0, 0.0)) -> None:
        self.pixels = pixels
        self._scale = scale
        self._origin = origin
        self._fine = scale * (1 << _FRACTION_BITS)

    @classmethod
    def blank(cls, width: int = WIDTH, height: int = HEIGHT) -> Canvas:
        """A canvas for pictures of width x height pixels, which are its units."""
        return cls(np.zeros((SCALE * height, SCALE * width, 3), np.uint8))

    def seen(self, *, scale: float, origin: Point = (0.0, 0.0)) -> Canvas:
        """The same pixels in other units; what is painted on one is painted on both."""
        return Canvas(self.pixels, scale=scale, origin=origin)

    def copy_from(self, other: Canvas) -> None:
        np.copyto(self.pixels, other.pixels)

    def picture(self) -> np.ndarray:
        """The finished picture, uint8 (height, width, 3), RGB."""
        height, width, _ = self.pixels.shape
        # The means of all squares, of which one in SCALE x SCALE is taken: INTER_AREA gives the same in twice the time.
        means = cv2.blur(self.pixels, (SCALE, SCALE), anchor=(0, 0))
        return cv2.resize(means, (width // SCALE, height // SCALE), interpolation=cv2.INTER_NEAREST)

    def disc(self, centre: Point, radius: float, colour: Colour) -> None:
        cv2.circle(self.pixels, self._point(centre), self._length(radius), colour, -1, cv2.LINE_8, _FRACTION_BITS)

    def oval(self, centre: Point, radii: Point, colour: Colour, *, angle: float = 0.0, arc: Point = (0, 360)) -> None:
        """A filled ellipse; angle and arc in degrees, clockwise from the right (90 is down)."""
        self._ellipse(centre, radii, -1, colour, angle=angle, arc=arc)

    def ring(self, centre: Point, radii: Point, width: float, colour: Colour, *, arc: Point = (0, 360)) -> None:
        """The outline of an ellipse, or of an arc of it."""
        self._ellipse(centre, radii, self._thickness(width), colour, arc=arc)

    def box(self, corner: Point, opposite: Point, colour: Colour) -> None:
        cv2.rectangle(self.pixels, self._point(corner), self._point(opposite), colour, -1, cv2.LINE_8, _FRACTION_BITS)

    def polygon(self, points: Sequence[Point], colour: Colour) -> None:
        cv2.fillPoly(self.pixels, [self._points(points)], colour, cv2.LINE_8, _FRACTION_BITS)

    def line(self, points: Sequence[Point], width: float, colour: Colour) -> None:
        """A line with round ends through the points."""
        cv2.polylines(
            self.pixels, [self._points(points)], False, colour, self._thickness(width), cv2.LINE_8, _FRACTION_BITS
        )  # fmt: skip

    def glow(self, centre: Point, radii: Point, colour: Colour, strength: float) -> None:
        """Blends a soft ellipse of colour in, `strength` in [0, 1] in its middle; slow, meant for what stands still."""
        centre = centre[0] + self._origin[0], centre[1] + self._origin[1]
        left, right = math.floor((centre[0] - radii[0]) * self._scale), math.ceil((centre[0] + radii[0]) * self._scale)
        top, bottom = math.floor((centre[1] - radii[1]) * self._scale), math.ceil((centre[1] + radii[1]) * self._scale)
        left, top = max(left, 0), max(top, 0)
        part = self.pixels[top:bottom, left:right]
        rows = (np.arange(top, top + part.shape[0]) / self._scale - centre[1]) / radii[1]
        columns = (np.arange(left, left + part.shape[1]) / self._scale - centre[0]) / radii[0]
        fall = np.clip(1 - rows[:, None] ** 2 - columns[None, :] ** 2, 0, 1)[..., None] * strength
        part[:] = np.round(part + (np.array(colour) - part) * fall).astype(np.uint8)

    def _ellipse(
        self, centre: Point, radii: Point, thickness: int, colour: Colour, *, angle: float = 0.0, arc: Point
    ) -> None:  # fmt: skip
        cv2.ellipse(
            self.pixels, self._point(centre), (self._length(radii[0]), self._length(radii[1])),
            angle, arc[0], arc[1], colour, thickness, cv2.LINE_8, _FRACTION_BITS,
        )  # fmt: skip

    def _length(self, value: float) -> int:
        return round(value * self._fine)

    def _thickness(self, width: float) -> int:
        return max(1, round(width * self._scale))

    def _point(self, point: Point) -> tuple[int, int]:
        return round((point[0] + self._origin[0]) * self._fine), round((point[1] + self._origin[1]) * self._fine)

    def _points(self, points: Sequence[Point]) -> np.ndarray:
        fine, (right, down) = self._fine, self._origin
        return np.array([(round((x + right) * fine), round((y + down) * fine)) for x, y in points], np.int32)
