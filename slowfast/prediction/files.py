"""What is written of a prediction: a folder with its scores and events, there whole or not at all."""

from __future__ import annotations

import csv
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slowfast.annotations.events import format_csv, format_results
from slowfast.engine import checkpoint
from slowfast.prediction.errors import PredictionError
from slowfast.prediction.inputs import ANNOTATED, DETECTIONS, EVENTS, EVENTS_TABLE, SCORES, TIMELINE
from slowfast.prediction.results import Prediction
from slowfast.runtime.atomic_files import make_folder, writing
from slowfast.runtime.errors import CheckpointError

OURS = {SCORES, EVENTS_TABLE, EVENTS, DETECTIONS, TIMELINE, ANNOTATED}


@dataclass(frozen=True, slots=True)
class Shown:
    """What is written. classes: the numbers of these alone. top: of each moment only so many in the table of scores, the best;
    None: all."""

    classes: tuple[int, ...]
    top: int | None

    @classmethod
    def of(cls, names: tuple[str, ...], wanted: Collection[str] | None, top: int | None) -> Shown:
        """wanted: names of classes; None: all. Raises PredictionError for a name that is none."""
        strange = [name for name in wanted or () if name not in names]
        if strange:
            raise PredictionError(
                f"class {strange[0]!r}: these weights have none of this name; right would be some of {', '.join(names)}"
            )
        if top is not None and top < 1:
            raise PredictionError(f"top {top}: right would be 1 or more")
        return cls(tuple(number for number, name in enumerate(names) if wanted is None or name in wanted), top)

    def best(self, scores: NDArray[np.float32]) -> list[int]:
        """Numbers of the classes of one row of scores (K,) that are shown: as they are, or the best ones, the highest first."""
        classes = np.array(self.classes)
        if self.top is not None:
            classes = classes[np.argsort(-scores[classes], kind="stable")[: self.top]]
        return list(classes.tolist())


def kept_state(path: Path, fingerprint: str) -> dict[str, Any] | None:
    """What an unfinished run has kept in a file; None: there is none. Raises CheckpointError for one of another run."""
    if not path.is_file():
        return None
    state: dict[str, Any] = checkpoint.load(path)
    if state.get("fingerprint") != fingerprint:
        raise CheckpointError(
            f"{path}: is of a run with other weights, inputs or options; right would be the same command as before, or no "
            "--resume to begin anew"
        )
    return state


def check_folder(folder: Path) -> None:
    """Raises PredictionError where results cannot lie in this folder, as something else does."""
    if folder.exists() and not folder.is_dir():
        raise PredictionError(
            f"{folder}: results would lie in a folder of this name, and there is a file; right would be another --out"
        )
    strange = sorted(path.name for path in folder.iterdir() if path.name not in OURS) if folder.exists() else []
    if strange:
        raise PredictionError(
            f"{folder}: results would take the place of this folder, and it holds {strange[0]!r}, which is none "
            "of them; right would be another --out"
        )


def write_prediction(
    folder: Path, prediction: Prediction, shown: Shown, *, more: Callable[[Path], None] = lambda folder: None
) -> None:
    """Writes the folder, in place of an earlier one. more: writes further files into it. Raises WriteError, and PredictionError
    where something else is in its place."""

    def write(place: Path) -> None:
        _write_files(place, prediction, shown)
        more(place)

    write_folder(folder, write)


def write_folder(folder: Path, write: Callable[[Path], None]) -> None:
    """Writes a folder of results, in place of an earlier one, whole or not at all. write: writes its files into another one.
    Raises WriteError, and PredictionError where something else is in its place."""
    check_folder(folder)
    make_folder(folder.parent)
    with writing(folder):
        beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        try:
            write(beside)
            beside.chmod(0o777 & ~_umask())
            old = beside.with_name(f"{beside.name}.old")
            if folder.exists():
                folder.rename(old)
            beside.rename(folder)
            shutil.rmtree(old, ignore_errors=True)
        except BaseException:
            shutil.rmtree(beside, ignore_errors=True)
            raise


def _write_files(folder: Path, prediction: Prediction, shown: Shown) -> None:
    with (folder / SCORES).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["second", "class", "score"])
        writer.writerows(_score_rows(prediction, shown))
    listed = prediction.listed.numbered([prediction.name], [prediction.classes[number] for number in shown.classes])
    (folder / EVENTS_TABLE).write_text(format_csv(listed), encoding="utf-8")
    (folder / EVENTS).write_text(format_results(listed), encoding="utf-8")


def _score_rows(prediction: Prediction, shown: Shown) -> Iterator[tuple[str, str, str]]:
    """By time; classes of a moment from the highest score to the lowest where they are the best of many, else as they are."""
    for (start, _), scores in zip(prediction.seconds.tolist(), prediction.scores, strict=True):
        for number in shown.best(scores):
            yield f"{start:.6g}", prediction.classes[number], f"{scores[number]:.6g}"


def _umask() -> int:
    """Of this process; folders for unfinished files are private, finished ones are what others would be."""
    import os

    current = os.umask(0)
    os.umask(current)
    return current
