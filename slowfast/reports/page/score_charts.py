"""Charts of the scores of a test as a whole: calibration, histograms, durations of events, classes that come together."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from slowfast.engine.score_statistics import Durations, ScoreStatistics, Together
from slowfast.evaluation.calibration import NUM_BINS, NUM_SCORE_BINS
from slowfast.reports.page.charts import Chart, class_table, color_of, finished, plain
from slowfast.reports.page.finished_run import FinishedRun
from slowfast.visualization.player.timeline_chart import SAID_COLOR, TRUE_COLOR


def reliability(runs: Sequence[FinishedRun]) -> Chart:
    """For each run, at the mean score of each bin, the share that is true; on the diagonal scores are probabilities."""
    lines: list[Any] = [
        go.Scatter(
            x=[0, 100], y=[0, 100], mode="lines", name="scores that are probabilities", hoverinfo="skip",
            line={"color": "#777777", "dash": "dot"},
        )
    ]  # fmt: skip
    for number, run in enumerate(runs):
        if run.statistics is None:
            continue
        bins = zip(run.statistics.means, run.statistics.hits, run.statistics.counts, strict=True)
        points = [(100 * mean, 100 * hits / count, count) for mean, hits, count in bins if mean is not None]
        lines.append(
            go.Scatter(
                name=plain(run.name),
                x=[mean for mean, _, _ in points],
                y=[share for _, share, _ in points],
                customdata=[count for _, _, count in points],
                mode="lines+markers",
                line={"color": color_of(number)},
                hovertemplate="score %{x:.1f} %: %{y:.1f} % true of %{customdata}<extra>%{fullData.name}</extra>",
            )
        )
    figure = go.Figure(lines)
    figure.update_xaxes(title_text=f"mean score, % ({NUM_BINS} bins)", range=[0, 100.5])
    figure.update_yaxes(title_text="true, %", range=[0, 102])
    return finished(figure, height=400)


def scores_of(statistics: ScoreStatistics) -> Chart:
    """Which scores true classes have, and which the others: shares of each, as the others are far more."""
    width = 100 / NUM_SCORE_BINS
    bars = []
    of_both = (("true classes", statistics.of_true, TRUE_COLOR), ("other classes", statistics.of_others, SAID_COLOR))
    for name, counts, color in of_both:
        total = sum(counts)
        bars.append(
            go.Bar(
                name=f"{name} ({total:,})",
                x=[(number + 0.5) * width for number in range(NUM_SCORE_BINS)],
                y=[100 * count / total if total else None for count in counts],
                customdata=[[number * width, (number + 1) * width, count] for number, count in enumerate(counts)],
                width=width,
                marker_color=color,
                opacity=0.6,
                hovertemplate="score %{customdata[0]:.0f} to %{customdata[1]:.0f} %: %{y:.2f} % (%{customdata[2]})"
                "<extra>%{fullData.name}</extra>",
            )
        )
    figure = go.Figure(bars)
    figure.update_xaxes(title_text="score, %", range=[0, 100])
    figure.update_yaxes(title_text="% of them", rangemode="tozero")
    return finished(figure, height=340, barmode="overlay")


def durations_of(durations: Durations) -> Chart:
    """How many events last how long, true and found."""
    edges = [f"{edge:g}" for edge in durations.edges]
    spans = [f"below {edges[1]}", *(f"{start} to {end}" for start, end in itertools.pairwise(edges[1:]))]
    bars = [
        go.Bar(
            name=name, x=spans, y=list(counts), marker_color=color, hovertemplate="%{x} s: %{y}<extra>%{fullData.name}</extra>"
        )
        for name, counts, color in (
            (f"true events ({sum(durations.true):,})", durations.true, TRUE_COLOR),
            (f"events that the network found ({sum(durations.found):,})", durations.found, SAID_COLOR),
        )
    ]
    figure = go.Figure(bars)
    figure.update_xaxes(title_text="seconds", type="category")
    figure.update_yaxes(title_text="events", rangemode="tozero")
    return finished(figure, height=340, barmode="group")


def together(class_names: Sequence[str], table: Together) -> tuple[Chart, Chart]:
    """Of the videos in which the class of a row is true, those in which that of a column is true, and those in which it is
    said."""
    videos = [row[number] for number, row in enumerate(table.true)]
    told = "%{y} is true and %{x} {what}: %{customdata} videos, %{z} %"
    return (
        class_table(class_names, table.true, videos, columns="true too", told=told.replace("{what}", "too")),
        class_table(class_names, table.said, videos, columns="the network says", told=told.replace("{what}", "is said")),
    )
