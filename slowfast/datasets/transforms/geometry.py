"""Views of a picture: their sizes and places, and the pixels and boxes seen in them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewBox:
    """What a clip shows of its pictures: the picture scaled to `scaled`, a part of size `shape` cut out with its corner at
    (top, left), mirrored left-right if `flip`. Sizes are (height, width), all in pixels of the scaled picture, of which only
    those of the part need be whole numbers.
    """

    scaled: tuple[float, float]
    top: float
    left: float
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


def render(image: NDArray[np.uint8], box: ViewBox, out: NDArray[np.uint8]) -> None:
    """Writes the part of `image` (H, W, 3) that `box` shows into `out` (its height, its width, 3).

    One pass does scaling, cropping and mirroring, and touches only what is shown: bilinear without antialiasing, as the
    published models were trained, rounded to whole numbers. Beyond its border the picture repeats its outermost pixels.
    """
    written = cv2.warpAffine(
        image,
        box.to_source(*image.shape[:2]),
        box.shape[::-1],
        dst=out,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    assert written is out, "OpenCV made an array of its own: `out` has another shape or is not contiguous"


def boxes_in_view(fractions: NDArray[np.float64], view: ViewBox, height: int, width: int) -> NDArray[np.float32]:
    """Boxes (R, 4), x1 y1 x2 y2 in fractions of a picture of height x width, in pixels of what `view` shows of it.

    The rules are PySlowFast's: corners are places on a grid that runs from 0 to side - 1, so a mirror maps x to width - 1 - x;
    both axes are scaled by the factor of the long side; what lies outside of the picture, and in the end of the view, is cut
    off. A box that the view does not show ends up as a line or a point on its border.
    """
    factor = view.scaled[1] / width if width >= height else view.scaled[0] / height
    boxes = _cut(fractions * np.array([width, height, width, height], np.float64), height, width)
    boxes = boxes * factor - np.array([view.left, view.top, view.left, view.top])
    if view.flip:
        boxes[:, [0, 2]] = view.shape[1] - 1 - boxes[:, [2, 0]]
    return _cut(boxes, *view.shape).astype(np.float32)


def _cut(boxes: NDArray[np.float64], height: int, width: int) -> NDArray[np.float64]:
    return np.clip(boxes, 0, np.array([width - 1, height - 1, width - 1, height - 1]))
