"""Boxes go where their pixels go."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from slowfast.datasets.transforms.geometry import ViewBox


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
