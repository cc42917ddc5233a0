"""`tools/predict.py`: what happens when in videos, written beside each other, a folder for each input."""

from __future__ import annotations

import hashlib
import importlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from slowfast.datasets import DecodeError
from slowfast.engine import checkpoint
from slowfast.engine.event_rule import UNTUNED, checksum
from slowfast.errors import MissingPackageError
from slowfast.prediction.annotated import write_annotated
from slowfast.prediction.errors import PredictionError
from slowfast.prediction.files import Shown, check_folder, kept_state, write_prediction
from slowfast.prediction.inputs import ANNOTATED, EVENTS, TIMELINE, Input, VideoFile, find_inputs
from slowfast.prediction.loading import LoadedModel, load_model
from slowfast.prediction.predicting import Predictor
from slowfast.prediction.results import Prediction
from slowfast.runtime.errors import CheckpointError, Interrupted
from slowfast.runtime.interruption import StopRequest
from slowfast.runtime.progress import console_is_terminal
from slowfast.runtime.tables import Cell, format_table

PROGRESS = ".unfinished.pyth"
"""In the folder of results: where a run that did not end can go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictOptions:
    """As of the command line; see tools/predict.py. save_seconds: from one saved state of an unfinished run to the next."""

    weights: Path
    inputs: Sequence[str]
    out: Path
    device: str = "auto"
    precision: str = ""
    batch: int = 1
    every: float | None = None
    threshold: float | None = None
    top: int | None = None
    classes: Sequence[str] | None = None
    fps: float | None = None
    raw: str | None = None
    video: bool = False
    timeline: bool = True
    boxes: Path | None = None
    detector: str = ""
    start_second: int = 0
    resume: bool = False
    save_seconds: float = 30.0


class UnreadableInputError(PredictionError):
    """Inputs that could not be read to their end; the others were."""


def predict_files(options: PredictOptions) -> None:
    """Writes a folder for each input and prints what was found. Raises PredictionError, ConfigError, CheckpointError,
    WriteError, Interrupted with all that is needed to go on saved, and at the end UnreadableInputError."""
    inputs = find_inputs(options.inputs, fps=options.fps)
    for each in inputs:
        check_folder(options.out / each.name)
    if options.batch < 1:
        raise PredictionError(f"batch {options.batch}: right would be 1 or more")
    loaded = load_model(
        options.weights, device=options.device, precision=options.precision, start_second=options.start_second
    )  # fmt: skip
    if loaded.classifies_persons:
        from slowfast.commands.predict_persons import predict_persons

        predict_persons(options, loaded, inputs)
        return
    if options.boxes or options.detector or options.start_second:
        raise PredictionError(
            f"{loaded.path}: says what happens in a video ({loaded.contract.task}), not what persons in boxes do; right would "
            "be no --boxes, --detector and --start-second, or weights that were trained on data such as ava"
        )
    shown = Shown.of(loaded.contract.classes, options.classes, options.top)
    predictor = Predictor(
        loaded, inputs, lanes=options.batch, every=options.every, threshold=options.threshold, goes_on=True
    )  # fmt: skip
    run = _Run(options, loaded, inputs, predictor, shown, options.timeline and can_write_timelines())
    with StopRequest() as request:
        run.run(request)
    run.tell()


class _Run:
    """One run over all inputs."""

    def __init__(
        self,
        options: PredictOptions,
        loaded: LoadedModel,
        inputs: Sequence[Input],
        predictor: Predictor,
        shown: Shown,
        timeline: bool,
    ) -> None:
        self._options, self._loaded, self._inputs, self._predictor, self._shown = options, loaded, inputs, predictor, shown
        self._timeline = timeline
        self._progress = options.out / PROGRESS
        self._fingerprint = fingerprint(options, loaded, inputs)
        self._pending: dict[int, Prediction] = {}  # scored, and not written yet
        self._done: dict[int, tuple[str, int]] = {}  # what was written: (duration, number of events) by input
        self._failed: dict[int, str] = {}
        self._seconds, self._began = 0.0, 0.0

    def run(self, request: StopRequest) -> None:
        self._request = request
        self._resume()
        self._began = saved = time.monotonic()
        self._write_pending()
        with tqdm(
            unit="s of video", unit_scale=True, disable=not console_is_terminal(), leave=False, desc=self._name()
        ) as bar:  # fmt: skip
            for advance in self._predictor.run(skip=frozenset({**self._done, **self._failed})):
                self._seconds += advance.seconds
                bar.update(advance.seconds)
                for number, reason in advance.failed:
                    self._failed[number] = reason
                self._pending |= dict(advance.done)
                self._write_pending()
                self._stop_if_asked()
                if time.monotonic() - saved > self._options.save_seconds:
                    self._save()
                    saved = time.monotonic()
                bar.set_description(self._name(), refresh=False)
        self._progress.unlink(missing_ok=True)

    def tell(self) -> None:
        """Prints what was found, and raises UnreadableInputError if there are some."""
        rows: list[list[Cell]] = [[self._inputs[number].name, *self._done[number]] for number in sorted(self._done)]
        if rows:
            print(format_table(("input", "length", "events"), rows))
        spent = time.monotonic() - self._began
        if self._seconds:
            times = self._seconds / max(spent, 1e-9)
            print(f"{_minutes(self._seconds)} of video in {_minutes(spent)}: {times:.1f} times as fast as it plays")
        tell_results(self._options.out, self._loaded, self._options.threshold)
        if self._failed:
            first = self._failed[min(self._failed)]
            others = f"; {len(self._failed) - 1} more cannot be read" if len(self._failed) > 1 else ""
            raise UnreadableInputError(f"{first}{others}; the other {len(self._done)} inputs are done")

    def _name(self) -> str:
        return f"{len(self._done)} of {len(self._inputs)} inputs done"

    def _stop_if_asked(self) -> None:
        if number := self._request.signal_number:
            self._save()
            done = f"{len(self._done)} of {len(self._inputs)} inputs are done"
            raise Interrupted(number, f"{done}; the same command with --resume goes on")

    def _write_pending(self) -> None:
        for number in sorted(self._pending):
            self._write(number, self._pending[number])
            del self._pending[number]

    def _write(self, number: int, prediction: Prediction) -> None:
        """Raises Interrupted, with the scores kept, where it takes long."""

        given, place = self._inputs[number], self._options.out / self._inputs[number].name

        def more(folder: Path) -> None:
            if self._options.video:
                write_annotated(
                    folder / ANNOTATED, given, prediction, chosen=self._shown.classes, proceed=self._stop_if_asked
                )  # fmt: skip
            page(folder)

        def page(folder: Path) -> None:
            if self._timeline:
                write_timeline(folder, place, given, prediction, self._shown)

        try:
            write_prediction(place, prediction, self._shown, more=more)
        except DecodeError as error:  # of a picture between those that were scored
            self._failed[number] = f"{error}; its scores and events are written, its video is not"
            write_prediction(place, prediction, self._shown, more=page)
        events = prediction.listed.numbered([prediction.name], [prediction.classes[place] for place in self._shown.classes])
        self._done[number] = (_minutes(prediction.duration), len(events.events))

    def _save(self) -> None:
        state = {
            "fingerprint": self._fingerprint,
            "done": {number: list(row) for number, row in self._done.items()},
            "failed": self._failed,
            "pending": {number: each.state() for number, each in self._pending.items()},
            "predictor": self._predictor.state(),
        }
        checkpoint.save(self._progress, state)

    def _resume(self) -> None:
        if not self._options.resume:
            return
        state = kept_state(self._progress, self._fingerprint)
        if state is None:
            print(f"{self._options.out}: no unfinished run is kept here, so that all inputs are scored")
            return
        self._done = {
            int(number): (str(row[0]), int(row[1]))
            for number, row in state["done"].items()
            if (self._options.out / self._inputs[int(number)].name / EVENTS).is_file()
        }
        self._failed = {int(number): str(reason) for number, reason in state["failed"].items()}
        contract, rule = self._loaded.contract, self._predictor.rule
        for number, kept in state["pending"].items():
            self._pending[int(number)] = Prediction.of_state(kept, classes=contract.classes, rule=rule)
        lost = [number for number in map(int, state["done"]) if number not in self._done]
        if lost:
            raise CheckpointError(
                f"{self._options.out / self._inputs[lost[0]].name}: was written before, and is gone; right would be no --resume"
            )
        self._predictor.load_state(state["predictor"])


def fingerprint(options: PredictOptions, loaded: LoadedModel, inputs: Sequence[Input]) -> str:
    """The same for runs whose states are of each other."""
    files = [(str(each.path.resolve()), each.path.stat().st_size, each.path.stat().st_mtime_ns) for each in inputs]
    told: list[Any] = [files, checksum(loaded.model), options.batch, options.every, options.fps, loaded.precision.name]
    boxes = hashlib.sha256(options.boxes.read_bytes()).hexdigest() if options.boxes else ""
    told += [boxes, options.detector, options.start_second]
    told += [options.video, options.timeline, options.threshold, options.top, list(options.classes or []), loaded.device.type]
    told.append(loaded.contract.event_rule)
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def tell_results(folder: Path, loaded: LoadedModel, threshold: float | None) -> None:
    if not loaded.contract.event_rule and threshold is None:
        print(f"events: scores from {UNTUNED:g} on, as no test has tuned thresholds for them (--threshold: another)")
    print(f"results are in {folder}")


def can_write_timelines() -> bool:
    """Says so where the packages for it are missing."""
    try:
        importlib.import_module("slowfast.reports.timeline_page.writing")
    except MissingPackageError as error:
        print(f"no {TIMELINE} is written: {error}")
        return False
    return True


def write_timeline(folder: Path, place: Path, given: Input | None, prediction: Prediction, shown: Shown) -> None:
    """folder: where files are put together. place: where that folder will be. given: what the page may play."""
    from slowfast.reports.timeline_page.writing import MOST_CLASSES, Film, timeline_page

    films = [Film.beside(given.path, place)] if isinstance(given, VideoFile) else []
    if (folder / ANNOTATED).is_file():  # for browsers that cannot play the video itself
        films.append(Film(name=ANNOTATED, address=ANNOTATED))
    listed = prediction.listed.events
    page = timeline_page(
        prediction.name,
        prediction.timed,
        listed[np.isin(listed.label, shown.classes)],
        prediction.classes,
        prediction.leading(shown.classes, MOST_CLASSES),
        films,
    )
    (folder / TIMELINE).write_text(page, encoding="utf-8")


def _minutes(seconds: float) -> str:
    hours, rest = divmod(round(seconds), 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}"
