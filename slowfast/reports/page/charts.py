"""Charts of a page, drawn by plotly: each is what its `Plotly.newPlot` takes, data and layout."""

from __future__ import annotations

import html
import importlib.util
import json
from collections.abc import Sequence
from typing import Any

from slowfast.errors import MissingPackageError
from slowfast.reports.page.errors import ReportError
from slowfast.reports.page.finished_run import ConfusedClasses, FinishedRun
from slowfast.visualization.log_series import Point, series

if missing := [name for name in ("plotly", "jinja2") if importlib.util.find_spec(name) is None]:
    raise MissingPackageError(f"the page needs {' and '.join(missing)}, not installed here: pip install 'slowfast-pgt[report]'")

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

COLORS = ("#0072B2", "#D55E00", "#009E73", "#AA4499", "#8A6D00", "#56B4E9", "#882255", "#555555")
"""One a run, in order, then again from the first with other dashes. People with any colour vision can tell them apart."""

DASHES = ("solid", "dash", "dot", "dashdot")
SMALL_NET = 30
"""Points up to which each has a marker of its own."""

_MARGIN = {"l": 60, "r": 16, "t": 44, "b": 48}
_SHADES = [[0, "#FFFFFF"], [1, COLORS[0]]]

Chart = dict[str, Any]


def library() -> str:
    """The JavaScript of plotly, whole."""
    return str(get_plotlyjs())


def color_of(run: int) -> str:
    return COLORS[run % len(COLORS)]


def curves(runs: Sequence[FinishedRun]) -> dict[str, Chart]:
    """By title: training loss, learning rate, and each measure of validations, of the runs that have them. Raises ReportError
    for statistics that cannot be read."""
    lines: dict[str, list[go.Scatter]] = {}
    for number, run in enumerate(runs):
        try:
            of_run = _lines(run, number)
        except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
            raise ReportError(
                f"{run.name}: the statistics in its log are damaged ({type(error).__name__}: {error}); right would be the log "
                "as the training wrote it"
            ) from None
        for title, drawn in of_run.items():
            lines.setdefault(title, []).extend(drawn)
    order = sorted(lines, key=lambda title: {"Training loss": 0, "Learning rate": 2}.get(title, 1))
    charts = {}
    for title in order:
        figure = go.Figure(lines[title])
        figure.update_xaxes(title_text="epoch", rangemode="tozero")
        figure.update_yaxes(
            title_text="%" if title.endswith("(%)") else None, rangemode="tozero" if title == "Learning rate" else "normal"
        )
        charts[title] = finished(figure, height=340, showlegend=len(runs) > 1)
    return charts


def figures(runs: Sequence[FinishedRun]) -> Chart:
    """Bars: the figures of all runs side by side, in percent."""
    names = list(dict.fromkeys(name for run in runs for name in run.figures))
    bars = [
        go.Bar(
            name=plain(run.name),
            x=list(map(plain, names)),
            y=[run.figures.get(name) for name in names],
            marker_color=color_of(number),
            hovertemplate="%{x}: %{y:.2f} %<extra>%{fullData.name}</extra>",
        )
        for number, run in enumerate(runs)
    ]
    figure = go.Figure(bars)
    figure.update_yaxes(title_text="%", range=[0, 100])
    figure.update_xaxes(type="category")
    return finished(figure, height=340, showlegend=len(runs) > 1, barmode="group")


def classes(runs: Sequence[FinishedRun], measure: str, names: Sequence[str]) -> Chart:
    """Bars: what a measure says of each class in every run that has it, in percent; the page chooses and orders classes."""
    bars = []
    for number, run in enumerate(runs):
        for of_class in run.per_class:
            if of_class.measure == measure:
                bars.append(
                    go.Bar(
                        name=plain(run.name),
                        orientation="h",
                        y=list(map(plain, names)),
                        x=[of_class.percent.get(name) for name in names],
                        marker_color=color_of(number),
                        hovertemplate="%{y}: %{x:.2f} %<extra>%{fullData.name}</extra>",
                    )
                )
    figure = go.Figure(bars)
    figure.update_xaxes(title_text="%", range=[0, 100])
    figure.update_yaxes(type="category", autorange="reversed", automargin=True)
    return finished(figure, showlegend=len(bars) > 1, barmode="group")


