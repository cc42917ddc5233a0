"""What a page says of the persons in a video: words, a table, bars of a timeline, and boxes over the player."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from slowfast.engine.examined import ExaminedVideo
from slowfast.engine.examined_persons import ExaminedMoment, ExaminedPerson
from slowfast.engine.examining_persons import SAID
from slowfast.engine.person_matching import SAME_PERSON
from slowfast.reports.page.told import Table, Told, listed, sentence, several
from slowfast.visualization.player import Kind
from slowfast.visualization.player.timeline_chart import SAID_COLOR, TRUE_COLOR, WRONG_COLOR, Stretch

RIGHT = Kind(name="right", color=SAID_COLOR, height=0.12)
MISSED = Kind(name="missed", color=TRUE_COLOR, pattern="/", height=0.12)
WRONG = Kind(name="wrong", color=WRONG_COLOR, pattern="x", height=0.12)
KINDS = (RIGHT, MISSED, WRONG)

MISSED_ACTIONS, WRONG_ACTIONS, NOT_FOUND, NOBODY = (
    "missed actions",
    "wrong actions",
    "persons not found",
    "boxes without a person",
)
NO_WRONG_ACTION = "all actions right"

WAYS = (
    "Of a person the network is taken to say as many actions as are true, those with the best scores; of a box without a true "
    f"person, those with a score of {100 * SAID:g} % or more. A box is of the true person whom it overlaps most, by "
    f"{SAME_PERSON:g} or more (intersection over union); a true person without such a box was not found.",
    "Boxes are shown from their annotated moment to the next one: ✓ is a right action, ○ a missed one, ✕ a wrong one; a thick "
    "line says that something is wrong, dashes that the person was not found, dots that there is no true person.",
)

TOUCHING_SEC = 1e-3
HEADS = ("class", "true", "right", "missed", "wrong", "AP, %")


def told(video: ExaminedVideo, names: Sequence[str]) -> Told:
    """Of a video with moments. names: of all classes."""
    moments = video.moments or ()
    persons = [person for moment in moments for person in moment.persons]
    # Those whose scores in time are kept come with most mistakes first.
    shown = list(dict.fromkeys([*(video.along.scores if video.along is not None else ()), *video.true, *video.false]))
    bars = _bars(moments)
    return Told(
        summary=_summary(persons, len(moments), names),
        kinds=_kinds(persons),
        table=Table(caption="Actions of persons at all moments", heads=HEADS, rows=_rows(video, persons, shown, names)),
        shown=shown,
        bars=lambda label, _: bars.get(label, {}),
        boxes=_boxes(moments, names),
    )


def _kinds(persons: Sequence[ExaminedPerson]) -> tuple[str, ...]:
    found = {
        MISSED_ACTIONS: any(person.missed for person in persons),
        WRONG_ACTIONS: any(person.wrong for person in persons),
        NOT_FOUND: any(person.said is None for person in persons),
        NOBODY: any(person.true is None for person in persons),
    }
    return tuple(kind for kind, is_there in found.items() if is_there) or (NO_WRONG_ACTION,)


def _summary(persons: Sequence[ExaminedPerson], num_moments: int, names: Sequence[str]) -> str:
    true = sum(len(person.true or ()) for person in persons)
    missed = [label for person in persons for label in person.missed]
    wrong = [label for person in persons for label in person.wrong]
    not_found = sum(person.said is None for person in persons)
    nobody = sum(person.true is None for person in persons)
    parts = [
        f"{len(missed)} of {several(true, 'action')} missed ({listed(missed, names)})"
        if missed
        else f"all of {several(true, 'action')} right",
        *([f"{len(wrong)} wrong ({listed(wrong, names)})"] if wrong else []),
        *([f"{several(not_found, 'person')} not found"] if not_found else []),
        *([f"{several(nobody, 'box', 'boxes')} without a person"] if nobody else []),
    ]
    return sentence([f"{several(num_moments, 'moment')}: {parts[0]}", *parts[1:]])


def _rows(
    video: ExaminedVideo, persons: Sequence[ExaminedPerson], shown: Sequence[int], names: Sequence[str]
) -> tuple[tuple[str, ...], ...]:
    """As HEADS says."""
    true, right, missed, wrong = (
        Counter(label for person in persons for label in getattr(person, of) or ())
        for of in ("true", "right", "missed", "wrong")
    )
    return tuple(
        (
            names[label],
            *(str(counts[label]) for counts in (true, right, missed, wrong)),
            f"{100 * video.scores[label]:.1f}" if label in video.scores else "–",
        )
        for label in shown
    )


def _bars(moments: Sequence[ExaminedMoment]) -> Mapping[int, Mapping[Kind, Sequence[Stretch]]]:
    """By action, when it is right, missed and wrong, of whomever; moments that meet are one stretch."""
    found: dict[int, dict[Kind, list[Stretch]]] = {}
    for moment in moments:
        for kind in KINDS:
            for label in {label for person in moment.persons for label in getattr(person, kind.name)}:
                stretches = found.setdefault(label, {kind: [] for kind in KINDS})[kind]
                if stretches and moment.start - stretches[-1][1] < TOUCHING_SEC:
                    stretches[-1] = (stretches[-1][0], moment.end)
                else:
                    stretches.append((moment.start, moment.end))
    return found


def _boxes(moments: Sequence[ExaminedMoment], names: Sequence[str]) -> dict[str, Any]:
    """What boxes.js shows."""
    return {
        "classes": list(names),
        "kinds": {"missed": MISSED_ACTIONS, "wrong": WRONG_ACTIONS, "unfound": NOT_FOUND, "nobody": NOBODY},
        "moments": [
            [moment.start, moment.end, moment.second, [[*p.box, _state(p), _marks(p)] for p in moment.persons]]
            for moment in moments
        ],
    }


def _state(person: ExaminedPerson) -> str:
    return "nobody" if person.true is None else "unfound" if person.said is None else "person"


def _marks(person: ExaminedPerson) -> list[list[Any]]:
    """(class, right, missed or wrong, score)."""
    return [
        [label, kind, person.scores.get(label)]
        for kind, labels in (("right", person.right), ("missed", person.missed), ("wrong", person.wrong))
        for label in labels
    ]
