"""What tells tokens where and when they are: tables that are added to them, one row a position.

B rows of a batch, T time slices, N places of a slice, C channels, R time slices of a table.
"""

from __future__ import annotations

import logging
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

logger = logging.getLogger(__name__)

TimeMode = Literal["nearest", "linear"]
PlaceMode = Literal["nearest", "bilinear", "bicubic"]


def sinusoids(num_rows: int, channels: int) -> Tensor:
    """The table of Vaswani et al. (2017, section 3.5), (num_rows, channels), float32: row p holds sin(p f) and cos(p f) in
    turns, with one frequency f = 10000^(-2 i / channels) for the i-th pair of channels."""
    frequencies = 10000.0 ** (-2 * (np.arange(channels) // 2) / channels)
    table = np.arange(num_rows)[:, None] * frequencies
    table[:, 0::2] = np.sin(table[:, 0::2])
    table[:, 1::2] = np.cos(table[:, 1::2])
    return torch.tensor(table, dtype=torch.float32)  # on the device that networks are built on


class TimePositions(nn.Module):
    """Adds the part of the positions that changes over time. It has no parameters: the table is the network's.

    A table of another length than the clip is resized, which the log says once. mode: how. Whoever gives a network a clock
    subclasses this.
    """

    def __init__(self, mode: TimeMode = "linear") -> None:
        super().__init__()
        self.mode: TimeMode = mode
        self._has_told = False

    def forward(self, x: Tensor, table: Tensor) -> Tensor:
        """x (B, T, N, C), table (R, N, C), or (R, 1, C) where all places of a slice share a row -> x with the rows added."""
        num_slices = x.shape[1]
        if num_slices != len(table):
            self._tell(len(table), num_slices)
            table = resized_over_time(table, num_slices, self.mode)
        return x + table

    def _tell(self, known: int, asked: int) -> None:
        if not self._has_told and not torch.compiler.is_compiling():
            self._has_told = True
            logger.info("positions of %d time slices are interpolated (%s) for %d", known, self.mode, asked)

    def extra_repr(self) -> str:
        return f"mode={self.mode!r}"


class PlacePositions(nn.Module):
    """Fits rows of the places of a picture to pictures of other sizes, which the log says once. It has no parameters.

    height, width: places of the pictures that the table is made for.
    """

    def __init__(self, height: int, width: int, mode: PlaceMode) -> None:
        super().__init__()
        self.height, self.width = height, width
        self.mode: PlaceMode = mode
        self._has_told = False

    def forward(self, table: Tensor, height: int, width: int) -> Tensor:
        """table (R, N, C) with N = self.height * self.width -> (R, height * width, C)."""
        if (height, width) == (self.height, self.width):
            return table
        if not self._has_told and not torch.compiler.is_compiling():
            self._has_told = True
            known = f"{self.height} x {self.width}"
            logger.info("positions of %s places are interpolated (%s) for %d x %d", known, self.mode, height, width)
        pictures = table.transpose(1, 2).reshape(len(table), -1, self.height, self.width)
        return functional.interpolate(pictures, size=(height, width), mode=self.mode).flatten(2).transpose(1, 2)

    def extra_repr(self) -> str:
        return f"{self.height}, {self.width}, mode={self.mode!r}"


def resized_over_time(table: Tensor, num_slices: int, mode: TimeMode) -> Tensor:
    """table (R, N, C) -> (num_slices, N, C)."""
    return functional.interpolate(table.permute(1, 2, 0), size=num_slices, mode=mode).permute(2, 0, 1)
