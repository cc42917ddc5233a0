"""What all figures share: colours, fonts, and how they are written."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from slowfast.runtime.atomic_files import atomic_write

# Colours that people with any colour vision can tell apart (Okabe and Ito, 2008).
BLUE, ORANGE, GREEN, SKY = "#0072B2", "#D55E00", "#009E73", "#56B4E9"
INK, GREY, FAINT = "#222222", "#6B6B6B", "#E3E3E3"
DOTS_PER_INCH = 150

_STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "text.color": INK,
    "text.parse_math": False,  # names of videos and classes are plain text
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
}


class DrawingError(ValueError):
    """Data that cannot be drawn; the text says which and why."""


@contextmanager
def figure(path: str | Path, *, width: float, height: float) -> Iterator[Figure]:
    """An empty figure of that size in inches; once the block ends well, it is the PNG file `path`.

    The figure belongs to no window system and to none of matplotlib's global state. Folders on the way are made. Raises
    WriteError.
    """
    with matplotlib.rc_context(_STYLE):
        canvas = FigureCanvasAgg(Figure(figsize=(width, height), dpi=DOTS_PER_INCH, facecolor="white"))
        yield canvas.figure
        with atomic_write(path) as beside:
            canvas.figure.savefig(beside, format="png")


def bare(axes: Axes, *, keep: tuple[str, ...] = ()) -> None:
    """Takes away the frame, except for the sides in `keep`."""
    for side, spine in axes.spines.items():
        spine.set_visible(side in keep)
