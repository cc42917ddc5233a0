"""LongCook as a folder of Charades (v1): csv files with intervals, and videos."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from longcook.film import Contents
from longcook.manifest import Recipe
from longcook.plan_milk import MilkScript, plan_milk
from longcook.plan_shift import ShiftScript, plan_shifts
from longcook.rendering import film_of
from longcook.script import CLASS_NAMES, POUR, Splits

Cook = TypeVar("Cook", MilkScript, ShiftScript)

_COLUMNS = (
    "id", "subject", "scene", "quality", "relevance", "verified", "script", "objects", "descriptions", "actions", "length",
)  # fmt: skip

_OBJECTS = {
    0: "coffee mill", 1: "tea bag", 2: "cocoa", 3: "mortar", 4: "pot", 5: "knife", 6: "cloth", POUR: "jug",
}  # fmt: skip


def contents(recipe: Recipe) -> Contents:
    """A list for each split with one row a video, the list of classes, and the videos."""
    return _contents(plan_milk(recipe.counts, seed=recipe.seed), _story)


def hour_contents(recipe: Recipe) -> Contents:
    """The same of LongCook-Hour, and events_<split>.csv with one row an event."""
    splits = plan_shifts(recipe.counts, seed=recipe.seed, minutes=recipe.minutes or 1, num_tables=recipe.tables or 1)
    plain = _contents(splits, _shift_story)
    events = {f"events_{split}.csv": _events_csv(scripts) for split, scripts in splits.items()}
    return dataclasses.replace(plain, texts={**plain.texts, **events})


def _contents(splits: Splits[Cook], story: Callable[[Cook], tuple[str, str]]) -> Contents:
    texts = {f"Charades_v1_{split}.csv": _annotation_csv(scripts, story) for split, scripts in splits.items()}
    texts["Charades_v1_classes.txt"] = _classes_txt()
    films = tuple(film_of(script, f"videos/{script.video_id}.mp4") for scripts in splits.values() for script in scripts)
    return Contents(films=films, texts=texts)


def _annotation_csv(scripts: Iterable[Cook], story: Callable[[Cook], tuple[str, str]]) -> str:
    """Text of Charades_v1_<split>.csv: a header and one row a video."""
    return _csv(_COLUMNS, (_row(script, *story(script)) for script in scripts))


def _events_csv(scripts: Iterable[ShiftScript]) -> str:
    """Text of events_<split>.csv: a header and one row an event."""
    rows = (
        (script.video_id, f"{event.start_centisec / 100:.2f}", f"{event.end_centisec / 100:.2f}", CLASS_NAMES[event.label])
        for script in scripts
        for event in sorted((*script.events, *script.drinks), key=lambda event: event.start_centisec)
    )
    return _csv(("video", "start", "end", "class"), rows)


def _csv(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def _classes_txt() -> str:
    """Text of Charades_v1_classes.txt: "c000 Grind coffee beans" and so on."""
    return "".join(f"c{label:03d} {name}\n" for label, name in enumerate(CLASS_NAMES))


def _row(script: MilkScript | ShiftScript, plan: str, told: str) -> list[str]:
    actions = ";".join(
        f"c{event.label:03d} {event.start_centisec / 100:.2f} {event.end_centisec / 100:.2f}"
        for event in (*script.events, *script.drinks)
    )
    return [
        script.video_id, "COOK", "Kitchen", "7", "7", "Yes", plan,
        ";".join(dict.fromkeys(_OBJECTS[event.label] for event in script.events)),
        told, actions, f"{script.length_centisec / 100:.2f}",
    ]  # fmt: skip


def _story(script: MilkScript) -> tuple[str, str]:
    """What was planned, and what an onlooker says of it."""
    deeds = [CLASS_NAMES[event.label].lower() for event in (*script.events, *script.drinks)]
    return (
        f"A cook is going to {', '.join(deeds[:-2])}, and pour milk: the plan is to {deeds[-1]}.",
        f"A person cooks, then pours milk to {deeds[-1]}.",
    )


def _shift_story(script: ShiftScript) -> tuple[str, str]:
    where = ("one table", "two tables")[script.tables - 1]
    return (
        f"A cook works a shift of {script.length_centisec / 6000:.1f} minutes at {where}.",
        f"A person prepares things at {where} and pours milk {len(script.drinks)} times.",
    )