def confusion(confused: ConfusedClasses) -> Chart:
    """Which classes were taken for which."""
    return class_table(
        confused.classes,
        confused.videos,
        [sum(row) for row in confused.videos],
        columns="the network says",
        told="%{y} taken for %{x}: %{customdata} videos, %{z} %",
    )


def class_table(
    classes: Sequence[str], videos: Sequence[Sequence[int]], totals: Sequence[int], *, columns: str, told: str
) -> Chart:
    """Cells shaded by their share of their row's total, with the number of videos where classes are few enough to read it. rows
    are true classes. columns: what these are. told: what is said of a cell, in plotly's terms."""
    few = len(classes) <= SMALL_NET
    names = told_apart(classes)
    heat = go.Heatmap(
        x=names,
        y=names,
        z=[[round(100 * count / max(1, total), 2) for count in row] for row, total in zip(videos, totals, strict=True)],
        customdata=[list(row) for row in videos],
        text=[[str(count) if count else "" for count in row] for row in videos] if few else None,
        texttemplate="%{text}" if few else None,
        colorscale=_SHADES,
        zmin=0,
        zmax=100,
        colorbar_title_text="% of row",
        hovertemplate=f"{told}<extra></extra>",
    )
    figure = go.Figure(heat)
    ticks = {"type": "category", "showgrid": False, "automargin": True, "dtick": 1 if few else None}
    figure.update_xaxes(title_text=columns, **ticks)
    figure.update_yaxes(title_text="true class", autorange="reversed", **ticks)
    return finished(figure, height=max(420, 26 * len(names) + 200) if few else 640, showlegend=False)


def told_apart(names: Sequence[str]) -> list[str]:
    """With their number where two classes have one name: plotly would draw both in one place."""
    return [plain(name if names.count(name) == 1 else f"{name} ({number})") for number, name in enumerate(names)]


def _lines(run: FinishedRun, number: int) -> dict[str, list[go.Scatter]]:
    stats = run.stats
    iterations, epochs = series(stats, "train_iter", "loss"), series(stats, "train_epoch", "loss")
    drawn: dict[str, list[go.Scatter]] = {}
    if iterations or epochs:
        # A mean is drawn in the middle of what it is the mean of.
        means = [(epoch - 0.5, loss) for epoch, loss in epochs]
        drawn["Training loss"] = [
            *([_line(run, number, iterations, opacity=0.35 if epochs else 1, showlegend=not epochs)] if iterations else []),
            *([_line(run, number, means)] if epochs else []),
        ]
    if rates := series(stats, "train_iter", "lr") or series(stats, "train_epoch", "lr"):
        drawn["Learning rate"] = [_line(run, number, rates, markers=False)]
    measures = dict.fromkeys(
        key
        for entry in stats
        if entry.get("_type") == "val_epoch"
        for key, value in entry.items()
        if key != "epoch" and isinstance(value, int | float) and not isinstance(value, bool)
    )
    for measure in measures:
        if points := series(stats, "val_epoch", measure):
            drawn[f"Validation {measure} (%)"] = [_line(run, number, points)]
    return drawn


def _line(run: FinishedRun, number: int, points: list[Point], *, markers: bool = True, **more: Any) -> go.Scatter:
    return go.Scatter(
        name=plain(run.name),
        legendgroup=plain(run.name),
        x=[x for x, _ in points],
        y=[y for _, y in points],
        mode="lines+markers" if markers and len(points) <= SMALL_NET else "lines",
        line={"color": color_of(number), "dash": DASHES[number // len(COLORS) % len(DASHES)]},
        hovertemplate="epoch %{x:.2f}: %{y:.5g}<extra>%{fullData.name}</extra>",
        **more,
    )


def finished(figure: go.Figure, **layout: Any) -> Chart:
    figure.update_layout(
        template="plotly_white",
        margin=_MARGIN,
        font={"family": "system-ui, sans-serif", "size": 13, "color": "#222222"},
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.0, "x": 0},
        **layout,
    )
    chart: Chart = json.loads(figure.to_json())
    return chart


def plain(text: str) -> str:
    """As plotly shows it: it takes some tags of HTML for what they are."""
    return html.escape(text, quote=False)
