"""What a detector of persons is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from slowfast.errors import UserError

Picture = NDArray[np.uint8]
FindPersons = Callable[[Picture], NDArray[np.float64]]
"""A picture (H, W, 3; RGB) -> (N, 5): x1, y1, x2, y2 in pixels, and a score in [0, 1]."""


def as_fractions(found: NDArray[np.float64], picture: Picture, threshold: float) -> NDArray[np.float64]:
    """(N, 5): the persons whose scores reach the threshold, with corners in fractions of the picture, to three digits, as files
    of boxes hold them. found: what FindPersons returns for the picture."""
    height, width = picture.shape[:2]
    found = found[found[:, 4] >= threshold]
    corners = np.clip(found[:, :4] / (width, height, width, height), 0, 1)
    there = (corners[:, 0] < corners[:, 2]) & (corners[:, 1] < corners[:, 3])
    shortened = [[float(f"{value:.3f}") for value in row] for row in corners[there].tolist()]
    return np.concatenate([np.array(shortened).reshape(-1, 4), found[there, 4:]], axis=1)


class DetectorError(UserError, RuntimeError):
    """A detector cannot be had as it is wanted. The text says what is wrong with which file or address,
    and what would be right."""


class NotUsableError(Exception):
    """A package cannot be imported; the text says why. The choice among packages makes an error for users of it."""
