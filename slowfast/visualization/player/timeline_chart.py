"""True against predicted over the time of a video, as data and layout for `Plotly.newPlot`.

S stretches of time that were scored.
"""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

TRUE_COLOR, SAID_COLOR, WRONG_COLOR = "#D55E00", "#0072B2", "#AA4499"
SHADES = ((0.0, "#EEF3F8"), (0.4, "#B5D3E8"), (0.7, SAID_COLOR), (1.0, "#003B63"))

ROW_PIXELS = 40
_BARS, _GAP, _SCORES_ALONE, _END = 0.06, 0.06, 0.30, 0.92
"""Where in its row a class has bars, one kind below the other, with gaps between them, and a strip of scores; from the top."""

_HATCHED = {"fillmode": "overlay", "fgcolor": "#FFFFFF", "fgopacity": 1, "solidity": 0.35}

_LONGEST_NAME = 26

NARROW = 300
"""Of so many parts of a video, one is too narrow to be seen as a gap."""

Stretch = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Of bars. pattern: of plotly's, so that not colours alone tell kinds apart. height: as a share of the row."""

    name: str
    color: str
    pattern: str = ""
    height: float = 0.16


TRUE, FOUND = Kind(name="true", color=TRUE_COLOR), Kind(name="events that the network found", color=SAID_COLOR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One class. bars: stretches (start, end) in seconds of each kind. scores: S, in [0, 1]; empty: not known."""

    name: str
    bars: Mapping[Kind, Sequence[Stretch]]
    scores: Sequence[float]


def timeline_chart(rows: Sequence[Row], seconds: Sequence[Stretch], *, duration: float) -> dict[str, Any]:
    """seconds: S, in order and without overlap, that scores are for. duration: of the video, in seconds, above 0."""
    drawn: list[Any] = []
    kinds = dict.fromkeys(kind for row in rows for kind in row.bars)
    top = _BARS
    for kind in kinds:
        bars = [
            (number, start, min(end, duration))
            for number, row in enumerate(rows)
            for start, end in row.bars.get(kind, ())
            if start < duration
        ]
        if bars:
            drawn.append(
                go.Bar(
                    name=kind.name,
                    orientation="h",
                    y=[number + top + kind.height / 2 for number, *_ in bars],
                    width=kind.height,
                    base=[start for _, start, _ in bars],
                    x=[end - start for _, start, end in bars],
                    customdata=[[_plain(rows[number].name), start, end] for number, start, end in bars],
                    marker={
                        "color": kind.color,
                        **({"pattern": {"shape": kind.pattern, "size": 6, **_HATCHED}} if kind.pattern else {}),
                    },
                    hovertemplate="%{customdata[0]}: %{customdata[1]:.1f} to %{customdata[2]:.1f} s"
                    "<extra>%{fullData.name}</extra>",
                )
            )
        top += kind.height + _GAP
    seconds = _closed(seconds, duration / NARROW)
    edges = _edges(seconds)
    for number, row in enumerate(rows):
        if row.scores:
            drawn.append(
                go.Heatmap(
                    x=edges,
                    y=[number + max(top, _SCORES_ALONE), number + _END],
                    z=[_with_gaps(row.scores, seconds)],
                    coloraxis="coloraxis",
                    hoverongaps=False,
                    name=_plain(row.name),  # in the template itself it would be read as one
                    hovertemplate="%{fullData.name}: %{z:.3f}<extra>score</extra>",
                )
            )
    figure = go.Figure(drawn)
    figure.update_layout(
        template="none",
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": "system-ui, sans-serif", "size": 12, "color": "#222222"},
        height=ROW_PIXELS * len(rows) + 96,
        margin={"l": 12, "r": 12, "t": 34, "b": 44},
        dragmode=False,
        barmode="overlay",
        showlegend=any(isinstance(trace, go.Bar) for trace in drawn),
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.0, "x": 0},
        coloraxis={
            "colorscale": SHADES,
            "cmin": 0,
            "cmax": 1,
            "colorbar": {"title": {"text": "score"}, "thickness": 10, "tickvals": [0, 0.5, 1], "outlinewidth": 0},
        },
    )
    figure.update_xaxes(title_text="seconds", range=[0, duration], fixedrange=True, showgrid=False, zeroline=False)
    figure.update_yaxes(
        tickvals=[number + 0.5 for number in range(len(rows))],
        ticktext=[_plain(_shorten(row.name)) for row in rows],
        range=[len(rows), 0],
        fixedrange=True,
        showgrid=False,
        zeroline=False,
        automargin=True,
    )
    chart: dict[str, Any] = json.loads(figure.to_json())
    return chart


def _closed(seconds: Sequence[Stretch], narrow: float) -> list[Stretch]:
    """The same, without gaps that are too narrow to mean something: frames do not meet exactly."""
    following = [start for start, _ in seconds[1:]]
    ends = [after if 0 < after - end < narrow else end for (_, end), after in zip(seconds, following, strict=False)]
    return [(start, end) for (start, _), end in zip(seconds, [*ends, *(end for _, end in seconds[-1:])], strict=True)]


def _edges(seconds: Sequence[Stretch]) -> list[float]:
    """Where cells of scores begin and end, those of gaps too."""
    edges: list[float] = []
    for start, end in seconds:
        edges += [start, end] if not edges or start > edges[-1] else [end]
    return edges


def _with_gaps(scores: Sequence[float], seconds: Sequence[Stretch]) -> list[float | None]:
    """A value for each cell between `_edges`: None in gaps."""
    cells: list[float | None] = []
    last: float | None = None
    for score, (start, end) in zip(scores, seconds, strict=True):
        cells += [None, score] if last is not None and start > last else [score]
        last = end
    return cells


def _shorten(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1].rstrip() + "…"


def _plain(text: str) -> str:
    """As plotly shows it: it takes some tags of HTML for what they are."""
    return html.escape(text, quote=False)
