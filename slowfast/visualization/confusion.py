"""Which classes were taken for which, as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from numpy.typing import NDArray

from slowfast.visualization.canvas import BLUE, INK, DrawingError, bare, figure

_CELL, _LETTER, _LONGEST = 0.34, 0.085, 28  # inches, inches, letters of a name
_SHADES = LinearSegmentedColormap.from_list("shares", ["white", BLUE])


def draw_confusion(class_names: Sequence[str], videos: NDArray[np.int64], path: str | Path) -> None:
    """Draws how many videos of each class (row) were taken for each class (column) into the PNG file `path`.

    class_names: K of them. videos: int64 (K, K). A cell is shaded by its share of its row, empty ones are left out. Raises
    DrawingError when the two do not go together.
    """
    if videos.shape != (len(class_names), len(class_names)):
        raise DrawingError(
            f"{len(class_names)} classes and counts of the shape {videos.shape}; right would be one a pair of classes"
        )
    shares = videos / np.maximum(videos.sum(axis=1, keepdims=True), 1)
    names = [_shortened(name) for name in class_names]
    margin = 0.6 + _LETTER * max(map(len, names))
    side = margin + _CELL * len(names) + 0.2
    with figure(path, width=max(side, 3.0), height=max(side, 3.0)) as canvas:
        canvas.set_layout_engine("constrained")
        axes = canvas.add_subplot()
        axes.imshow(shares, cmap=_SHADES, vmin=0, vmax=1)
        bare(axes)
        axes.set_xticks(range(len(names)), names, rotation=90)
        axes.set_yticks(range(len(names)), names)
        axes.tick_params(length=0)
        axes.set_xlabel("the network says")
        axes.set_ylabel("true class")
        for row, column in np.argwhere(videos):
            color = "white" if shares[row, column] > 0.5 else INK
            axes.text(column, row, str(videos[row, column]), ha="center", va="center", fontsize=7, color=color)


def _shortened(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 3]}..."
