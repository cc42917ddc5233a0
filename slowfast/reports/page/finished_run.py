"""A finished run, as its folder holds it."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from slowfast.engine.examined import EXAMINED, ExaminedVideos, read_examined
from slowfast.engine.score_statistics import STATISTICS, ScoreStatistics, read_statistics
from slowfast.engine.testing import CONFUSION, RESULTS
from slowfast.reports.page.class_figures import ClassFigures, class_figures
from slowfast.reports.page.errors import ReportError
from slowfast.runtime.logging import LOG_FILE, of_last_training, read_stats

Content = TypeVar("Content")

RIGHT_RESULTS = f"right would be {RESULTS} as a test writes it; run the test again (TRAIN.ENABLE False)"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfusedClasses:
    """Which classes were taken for which. videos: (K, K) counts, by true class (row) and class that the network said."""

    classes: tuple[str, ...]
    videos: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedRun:
    """figures: in percent, by name; None: undefined. counts: what they were measured on. options: those that differ from their
    defaults, by full key. stats: statistics of the last training in the log, none where it was trained elsewhere. seconds: that
    the test took."""

    name: str
    dataset: str
    checkpoint: str
    seconds: float
    figures: Mapping[str, float | None]
    counts: Mapping[str, int]
    options: Mapping[str, Any]
    per_class: tuple[ClassFigures, ...]
    confusion: ConfusedClasses | None
    stats: Sequence[Mapping[str, Any]]
    examined: ExaminedVideos | None = None
    statistics: ScoreStatistics | None = None


def read_runs(folders: Sequence[Path]) -> list[FinishedRun]:
    """Runs under names that tell them apart. Raises ReportError."""
    places = [folder.resolve() for folder in folders]
    for place in places:
        if places.count(place) > 1:
            raise ReportError(f"{place}: this run is named twice; right would be every run once")
    return [read_run(place, name) for place, name in zip(places, _short_names(places), strict=True)]


def read_run(folder: Path, name: str) -> FinishedRun:
    """The run in its OUTPUT_DIR. Raises ReportError for a folder that is none, a run that was not tested, a damaged file."""
    content = _read_results(folder)
    try:
        return FinishedRun(
            name=name,
            dataset=str(content["dataset"]),
            checkpoint=str(content["checkpoint"]),
            seconds=float(content["seconds"]),
            figures={str(key): None if value is None else float(value) for key, value in content["metrics"].items()},
            counts={key: int(value) for key, value in content.items() if key.startswith("num_")},
            options=dict(content["config"]),
            per_class=class_figures(content),
            confusion=_confusion(folder, content),
            stats=_training(folder / LOG_FILE),
            examined=_optional(folder / EXAMINED, read_examined),
            statistics=_optional(folder / STATISTICS, read_statistics),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, ReportError):
            raise
        what = f"there is no {error}" if isinstance(error, KeyError) else str(error)
        raise ReportError(f"{folder / RESULTS}: damaged: {what}; {RIGHT_RESULTS}") from None


def _read_results(folder: Path) -> dict[str, Any]:
    path = folder / RESULTS
    if not folder.is_dir():
        raise ReportError(f"{folder}: there is no such folder; right would be the OUTPUT_DIR of a run")
    if not path.is_file():
        if (folder / LOG_FILE).is_file() or (folder / "checkpoints").is_dir():
            raise ReportError(
                f"{folder}: there is no {RESULTS}: this run was not tested, or its test did not end; right would be to test it "
                "first (its config with TRAIN.ENABLE False)"
            )
        raise ReportError(f"{folder}: there is no run in this folder; right would be the OUTPUT_DIR of a run, with {RESULTS}")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ReportError(f"{path}: cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        raise ReportError(f"{path}: damaged: {error}; {RIGHT_RESULTS}") from None
    if not isinstance(content, dict):
        raise ReportError(f"{path}: damaged: this is no JSON object; {RIGHT_RESULTS}")
    return content


def _training(path: Path) -> list[Mapping[str, Any]]:
    if not path.is_file():
        return []
    try:
        return of_last_training(read_stats(path))
    except OSError as error:
        raise ReportError(f"{path}: cannot be read: {error.strerror or error}") from None


def _optional(path: Path, read: Callable[[Path], Content]) -> Content | None:
    """What a test of today leaves, and one of an earlier version did not."""
    if not path.is_file():
        return None
    try:
        return read(path)
    except OSError as error:
        raise ReportError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"there is no {error}" if isinstance(error, KeyError) else str(error)
        raise ReportError(
            f"{path}: damaged: {what}; right would be {path.name} as a test writes it, or none; run the test again "
            "(TRAIN.ENABLE False)"
        ) from None


def _confusion(folder: Path, content: Mapping[str, Any]) -> ConfusedClasses | None:
    """From the table beside the results where the classes are too many to stand in them."""
    if "per_class_accuracy" not in content:
        return None
    classes = tuple(str(entry["class"]) for entry in content["per_class_accuracy"])
    rows = content["confusion_matrix"] if "confusion_matrix" in content else _read_table(folder / CONFUSION)
    videos = tuple(tuple(int(count) for count in row) for row in rows)
    if {len(videos), *map(len, videos)} != {len(classes)}:
        raise ReportError(f"{folder}: the confusion matrix is not one of {len(classes)} classes; {RIGHT_RESULTS}")
    return ConfusedClasses(classes=classes, videos=videos)


def _read_table(path: Path) -> list[list[str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return [row[1:] for row in csv.reader(file)][1:]
    except OSError as error:
        raise ReportError(f"{path}: cannot be read: {error.strerror or error}; {RIGHT_RESULTS}") from None


def _short_names(places: Sequence[Path]) -> list[str]:
    """The name of each folder, with as many of those above it as are needed to tell them all apart."""
    most = max(len(place.parts) for place in places)
    for length in range(1, most):
        names = ["/".join(place.parts[-length:]) for place in places]
        if len(set(names)) == len(names):
            return names
    return [str(place) for place in places]
