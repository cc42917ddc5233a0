"""The page itself: a template filled in with what was found in one video."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import numpy as np

from slowfast.annotations.events import Events
from slowfast.evaluation.timed import TimedScores
from slowfast.reports.page.charts import COLORS, library
from slowfast.reports.timeline_page.chart import chart_of
from slowfast.reports.timeline_page.outline import outline

TEMPLATES = Path(__file__).parent / "templates"

MOST_POINTS = 1500
"""Of the course of a score: about as many as a screen has pixels across."""

MOST_EVENTS = 1000
"""That the page lists and draws, the highest scores first; it stays light however long the video is."""

MOST_CLASSES = len(COLORS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """A video file that the page plays. name: what people call it; address: as the page links to it."""

    name: str
    address: str

    @classmethod
    def beside(cls, path: Path, folder: Path) -> Film:
        """folder: where the page will lie. The link leads there for as long as the two keep their places to each other."""
        way = os.path.relpath(path.resolve(), folder.resolve())
        return cls(name=os.fsencode(path.name).decode(errors="replace"), address=quote(os.fsencode(way)))


def timeline_page(
    title: str,
    timed: TimedScores,
    events: Events,
    classes: Sequence[str],
    drawn: Sequence[int],
    films: Sequence[Film],
) -> str:
    """HTML with all it needs inside but the video.

    events: of the video, in any order, with scores; label: number of the class. drawn: numbers of the classes whose scores are
    drawn; at most MOST_CLASSES. films: the page plays the first that the browser can play; none: it has no player.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    scores = events.score if events.score is not None else np.zeros(len(events))
    kept = np.sort(np.argsort(-scores, kind="stable")[:MOST_EVENTS])
    shown, scores = events[kept], scores[kept]
    order = np.lexsort((shown.label, shown.end, shown.start))
    course = outline(timed, MOST_POINTS)
    end = max([timed.duration, *timed.seconds[-1:, 1].tolist()])
    return environment.get_template("timeline.html.j2").render(
        title=title,
        end=end,
        clock=clock,
        events=[
            {"start": start, "end": stop, "class": classes[label], "score": score}
            for start, stop, label, score in zip(
                *(column[order].tolist() for column in (shown.start, shown.end, shown.label, scores)), strict=True
            )
        ],
        num_events=len(events),
        drawn=[(classes[number], COLORS[place % len(COLORS)]) for place, number in enumerate(drawn)],
        num_classes=len(classes),
        width=course.width,
        films=films,
        data={
            "chart": chart_of(course, shown, classes, drawn, end=end),
            "end": end,
            "films": [{"name": film.name, "address": film.address} for film in films],
        },
        plotly=library(),
        style=(TEMPLATES / "timeline.css").read_text(encoding="utf-8"),
        script=(TEMPLATES / "timeline.js").read_text(encoding="utf-8"),
    )


def clock(seconds: float) -> str:
    """1:02:03.4, as the page writes times."""
    tenths = round(seconds * 10)
    return f"{tenths // 36000}:{tenths // 600 % 60:02d}:{tenths // 10 % 60:02d}.{tenths % 10}"
