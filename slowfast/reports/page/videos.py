"""What a page says of the videos of its runs that were understood worst and best: a card a video."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from slowfast.engine.examined import LOSS, LOSS_IN_TIME, MEAN_AP, TRUE_SCORE, ExaminedVideo, ExaminedVideos
from slowfast.engine.examining import MATCHING_IOU, MOST_STRETCHES, NUM_EXAMINED
from slowfast.reports.page import classes, persons
from slowfast.reports.page.films import Film, Shelf
from slowfast.reports.page.finished_run import FinishedRun
from slowfast.reports.page.told import Told
from slowfast.visualization.player import Row, timeline_chart

MEASURES = {
    TRUE_SCORE: "by the score of the true class: the worst are those in which it is lowest",
    LOSS: "by their loss: the cross-entropy (natural logarithm) of the scores of the video, each class on its own, and the "
    "mean over all classes; the worst are those in which it is highest",
    LOSS_IN_TIME: "by their loss: the cross-entropy (natural logarithm) of the scores at each moment, each class on its own, "
    "and the mean over all moments and classes; the worst are those in which it is highest",
    MEAN_AP: "by the mean average precision of their boxes: the frame mAP of each video on its own, over the classes that are "
    "true in it; the worst are those in which it is lowest",
}
MEASURED = {TRUE_SCORE: "score of the true class", LOSS: "loss", LOSS_IN_TIME: "loss", MEAN_AP: "mean AP"}
SHARES = (TRUE_SCORE, MEAN_AP)
"""What is told in percent."""

MOST_ROWS = 16
"""Classes of a timeline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """run: its place on the page. link: what addresses name it by. groups: "worst", "best" or both. place, measured: in words.
    classes: that are true or were wrongly said. chart: its timeline."""

    run: int
    link: str
    name: str
    groups: tuple[str, ...]
    rank: int
    place: str
    measured: str
    told: Told
    classes: tuple[str, ...]
    film: Film
    chart: dict[str, Any]
    has_scores: bool


def cards(runs: Sequence[FinishedRun], shelf: Shelf) -> list[Card]:
    """Of all runs, the worst first. Raises WriteError where a film of a video cannot be written."""
    found = []
    for number, run in enumerate(runs):
        if run.examined is not None:
            ids = Counter(video.video_id for video in run.examined.videos)
            for video in run.examined.videos:
                name = video.video_id if ids[video.video_id] == 1 else f"{video.video_id} ({video.number})"
                found.append(_card(number, f"{run.name}/{name}", name, run.examined, video, shelf.film(video)))
    return sorted(found, key=lambda card: (card.rank, card.run))


def ways(runs: Sequence[FinishedRun]) -> list[str]:
    """How the videos are ordered, a sentence for each way that a run has."""
    found = []
    for measure in dict.fromkeys(run.examined.measure for run in runs if run.examined is not None):
        found.append(f"Videos are ordered {MEASURES[measure]}.")
        videos = [
            video
            for run in runs
            if run.examined is not None and run.examined.measure == measure
            for video in run.examined.videos
        ]
        if any(video.found is not None for video in videos):
            found.append(
                f"An event that was found is a true one if it is of its class and the two overlap by {MATCHING_IOU:g} or more "
                "(intersection over union), each true event once."
            )
        elif measure == MEAN_AP:
            found += persons.WAYS
        elif measure != TRUE_SCORE:
            found.append("The network is taken to say as many classes as are true in a video: those with the best scores.")
    if any(video.along is not None and len(video.along.seconds) > MOST_STRETCHES // 2 for video in _videos(runs)):
        found.append(f"Of long videos a strip shows the highest score within each of up to {MOST_STRETCHES} parts.")
    return found


def _videos(runs: Sequence[FinishedRun]) -> list[ExaminedVideo]:
    return [video for run in runs if run.examined is not None for video in run.examined.videos]


def missing(runs: Sequence[FinishedRun]) -> str:
    """A sentence on the runs that have no videos to show; empty if all have."""
    without = [run.name for run in runs if run.examined is None]
    if not without:
        return ""
    whose = "This run" if len(runs) == 1 else ", ".join(without)
    kept = "has kept no videos" if len(without) == 1 else "have kept no videos"
    return f"{whose} {kept} to look at: tests of an earlier version and of videos that nobody has labelled do not."


def _card(run: int, link: str, name: str, examined: ExaminedVideos, video: ExaminedVideo, film: Film) -> Card:
    names = examined.class_names
    from_best = examined.num_videos + 1 - video.place
    worst = video.place <= NUM_EXAMINED
    best = from_best <= NUM_EXAMINED
    place = f"worst {video.place}" if worst and (video.place <= from_best or not best) else f"best {from_best}"
    told = persons.told(video, names) if video.moments is not None else classes.told(video, names)
    measured = f"{100 * video.measured:.1f} %" if examined.measure in SHARES else f"{video.measured:.3f}"
    return Card(
        run=run,
        link=link,
        name=name,
        groups=(*(["worst"] if worst else []), *(["best"] if best else [])),
        rank=video.place,
        place=f"{place} of {examined.num_videos}",
        measured=f"{MEASURED[examined.measure]} {measured}",
        told=told,
        classes=tuple(dict.fromkeys(names[label] for label in (*video.true, *video.missed, *video.false))),
        film=film,
        chart=_timeline(video, told, names, film.duration),
        has_scores=video.along is not None,
    )


def _timeline(video: ExaminedVideo, told: Told, names: Sequence[str], known: float | None) -> dict[str, Any]:
    along = video.along
    ends = [end for _, end in along.seconds] if along is not None else []
    ends += [end for *_, end in video.found or ()] + [moment.end for moment in video.moments or ()]
    # Truths may be said to go on behind the end.
    duration = known or max(ends, default=0.0) or max((end for *_, end in video.truths), default=0.0) or 1.0
    rows = [
        Row(
            name=names[label],
            bars=told.bars(label, duration),
            scores=() if along is None else along.scores.get(label, ()),
        )
        for label in list(dict.fromkeys(told.shown))[:MOST_ROWS]
    ]
    return timeline_chart(rows, () if along is None else along.seconds, duration=duration)
