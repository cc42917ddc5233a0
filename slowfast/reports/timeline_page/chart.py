"""The chart of a page: scores over time, events as bars below them. It is what `Plotly.newPlot` takes, data and layout."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from slowfast.annotations.events import Events
from slowfast.reports.page.charts import COLORS, Chart
from slowfast.reports.timeline_page.outline import Outline

SCORES_HEIGHT, ROW_HEIGHT, MARGINS = 260, 28, {"l": 150, "r": 16, "t": 12, "b": 40}
LONGEST_NAME = 20
"""Letters of a class beside its bars."""


def chart_of(course: Outline, events: Events, classes: Sequence[str], drawn: Sequence[int], *, end: float) -> Chart:
    """drawn: numbers of the classes that are shown, one colour each. end: of the video, in seconds."""
    figure = go.Figure()
    rows = [_shortened(classes[number]) for number in drawn]
    for place, number in enumerate(drawn):
        color = COLORS[place % len(COLORS)]
        figure.add_scatter(
            name=_plain(classes[number]),
            x=_numbers(course.seconds),
            y=_numbers(course.scores[:, number]),
            mode="lines",
            line={"shape": "hv", "color": color, "width": 1.5},
            hovertemplate="%{y:.3f}<extra>%{fullData.name}</extra>",
        )
        own = events[events.label == number]
        scores = own.score if own.score is not None else np.zeros(0)
        figure.add_bar(
            orientation="h",
            base=_numbers(own.start),
            x=_numbers(own.end - own.start),
            y=[place] * len(own),
            yaxis="y2",
            marker={"color": color, "line": {"width": 0}},
            width=0.6,
            showlegend=False,
            text=[f"{_plain(classes[number])}, score {score:.3f}" for score in scores.tolist()],
            textposition="none",
            hovertemplate="%{text}<extra></extra>",
        )
    bars = ROW_HEIGHT * max(1, len(drawn))
    height = SCORES_HEIGHT + bars + 16
    figure.update_layout(
        template="plotly_white",
        height=height + MARGINS["t"] + MARGINS["b"],
        margin=MARGINS,
        font={"family": "system-ui, sans-serif", "size": 13, "color": "#222222"},
        barmode="overlay",
        hovermode="closest",
        dragmode="zoom",
        showlegend=False,
        xaxis={"range": [0, end], "anchor": "y2", "title": {"text": "time"}},
        yaxis={"domain": [(bars + 16) / height, 1], "fixedrange": True, "title": {"text": "score"}, **_range(course, drawn)},
        yaxis2={
            "domain": [0, bars / height],
            "fixedrange": True,
            "range": [len(drawn) - 0.5, -0.5],
            "tickvals": list(range(len(drawn))),
            "ticktext": rows,
            "showgrid": False,
            "zeroline": False,
        },
    )
    chart: Chart = json.loads(figure.to_json())
    return chart


def _range(course: Outline, drawn: Sequence[int]) -> dict[str, list[float]]:
    """From 0 to 1 where no score lies outside."""
    shown = course.scores[:, list(drawn)]
    shown = shown[np.isfinite(shown)]
    return {"range": [0, 1.02]} if not shown.size or (shown.min() >= 0 and shown.max() <= 1) else {}


def _numbers(values: NDArray[np.floating]) -> list[float | None]:
    """As a page needs them: four digits behind the point, nothing that JSON has no name for."""
    return [round(value, 4) if np.isfinite(value) else None for value in values.tolist()]


def _shortened(name: str) -> str:
    return _plain(name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…")


def _plain(text: str) -> str:
    """As plotly shows it: it takes some tags of HTML for what they are."""
    return html.escape(text, quote=False)
