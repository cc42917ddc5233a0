"""What a page says of the videos of its runs that were understood worst and best: a card a video."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from slowfast.engine.examined import LOSS, LOSS_IN_TIME, TRUE_SCORE, ExaminedVideo, ExaminedVideos
from slowfast.engine.examining import MATCHING_IOU, MOST_STRETCHES, NUM_EXAMINED
from slowfast.reports.page.films import Film, Shelf
from slowfast.reports.page.finished_run import FinishedRun
from slowfast.visualization.player import Row, timeline_chart

MEASURES = {
    TRUE_SCORE: "by the score of the true class: the worst are those in which it is lowest",
    LOSS: "by their loss: the cross-entropy (natural logarithm) of the scores of the video, each class on its own, and the "
    "mean over all classes; the worst are those in which it is highest",
    LOSS_IN_TIME: "by their loss: the cross-entropy (natural logarithm) of the scores at each moment, each class on its own, "
    "and the mean over all moments and classes; the worst are those in which it is highest",
}
RIGHT, SECOND, WRONG = "right", "true class among the first five", "true class not among the first five"
WRONG_OF_FEW = "wrong"
ALL_FIRST, SOME_WRONG, ALL_WRONG, NOTHING_TRUE = "right", "some classes wrong", "all classes wrong", "nothing is true"
NO_MISTAKE, MISSED, FALSE = "no wrong event", "missed events", "false events"
FIRST_FEW = 5
MOST_ROWS = 16
"""Classes of a timeline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """run: its place on the page. link: what addresses name it by. groups: "worst", "best" or both. place: in words. measured,
    summary: in words. kinds: of mistakes. classes: that are true or were wrongly said. table: (class, whether it is true,
    score). chart: its timeline."""

    run: int
    link: str
    name: str
    groups: tuple[str, ...]
    rank: int
    place: str
    measured: str
    summary: str
    kinds: tuple[str, ...]
    classes: tuple[str, ...]
    table: tuple[tuple[str, bool, float], ...]
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
    return (
        f"{whose} {kept} to look at: tests of an earlier version, of persons in videos and of videos that nobody has labelled "
        "do not."
    )


def _card(run: int, link: str, name: str, examined: ExaminedVideos, video: ExaminedVideo, film: Film) -> Card:
    names = examined.class_names
    from_best = examined.num_videos + 1 - video.place
    worst = video.place <= NUM_EXAMINED
    best = from_best <= NUM_EXAMINED
    place = f"worst {video.place}" if worst and (video.place <= from_best or not best) else f"best {from_best}"
    true_or_false = [*video.true, *(stretch[0] for stretch in video.truths), *video.false]
    shown = list(dict.fromkeys([*true_or_false, *video.scores]))[:MOST_ROWS]
    measured = f"{100 * video.measured:.1f} %" if examined.measure == TRUE_SCORE else f"{video.measured:.3f}"
    return Card(
        run=run,
        link=link,
        name=name,
        groups=(*(["worst"] if worst else []), *(["best"] if best else [])),
        rank=video.place,
        place=f"{place} of {examined.num_videos}",
        measured=f"{'score of the true class' if examined.measure == TRUE_SCORE else 'loss'} {measured}",
        summary=_summary(video, names),
        kinds=_kinds(video, len(names)),
        classes=tuple(dict.fromkeys(names[label] for label in (*video.true, *video.missed, *video.false))),
        table=tuple((names[label], label in video.true, 100 * score) for label, score in video.scores.items()),
        film=film,
        chart=_timeline(video, names, shown, film.duration),
        has_scores=video.along is not None,
    )


def _timeline(video: ExaminedVideo, names: Sequence[str], shown: Sequence[int], known: float | None) -> dict[str, Any]:
    along = video.along
    ends = [end for _, end in along.seconds] if along is not None else []
    ends += [end for *_, end in video.found or ()]
    # Truths may be said to go on behind the end.
    duration = known or max(ends, default=0.0) or max((end for *_, end in video.truths), default=0.0) or 1.0
    # The one class of a video is true all the time.
    truths = video.truths or (tuple((label, 0.0, duration) for label in video.true) if video.rank is not None else ())
    rows = [
        Row(
            name=names[label],
            true=[(start, end) for other, start, end in truths if other == label],
            found=[(start, end) for other, start, end in video.found or () if other == label],
            scores=() if along is None else along.scores.get(label, ()),
        )
        for label in shown
    ]
    return timeline_chart(rows, () if along is None else along.seconds, duration=duration)


def _kinds(video: ExaminedVideo, num_classes: int) -> tuple[str, ...]:
    if video.rank is not None:
        wrong = WRONG_OF_FEW if num_classes <= FIRST_FEW else SECOND if video.rank <= FIRST_FEW else WRONG
        return (wrong if video.missed else RIGHT,)
    if video.found is not None:
        kinds = [*([MISSED] if video.missed else []), *([FALSE] if video.false else [])]
        return tuple(kinds) or (NO_MISTAKE,)
    if not video.true:
        return (NOTHING_TRUE,)
    return (ALL_FIRST if not video.missed else SOME_WRONG if len(video.missed) < len(video.true) else ALL_WRONG,)


def _summary(video: ExaminedVideo, names: Sequence[str]) -> str:
    if video.rank is not None:
        true = names[video.true[0]]
        return f"{true}, taken for {names[video.false[0]]}" if video.false else f"{true}, recognised"
    if video.found is not None:
        return _summary_of_events(video, names)
    if not video.true:
        return "Nothing is true in this video."
    if not video.missed:
        return (
            "Its one class has the best score."
            if len(video.true) == 1
            else f"Its {len(video.true)} classes have the best scores."
        )
    of = "The one class is" if len(video.true) == 1 else f"{len(video.missed)} of {len(video.true)} classes {_is(video.missed)}"
    return f"{of} wrong: missed {_listed(video.missed, names)}; said {_listed(video.false, names)}."


def _summary_of_events(video: ExaminedVideo, names: Sequence[str]) -> str:
    true, missed, false = len(video.truths), len(video.missed), len(video.false)
    if not true and not false:
        return "Nothing happens, and nothing was found."
    parts = []
    if missed:
        parts.append(f"{missed} of {true} {_events(true)} missed ({_listed(video.missed, names)})")
    elif true:
        parts.append("its one event found" if true == 1 else f"all {true} events found")
    if false:
        parts.append(f"{false} false {_events(false)} ({_listed(video.false, names)})")
    text = ", ".join(parts)
    return f"{text[0].upper()}{text[1:]}."


def _listed(labels: Sequence[int], names: Sequence[str]) -> str:
    counts = Counter(labels)
    shown = [names[label] if count == 1 else f"{count} × {names[label]}" for label, count in counts.most_common(FIRST_FEW)]
    return ", ".join([*shown, *([f"{len(counts) - len(shown)} more"] if len(counts) > len(shown) else [])])


def _is(labels: Sequence[int]) -> str:
    return "is" if len(labels) == 1 else "are"


def _events(count: int) -> str:
    return "event" if count == 1 else "events"
