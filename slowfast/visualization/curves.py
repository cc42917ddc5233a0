"""Curves of a training run, from the statistics in its log."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from slowfast.visualization.canvas import BLUE, FAINT, GREEN, GREY, ORANGE, DrawingError, bare, figure
from slowfast.visualization.log_series import Point, Stats, series

MEASURES = {"mAP": "mAP (%)", "map": "mAP (%)", "top1_acc": "top-1 (%)", "top1_err": "top-1 error (%)"}
"""What a validation can report, by the name in the statistics (those of PySlowFast's logs too); the first there is is drawn."""


def draw_curves(stats: Stats, path: str | Path, *, title: str) -> None:
    """Draws training loss, validation measure and learning rate over the epochs into the PNG file `path`.

    Each of `stats` has a `_type`, train_iter, train_epoch or val_epoch, and an `epoch`, counted from 1, as "3/20" or a
    number; a train_iter has an `iter` as well, "10/125". Training statistics hold `loss` and `lr`, a val_epoch one of
    MEASURES. Where an epoch was run again after a resume, the later statistics count. Raises DrawingError when there is no
    loss to draw.
    """
    epochs, iterations = series(stats, "train_epoch", "loss"), series(stats, "train_iter", "loss")
    rates = series(stats, "train_iter", "lr") or series(stats, "train_epoch", "lr")
    if not epochs and not iterations:
        raise DrawingError("there is no training loss in these statistics; right would be entries of train_iter or train_epoch")
    measure = next((name for name in MEASURES if series(stats, "val_epoch", name)), None)
    heights = [3, 3, 1] if measure else [3, 1]
    with figure(path, width=7.2, height=0.75 * sum(heights) + 1.0) as canvas:
        panels = _panels(canvas, heights)
        canvas.suptitle(title, x=0.02, ha="left", fontsize=12, fontweight="bold")
        _draw_loss(panels[0], iterations, epochs)
        if measure:
            _draw_measure(panels[1], series(stats, "val_epoch", measure), measure)
        panels[-1].plot(*_columns(rates), color=GREY, linewidth=1.4, marker="o" if len(rates) == 1 else "", markersize=4)
        panels[-1].set_xlim(left=0)
        panels[-1].set_ylim(bottom=0)
        panels[-1].set_ylabel("learning rate")
        panels[-1].set_xlabel("epoch")
        canvas.align_ylabels(panels)


def _panels(canvas: Figure, heights: list[int]) -> list[Axes]:
    canvas.set_layout_engine("constrained", h_pad=0.06)
    panels: list[Axes] = list(canvas.subplots(len(heights), 1, sharex=True, height_ratios=heights))
    for axes in panels:
        bare(axes, keep=("left", "bottom"))
        axes.grid(axis="y", color=FAINT, linewidth=0.8)
        axes.set_axisbelow(True)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
        axes.yaxis.set_major_locator(MaxNLocator(nbins=3 if axes is panels[-1] else 6, steps=[1, 2, 2.5, 5, 10]))
    return panels


def _draw_loss(axes: Axes, iterations: list[Point], epochs: list[Point]) -> None:
    axes.set_ylabel("training loss")
    if iterations:
        axes.plot(*_columns(iterations), color=BLUE, alpha=0.3 if epochs else 1.0, linewidth=1.0, label="iteration")
    if epochs:
        # A mean is drawn in the middle of what it is the mean of.
        middles = [(epoch - 0.5, loss) for epoch, loss in epochs]
        axes.plot(
            *_columns(middles), color=BLUE, linewidth=1.8, marker=_marker(epochs), markersize=4, label="mean of the epoch"
        )
    if iterations and epochs:
        axes.legend(frameon=False, loc="upper right")


def _draw_measure(axes: Axes, points: list[Point], measure: str) -> None:
    axes.set_ylabel(f"validation {MEASURES[measure]}")
    axes.plot(*_columns(points), color=GREEN, linewidth=1.8, marker=_marker(points), markersize=4)
    best = (min if measure.endswith("err") else max)(points, key=lambda point: point[1])
    axes.plot(*best, marker="o", markersize=9, markerfacecolor="none", markeredgecolor=ORANGE, markeredgewidth=1.6)
    side = "right" if best == points[-1] else "left" if best == points[0] else "center"  # within the axes
    axes.annotate(
        f"best {best[1]:.2f}", best, xytext=(0, -18 if measure.endswith("err") else 10), textcoords="offset points",
        color=ORANGE, ha=side, fontweight="bold",
    )  # fmt: skip
    axes.margins(y=0.2)


def _marker(points: list[Point]) -> str:
    """Dots where single epochs can be told apart."""
    return "o" if len(points) <= 30 else ""


def _columns(points: list[Point]) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]
