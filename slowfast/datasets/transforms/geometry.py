"""Sizes and places in a picture: numbers only."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewBox:
    """What a clip shows of its pictures: the picture scaled to `scaled`, a part of size `shape` cut out with its corner at
    (top, left), mirrored left-right if `flip`. Sizes are (height, width), all in pixels of the scaled picture.
    """

    scaled: tuple[int, int]
    top: int
    left: int
    shape: tuple[int, int]
    flip: bool = False

    def to_source(self, height: int, width: int) -> NDArray[np.float64]:
        """Matrix (2, 3) from pixel (x, y, 1) of the part to a place (x, y) in the picture of height x width.

        Pixels are areas: the centre of pixel x lies at x + 1/2 in both pictures.
        """
        scale_x, scale_y = width / self.scaled[1], height / self.scaled[0]
        first_x, step_x = (self.left + self.shape[1] - 1, -1) if self.flip else (self.left, 1)
        return np.array(
            [
                [step_x * scale_x, 0.0, (first_x + 0.5) * scale_x - 0.5],
                [0.0, scale_y, (self.top + 0.5) * scale_y - 0.5],
            ]
        )


def scale_short_side(height: int, width: int, size: int) -> tuple[int, int]:
    """(height, width) once the short side is `size`; the long side is rounded down."""
    if min(height, width) == size:  # rounded down, the long side could lose a pixel
        return height, width
    if width < height:
        return math.floor(height / width * size), size
    return size, math.floor(width / height * size)


def uniform_crop(height: int, width: int, size: int, crop: int) -> tuple[int, int]:
    """(top, left) of square crop 0, 1 or 2: left, middle, right, or in an upright picture top, middle, bottom.

    The other side is cut in the middle; middles are rounded up.
    """
    top, left = math.ceil((height - size) / 2), math.ceil((width - size) / 2)
    if height > width:
        return (0, top, height - size)[crop], left
    return top, (0, left, width - size)[crop]
