"""From a decoded frame to the picture that a player would show: RGB, upright, its pixels square."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from av.sidedata.sidedata import Type as SideData
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

Picture = NDArray[np.uint8]

Matrix = tuple[int, int, int, int]

NEARLY_SQUARE = Fraction(1, 100)
"""Pixels that are wider or higher than square by less than this come from sizes that were rounded, and are left alone."""

MAX_STRETCH = 10
"""Largest aspect ratio of a pixel that is believed, either way; no camera makes such pixels."""


class ToPicture:
    """Makes pictures, uint8 (H, W, 3), of the frames of one stream."""

    def __init__(self, stream: VideoStream) -> None:
        self._stretch = _stretch(stream.sample_aspect_ratio)
        self._to_rgb = VideoReformatter()
        self._matrices: dict[int, Matrix] = {}

    def __call__(self, frame: VideoFrame) -> Picture:
        # Without a kept reformatter and one thread, every frame would set up another scaler and start threads for it.
        width = max(round(frame.width * self._stretch), 1)
        picture: NDArray[Any] = self._to_rgb.reformat(frame, width=width, format="rgb24", threads=1).to_ndarray()
        # Looked at once, and again when the rotation changes, which is the part of the matrix that costs nothing to ask for.
        matrix = self._matrices.get(frame.rotation)
        if matrix is None:
            matrix = self._matrices[frame.rotation] = _display_matrix(frame)
        return _upright(picture, matrix)


def _display_matrix(frame: VideoFrame) -> Matrix:
    """(a, b, c, d): a point (x, y) is shown at (a x + c y, b x + d y), but for a shift."""
    # A frame whose side data were looked at stays in memory until the garbage collector comes, so a tiny one takes its place.
    everything: Any = frame.reformat(width=8, height=8, format="gray", threads=1).side_data  # its stubs are wrong
    for side_data in everything:
        if side_data.type == SideData.DISPLAYMATRIX:
            a, b, _, c, d, *_ = np.frombuffer(side_data, np.int32).tolist()
            return a, b, c, d
    return 1, 0, 0, 1


def _stretch(ratio: Fraction | None) -> Fraction:
    """By what the width of pictures is multiplied to make their pixels square. Players keep the height."""
    if not ratio or not Fraction(1, MAX_STRETCH) <= ratio <= MAX_STRETCH or abs(ratio - 1) < NEARLY_SQUARE:
        return Fraction(1)
    return ratio


def _upright(picture: Picture, matrix: Matrix) -> Picture:
    """Applies a display matrix. Only turns by right angles and reflections are made; others are rounded to them."""
    a, b, c, d = matrix
    if abs(a) + abs(d) >= abs(b) + abs(c):
        across, down = a, d
    else:
        picture = picture.transpose(1, 0, 2)
        across, down = c, b
    return np.ascontiguousarray(picture[:: -1 if down < 0 else 1, :: -1 if across < 0 else 1])
