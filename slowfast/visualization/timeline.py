"""Timeline of one video: some of its frames, what is done in it when, and when the network thinks so.

S segments, K classes, R rows that are drawn, E edges of time bins.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from slowfast.visualization.canvas import BLUE, FAINT, GREY, INK, ORANGE, DrawingError, bare, figure

if TYPE_CHECKING:  # importing it takes PyTorch, which drawing does without
    from slowfast.structures import ActionInterval

CLEAR_SCORE = 0.5
MAX_ROWS = 14
MAX_FRAMES = 10
SCORE_COLOURS = LinearSegmentedColormap.from_list("scores", ["#F2F6FA", "#B5D3E8", BLUE, "#003B63"])
_STRIP_WIDTH, _NAMES_WIDTH, _MARGIN_RIGHT, _ROW_HEIGHT = 8.0, 2.0, 0.75, 0.4

Frame = tuple[float, NDArray[np.uint8]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """All that a timeline shows.

    actions: what is true. frames: (second, uint8 (H, W, 3) RGB), in any order; at most MAX_FRAMES of them are shown.
    segments: (S, 2) seconds, start and end of each stretch that the network scored; they may overlap, as those of several
    views do, and need not cover the video. scores: (S, K) in [0, 1].
    """

    video_id: str
    duration_sec: float
    class_names: tuple[str, ...]
    actions: tuple[ActionInterval, ...]
    frames: tuple[Frame, ...]
    segments: NDArray[np.floating]
    scores: NDArray[np.floating]

    def __post_init__(self) -> None:
        num_segments, num_classes = len(self.segments), len(self.class_names)
        if not self.duration_sec > 0:
            raise DrawingError(f"{self.video_id}: the duration is {self.duration_sec} s; right would be more than 0")
        if (
            self.segments.shape != (num_segments, 2)
            or not num_segments
            or not (self.segments[:, 0] < self.segments[:, 1]).all()
        ):
            raise DrawingError(f"{self.video_id}: segments must be rows of start and later end, (S, 2), at least one")
        if self.scores.shape != (num_segments, num_classes):
            right = (num_segments, num_classes)
            raise DrawingError(f"{self.video_id}: scores have the shape {self.scores.shape}; right would be {right}")
        for action in self.actions:
            if not 0 <= action.label < num_classes:
                raise DrawingError(f"{self.video_id}: there is no class {action.label}; right would be 0 to {num_classes - 1}")


def draw_timeline(timeline: Timeline, path: str | Path) -> None:
    """Draws the timeline into the PNG file `path`.

    On top the film strip; below, on the same time axis, a row for each class that is true or has a score of CLEAR_SCORE or
    more at some time (the best class, if there is none such; MAX_ROWS at most): a bar where it is true, above a strip of its
    scores. Where several segments overlap, their mean is shown; where there is none, nothing.
    """
    edges, binned = scores_over_time(timeline.segments, timeline.scores)
    rows = choose_rows(timeline.actions, binned)
    rows, left_out = rows[:MAX_ROWS], len(rows[MAX_ROWS:])
    frames = choose_frames(timeline.frames, timeline.duration_sec)
    strip_height = _strip_height(frames)
    rows_height = _ROW_HEIGHT * len(rows)
    width = _NAMES_WIDTH + _STRIP_WIDTH + _MARGIN_RIGHT
    top, gap, bottom = 0.45, 0.12, 0.75
    height = top + strip_height + gap + rows_height + bottom
    with figure(path, width=width, height=height) as canvas:
        grid = GridSpec(
            2, 1, canvas, height_ratios=[max(strip_height, 0.01), rows_height],
            left=_NAMES_WIDTH / width, right=1 - _MARGIN_RIGHT / width, top=1 - top / height, bottom=bottom / height,
            hspace=2 * gap / (strip_height + rows_height),
        )  # fmt: skip
        strip, chart = canvas.add_subplot(grid[0]), canvas.add_subplot(grid[1])
        _draw_frames(strip, frames, timeline.duration_sec)
        _draw_rows(chart, timeline, rows, edges, binned)
        _draw_legend(canvas, width, height)
        canvas.text(_NAMES_WIDTH / width, 1 - 0.28 / height, timeline.video_id, fontsize=12, fontweight="bold")
        if left_out:
            canvas.text(_NAMES_WIDTH / width, 0.2 / height, f"{left_out} more classes are not shown", fontsize=8, color=GREY)


def scores_over_time(
    segments: NDArray[np.floating], scores: NDArray[np.floating]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean score of the segments that cover each bin of time: (edges (E,), scores (E - 1, K)).

    The bins lie between all different ends of segments, so none is cut; a bin that no segment covers has NaN.
    """
    edges = np.unique(segments.astype(np.float64))
    middles = (edges[:-1] + edges[1:]) / 2
    covers = (segments[:, 0] < middles[:, None]) & (middles[:, None] < segments[:, 1])
    total, count = covers @ scores.astype(np.float64), covers.sum(axis=1, keepdims=True)
    return edges, np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def choose_rows(actions: tuple[ActionInterval, ...], binned: NDArray[np.float64]) -> list[int]:
    """Classes to draw, top to bottom: true ones by their first start, then clearly predicted ones, best first."""
    first_start: dict[int, float] = {}
    for action in actions:
        first_start[action.label] = min(action.start_sec, first_start.get(action.label, np.inf))
    best = np.nanmax(binned, axis=0)
    true = sorted(first_start, key=lambda class_id: (first_start[class_id], class_id))
    others = [int(class_id) for class_id in np.argsort(-best, kind="stable") if class_id not in first_start]
    clear = [class_id for class_id in others if best[class_id] >= CLEAR_SCORE]
    return true + clear or others[:1]


