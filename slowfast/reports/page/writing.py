"""The page itself: templates filled in with runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from slowfast.engine.score_statistics import ALL_SCORES, BEST_SCORES, SCORES_IN_TIME
from slowfast.reports.page import charts, score_charts, videos
from slowfast.reports.page.films import Shelf
from slowfast.reports.page.finished_run import ConfusedClasses, FinishedRun
from slowfast.runtime.atomic_files import write_text
from slowfast.visualization import player

TEMPLATES = Path(__file__).parent / "templates"
CALIBRATED = {
    BEST_SCORES: "the best score of each video",
    ALL_SCORES: "the scores of all classes of each video",
    SCORES_IN_TIME: "the scores of all classes at each moment",
}
"""Whose calibration it is."""

MOST_MISTAKES = 20
"""Pairs of classes that are listed."""


def write_page(runs: Sequence[FinishedRun], path: Path, *, keep: str = "linked") -> list[str]:
    """Writes the page of at least one run, and films that it needs beside it. keep: see `Shelf`. Returns what was too large to
    be embedded. Raises WriteError, and ReportError for statistics that cannot be drawn."""
    shelf = Shelf(page=path, keep=keep)
    write_text(path, page(runs, shelf))
    shelf.tidy()
    return shelf.too_large


def page(runs: Sequence[FinishedRun], shelf: Shelf) -> str:
    """HTML with all it needs inside, but for videos."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    curves = charts.curves(runs)
    measures = _measures(runs)
    confused = [(run.name, run.confusion, charts.confusion(run.confusion)) for run in runs if run.confusion is not None]
    shown = videos.cards(runs, shelf)
    measured = [(run, run.statistics) for run in runs if run.statistics is not None]
    lasting = [(run.name, statistics.durations) for run, statistics in measured if statistics.durations is not None]
    joint = [
        (run.name, score_charts.together(statistics.class_names, statistics.together))
        for run, statistics in measured
        if statistics.together is not None
    ]
    specs: dict[str, Any] = {
        **({"figures": charts.figures(runs)} if any(run.figures for run in runs) else {}),
        **{f"curve-{number}": chart for number, chart in enumerate(curves.values())},
        **{f"classes-{number}": measure["chart"] for number, measure in enumerate(measures)},
        **{f"confusion-{number}": chart for number, (_, _, chart) in enumerate(confused)},
        **({"reliability": score_charts.reliability(runs)} if measured else {}),
        **{f"scores-{number}": score_charts.scores_of(statistics) for number, (_, statistics) in enumerate(measured)},
        **{f"durations-{number}": score_charts.durations_of(durations) for number, (_, durations) in enumerate(lasting)},
        **{
            f"{name}-{number}": chart
            for number, (_, both) in enumerate(joint)
            for name, chart in zip(("together", "said"), both, strict=True)
        },
        **{f"timeline-{number}": card.chart for number, card in enumerate(shown)},
    }
    return environment.get_template("page.html.j2").render(
        title=runs[0].name if len(runs) == 1 else f"{len(runs)} runs",
        runs=runs,
        colors=[charts.color_of(number) for number in range(len(runs))],
        figure_names=list(dict.fromkeys(name for run in runs for name in run.figures)),
        count_names=list(dict.fromkeys(name for run in runs for name in run.counts)),
        options=_options(runs),
        curve_titles=list(curves),
        measures=measures,
        confusions=[(name, _mistakes(matrix)) for name, matrix, _ in confused],
        calibrations=[
            {
                "run": run.name,
                "of": CALIBRATED[statistics.calibrated],
                "error": None if math.isnan(statistics.error) else 100 * statistics.error,
                "scores": sum(statistics.counts),
            }
            for run, statistics in measured
        ],
        lasting=[name for name, _ in lasting],
        joint=[name for name, _ in joint],
        cards=shown,
        ways=videos.ways(runs),
        missing=videos.missing(runs),
        video_classes=sorted({name for card in shown for name in card.classes}),
        video_kinds=sorted({kind for card in shown for kind in card.told.kinds}),
        charts=specs,
        boxes={f"boxes-{number}": card.told.boxes for number, card in enumerate(shown) if card.told.boxes is not None},
        plotly=charts.library(),
        style="\n".join([_template("page.css"), _template("videos.css"), player.style()]),
        scripts=[player.script(), _template("videos.js"), _template("page.js")],
    )


def _template(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _options(runs: Sequence[FinishedRun]) -> list[dict[str, Any]]:
    """Options that any of the runs changed. differs: whether the runs do not agree."""
    found = []
    for key in sorted({key for run in runs for key in run.options}):
        values = [repr(run.options[key]) if key in run.options else None for run in runs]
        found.append({"key": key, "values": values, "differs": len(set(values)) > 1})
    return found


def _measures(runs: Sequence[FinishedRun]) -> list[dict[str, Any]]:
    """For each measure of classes: its chart, and a row a class."""
    found = []
    for title in dict.fromkeys(of_class.measure for run in runs for of_class in run.per_class):
        columns = {
            number: of_class for number, run in enumerate(runs) for of_class in run.per_class if of_class.measure == title
        }
        names = list(dict.fromkeys(name for of_class in columns.values() for name in of_class.percent))
        rows = [
            {
                "name": name,
                "support": next((column.support[name] for column in columns.values() if name in column.support), None),
                "percent": [column.percent.get(name) for column in columns.values()],
            }
            for name in names
        ]
        found.append(
            {
                "title": title,
                "counted": next((column.counted for column in columns.values() if column.support), ""),
                "runs": list(columns),
                "rows": rows,
                "chart": charts.classes(runs, title, names),
            }
        )
    return found


def _mistakes(confused: ConfusedClasses) -> list[dict[str, Any]]:
    """The most frequent confusions."""
    found = [
        (count, 100 * count / sum(row), true, said)
        for true, row in zip(confused.classes, confused.videos, strict=True)
        for said, count in zip(confused.classes, row, strict=True)
        if count and true != said
    ]
    found.sort(key=lambda mistake: -mistake[0])
    return [
        {"true": true, "said": said, "videos": count, "percent": percent}
        for count, percent, true, said in found[:MOST_MISTAKES]
    ]
