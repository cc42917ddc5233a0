"""What a detector of persons is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from slowfast.errors import UserError

Picture = NDArray[np.uint8]
FindPersons = Callable[[Picture], NDArray[np.float64]]
"""A picture (H, W, 3; RGB) -> (N, 5): x1, y1, x2, y2 in pixels, and a score in [0, 1]."""


class DetectorError(UserError, RuntimeError):
    """A detector cannot be had as it is wanted. The text says what is wrong with which file or address,
    and what would be right."""


class NotUsableError(Exception):
    """A package cannot be imported; the text says why. The choice among packages makes an error for users of it."""
