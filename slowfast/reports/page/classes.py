"""What a page tells of a video whose classes or events were judged."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

from slowfast.engine.examined import ExaminedVideo
from slowfast.reports.page.told import FIRST_FEW, Table, Told, listed, sentence, several
from slowfast.visualization.player import FOUND, TRUE, Kind
from slowfast.visualization.player.timeline_chart import Stretch

RIGHT, SECOND, WRONG = "right", "true class among the first five", "true class not among the first five"
WRONG_OF_FEW = "wrong"
ALL_FIRST, SOME_WRONG, ALL_WRONG, NOTHING_TRUE = "right", "some classes wrong", "all classes wrong", "nothing is true"
NO_MISTAKE, MISSED, FALSE = "no wrong event", "missed events", "false events"


def told(video: ExaminedVideo, names: Sequence[str]) -> Told:
    """names: of all classes."""
    scores = [
        (names[label], "yes" if label in video.true else "no", f"{100 * score:.1f}") for label, score in video.scores.items()
    ]
    return Told(
        summary=_summary(video, names),
        kinds=_kinds(video, len(names)),
        table=Table(caption="Scores of the whole video", heads=("class", "true", "score, %"), rows=tuple(scores)),
        shown=[*video.true, *(stretch[0] for stretch in video.truths), *video.false, *video.scores],
        bars=functools.partial(_bars, video),
    )


def _bars(video: ExaminedVideo, label: int, duration: float) -> Mapping[Kind, Sequence[Stretch]]:
    # The one class of a video is true all the time.
    truths = video.truths or (tuple((true, 0.0, duration) for true in video.true) if video.rank is not None else ())
    kinds = {TRUE: truths, **({} if video.found is None else {FOUND: video.found})}
    return {kind: [(start, end) for other, start, end in stretches if other == label] for kind, stretches in kinds.items()}


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
    return f"{of} wrong: missed {listed(video.missed, names)}; said {listed(video.false, names)}."


def _summary_of_events(video: ExaminedVideo, names: Sequence[str]) -> str:
    true, missed, false = len(video.truths), len(video.missed), len(video.false)
    if not true and not false:
        return "Nothing happens, and nothing was found."
    parts = []
    if missed:
        parts.append(f"{missed} of {several(true, 'event')} missed ({listed(video.missed, names)})")
    elif true:
        parts.append("its one event found" if true == 1 else f"all {true} events found")
    if false:
        parts.append(f"{several(false, 'false event')} ({listed(video.false, names)})")
    return sentence(parts)


def _is(labels: Sequence[int]) -> str:
    return "is" if len(labels) == 1 else "are"