def choose_frames(frames: tuple[Frame, ...], duration_sec: float) -> list[Frame]:
    """By time, all frames or MAX_FRAMES at most: of as many equal parts of the video, the frame nearest to the middle."""
    ordered = sorted(frames, key=lambda frame: frame[0])
    if len(ordered) <= MAX_FRAMES:
        return ordered
    seconds = np.array([second for second, _ in ordered])
    middles = (np.arange(MAX_FRAMES) + 0.5) * duration_sec / MAX_FRAMES
    nearest = np.abs(seconds - middles[:, None]).argmin(axis=1)
    return [ordered[index] for index in np.unique(nearest)]


def _strip_height(frames: list[Frame]) -> float:
    """Inches that let the pictures fill their slots, within bounds."""
    if not frames:
        return 0.0
    height, width = frames[0][1].shape[:2]
    return float(np.clip(_STRIP_WIDTH / len(frames) * height / width, 0.65, 1.5))


def _draw_frames(axes: Axes, frames: list[Frame], duration_sec: float) -> None:
    """Pictures side by side in equal slots; a tick below each one marks its second."""
    bare(axes)
    axes.set(xlim=(0, duration_sec), ylim=(0, 1), yticks=[], xticks=[second for second, _ in frames], xticklabels=[])
    axes.tick_params(length=4, color=ORANGE, width=1.2)
    slot = duration_sec / max(1, len(frames))
    box = axes.get_window_extent()
    for number, (_, picture) in enumerate(frames):
        shown = _crop(picture, max_aspect=0.97 * box.width / len(frames) / box.height)
        half = shown.shape[1] / shown.shape[0] * box.height / box.width * duration_sec / 2
        middle = (number + 0.5) * slot
        axes.imshow(shown, extent=(middle - half, middle + half, 0, 1), aspect="auto", interpolation="antialiased")
    axes.set(xlim=(0, duration_sec), ylim=(0, 1))


def _crop(picture: NDArray[np.uint8], *, max_aspect: float) -> NDArray[np.uint8]:
    """The picture without what its sides have too much for that ratio of width to height."""
    height, width = picture.shape[:2]
    new_width = min(width, max(1, round(height * max_aspect)))
    left = (width - new_width) // 2
    return picture[:, left : left + new_width]


def _draw_rows(
    axes: Axes, timeline: Timeline, rows: list[int], edges: NDArray[np.float64], binned: NDArray[np.float64]
) -> None:
    bare(axes, keep=("bottom",))
    axes.set(xlim=(0, timeline.duration_sec), ylim=(len(rows), 0), xlabel="seconds", yticks=[])
    axes.xaxis.set_major_locator(MaxNLocator(nbins=10, steps=[1, 2, 5, 10]))
    true = {action.label for action in timeline.actions}
    for row, class_id in enumerate(rows):
        is_true = class_id in true
        axes.pcolormesh(
            edges, [row + 0.38, row + 0.9], np.ma.masked_invalid(binned[None, :, class_id]), cmap=SCORE_COLOURS, vmin=0, vmax=1
        )
        axes.add_patch(Rectangle((0, row + 0.38), timeline.duration_sec, 0.52, fill=False, edgecolor=FAINT, linewidth=0.8))
        axes.annotate(
            _shorten(timeline.class_names[class_id]), (0, row + 0.64), xytext=(-8, 0), textcoords="offset points",
            ha="right", va="center", color=INK if is_true else GREY, style="normal" if is_true else "italic",
        )  # fmt: skip
        axes.annotate(
            f"{np.nanmax(binned[:, class_id]):.2f}", (timeline.duration_sec, row + 0.64), xytext=(6, 0),
            textcoords="offset points", ha="left", va="center", color=GREY, fontsize=8,
        )  # fmt: skip
    axes.annotate(
        "peak", (timeline.duration_sec, 0.18), xytext=(6, 0), textcoords="offset points", color=GREY, fontsize=7, va="center"
    )
    for action in timeline.actions:
        if action.label in rows:
            stop = min(action.end_sec, timeline.duration_sec)
            corner = (action.start_sec, rows.index(action.label) + 0.18)
            axes.add_patch(Rectangle(corner, stop - action.start_sec, 0.17, color=ORANGE, linewidth=0))


def _draw_legend(canvas: Figure, width: float, height: float) -> None:
    """Below the right end: what bar and strip mean; below the left end: what the ticks are, and how long a score holds."""
    bottom, bar = 0.2 / height, 0.1 / height
    right = 1 - _MARGIN_RIGHT / width
    scale = canvas.add_axes((right - 1.3 / width, bottom, 1.3 / width, bar))
    colours = canvas.colorbar(ScalarMappable(Normalize(0, 1), SCORE_COLOURS), cax=scale, orientation="horizontal", ticks=[0, 1])
    colours.outline.set_visible(False)
    scale.tick_params(length=0, labelsize=7, pad=2)
    canvas.text(right - 1.4 / width, bottom, "score", ha="right", fontsize=8, color=GREY)
    canvas.add_artist(Rectangle((right - 2.75 / width, bottom), 0.3 / width, bar, color=ORANGE, transform=canvas.transFigure))
    canvas.text(right - 2.85 / width, bottom, "true", ha="right", fontsize=8, color=GREY)
    told = "ticks: times of the pictures; one score for each stretch that the network reads"
    canvas.text(0.2 / width, bottom, told, ha="left", fontsize=7, color=GREY)


def _shorten(name: str, length: int = 28) -> str:
    return name if len(name) <= length else name[: length - 1].rstrip() + "…"
