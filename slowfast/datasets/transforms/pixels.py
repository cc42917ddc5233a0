"""From a picture to the pixels of a view."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from slowfast.datasets.transforms.geometry import ViewBox


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
