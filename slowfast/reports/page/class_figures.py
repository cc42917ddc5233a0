"""What a test measured of each class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from slowfast.engine.timed_evaluation import SHOWN_IOU


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassFigures:
    """One measure. percent: by class; None: undefined. support: how often each class is true, what `counted` says; empty: not
    known."""

    measure: str
    percent: Mapping[str, float | None]
    support: Mapping[str, int]
    counted: str


def class_figures(results: Mapping[str, Any]) -> tuple[ClassFigures, ...]:
    """All that results.json has. Raises KeyError, TypeError, ValueError or AttributeError for content of another form."""
    found = []
    counted = "boxes" if "num_boxes" in results else "videos"
    for key, value, support, measure in (
        ("per_class_ap", "ap", "support", "Average precision"),
        ("per_class_accuracy", "accuracy", "videos", "Accuracy"),
    ):
        if key in results:
            entries = results[key]
            found.append(
                ClassFigures(
                    measure=measure,
                    percent={str(entry["class"]): _percent(entry[value]) for entry in entries},
                    support={str(entry["class"]): int(entry[support]) for entry in entries if support in entry},
                    counted=counted,
                )
            )
    in_time = results.get("in_time", {})
    if "frames" in in_time:
        percent = {name: _percent(value) for name, value in in_time["frames"]["ap"].items()}
        found.append(ClassFigures(measure="Average precision of frames", percent=percent, support={}, counted=""))
    if "events" in in_time:
        events = in_time["events"]
        found.append(
            ClassFigures(
                measure=f"Average precision of events at an overlap of {SHOWN_IOU:g}",
                percent={name: _percent(by_overlap[f"{SHOWN_IOU:g}"]) for name, by_overlap in events["ap"].items()},
                support={name: int(count) for name, count in events["truths"].items()},
                counted="events",
            )
        )
    return tuple(found)


def _percent(value: float | None) -> float | None:
    return None if value is None else 100 * float(value)
