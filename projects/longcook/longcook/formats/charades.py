"""LongCook as a folder of Charades (v1): csv files with intervals, and videos."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from longcook.film import Contents
from longcook.manifest import Recipe
from longcook.plan_milk import MilkScript, plan_milk
from longcook.rendering import film_of
from longcook.script import CLASS_NAMES, POUR

_COLUMNS = (
    "id", "subject", "scene", "quality", "relevance", "verified", "script", "objects", "descriptions", "actions", "length",
)  # fmt: skip

_OBJECTS = {
    0: "coffee mill", 1: "tea bag", 2: "cocoa", 3: "mortar", 4: "pot", 5: "knife", 6: "cloth", POUR: "jug",
}  # fmt: skip


def contents(recipe: Recipe) -> Contents:
    """A list for each split with one row a video, the list of classes, and the videos."""
    splits = plan_milk(recipe.counts, seed=recipe.seed)
    texts = {f"Charades_v1_{split}.csv": _annotation_csv(scripts) for split, scripts in splits.items()}
    texts["Charades_v1_classes.txt"] = _classes_txt()
    films = tuple(film_of(script, f"videos/{script.video_id}.mp4") for scripts in splits.values() for script in scripts)
    return Contents(films=films, texts=texts)


def _annotation_csv(scripts: Iterable[MilkScript]) -> str:
    """Text of Charades_v1_<split>.csv: a header and one row a video."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows(_row(script) for script in scripts)
    return text.getvalue()


def _classes_txt() -> str:
    """Text of Charades_v1_classes.txt: "c000 Grind coffee beans" and so on."""
    return "".join(f"c{label:03d} {name}\n" for label, name in enumerate(CLASS_NAMES))


def _row(script: MilkScript) -> list[str]:
    intervals = [(event.label, event.start_centisec, event.end_centisec) for event in script.events]
    intervals.append((script.composite, script.pouring.start_centisec, script.pouring.end_centisec))
    actions = ";".join(f"c{label:03d} {start / 100:.2f} {end / 100:.2f}" for label, start, end in intervals)
    deeds = [CLASS_NAMES[label].lower() for label, _, _ in intervals]
    return [
        script.video_id, "COOK", "Kitchen", "7", "7", "Yes",
        f"A cook is going to {', '.join(deeds[:-2])}, and pour milk: the plan is to {deeds[-1]}.",
        ";".join(dict.fromkeys(_OBJECTS[event.label] for event in script.events)),
        f"A person cooks, then pours milk to {deeds[-1]}.",
        actions,
        f"{script.length_centisec / 100:.2f}",
    ]  # fmt: skip
