"""`tools/predict.py` with weights that classify persons: what each of them does, a folder for each input."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from slowfast.commands.predict import PROGRESS, PredictOptions, UnreadableInputError, fingerprint
from slowfast.datasets import DecodeError
from slowfast.engine import checkpoint
from slowfast.prediction.annotated import write_drawn
from slowfast.prediction.errors import PredictionError
from slowfast.prediction.files import Shown, kept_state, write_folder
from slowfast.prediction.inputs import ANNOTATED, DETECTIONS, Input
from slowfast.prediction.loading import LoadedModel
from slowfast.prediction.person_boxes import BoxFile, BoxSource, DetectedBoxes
from slowfast.prediction.person_files import BoxDrawing, write_person_files
from slowfast.prediction.persons import PersonPredictor, PersonScores, Walk
from slowfast.preparation.persons import Detector, find_detector
from slowfast.runtime.errors import CheckpointError, Interrupted
from slowfast.runtime.interruption import StopRequest
from slowfast.runtime.progress import console_is_terminal
from slowfast.runtime.tables import Cell, format_table


def predict_persons(options: PredictOptions, loaded: LoadedModel, inputs: Sequence[Input]) -> None:
    """As `slowfast.commands.predict.predict_files`, which calls it. Raises MissingPackageError and DetectorError besides."""
    if options.every is not None:
        raise PredictionError(
            f"every {options.every:g} s: these weights classify persons at the whole seconds that have boxes; right would be "
            "nothing said (--every is for networks that look at clips, and for those without boxes)"
        )
    shown = Shown.of(loaded.contract.classes, options.classes, options.top)
    source = _source(options, loaded, inputs)
    predictor = PersonPredictor(loaded, source, start=options.start_second, batch=options.batch)
    run = _Run(options, inputs, predictor, shown, fingerprint(options, loaded, inputs))
    with StopRequest() as request:
        run.run(request)
    run.tell()


def _source(options: PredictOptions, loaded: LoadedModel, inputs: Sequence[Input]) -> BoxSource:
    """Where persons are. Raises PredictionError unless exactly one of the two ways is given."""
    if (options.boxes is None) == (not options.detector):
        found = "nothing says where these are" if options.boxes is None else "a file and a detector both say where these are"
        raise PredictionError(
            f"{loaded.path}: classifies persons ({loaded.contract.task}), and {found}; right would be --boxes FILE, or "
            "--detector auto to have them found"
        )
    least = loaded.cfg.AVA.DETECTION_SCORE_THRESH if options.threshold is None else options.threshold
    if options.boxes is not None:
        boxes = BoxFile.read(options.boxes, inputs, least=least, start=options.start_second)
        if boxes.left_out:
            print(f"{options.boxes}: boxes that are left out: {boxes.left_out}")
        return boxes
    find = find_detector(Detector(package=options.detector), least, loaded.device)
    return DetectedBoxes(find, least, options.start_second, loaded.cfg.AVA.FPS)


class _Run:
    """One run over all inputs, one after the other."""

    def __init__(
        self, options: PredictOptions, inputs: Sequence[Input], predictor: PersonPredictor, shown: Shown, identity: str
    ) -> None:
        """identity: the same for runs whose states are of each other."""
        self._options, self._inputs, self._predictor, self._shown = options, inputs, predictor, shown
        self._identity, self._progress = identity, options.out / PROGRESS
        self._done: dict[int, tuple[int, int]] = {}  # what was written: (seconds with boxes, boxes) by input
        self._failed: dict[int, str] = {}
        self._number, self._walk = 0, Walk()  # the input under way
        self._saved = time.monotonic()

    def run(self, request: StopRequest) -> None:
        self._request = request
        self._resume()
        with tqdm(unit="step", disable=not console_is_terminal(), leave=False) as bar:
            for number in range(self._number, len(self._inputs)):
                bar.set_description(f"{len(self._done)} of {len(self._inputs)} inputs done", refresh=False)
                if number > self._number:
                    self._number, self._walk = number, Walk()
                try:
                    self._score(bar)
                    self._write(self._predictor.result(self._inputs[number], self._walk))
                except DecodeError as error:
                    self._failed[number] = str(error)
        self._progress.unlink(missing_ok=True)

    def tell(self) -> None:
        """Prints what was done, and raises UnreadableInputError if there are some."""
        rows: list[list[Cell]] = [[self._inputs[number].name, *self._done[number]] for number in sorted(self._done)]
        if rows:
            print(format_table(("input", "seconds with persons", "boxes"), rows))
        print(f"results are in {self._options.out}")
        if self._failed:
            first = self._failed[min(self._failed)]
            others = f"; {len(self._failed) - 1} more cannot be read" if len(self._failed) > 1 else ""
            raise UnreadableInputError(f"{first}{others}; the other {len(self._done)} inputs are done")

    def _score(self, bar: tqdm) -> None:  # type: ignore[type-arg]
        steps = self._predictor.run(self._inputs[self._number], self._walk)
        try:
            for _ in steps:
                bar.update()
                self._stop_if_asked()
                if time.monotonic() - self._saved > self._options.save_seconds:
                    self._save()
        finally:
            steps.close()  # type: ignore[attr-defined]

    def _write(self, found: PersonScores) -> None:
        """Raises Interrupted, with the scores kept, where it takes long."""
        given = self._inputs[self._number]

        def write(folder: Path, *, video: bool) -> None:
            write_person_files(folder, found, self._shown)
            if video:
                write_drawn(
                    folder / ANNOTATED,
                    given,
                    lambda width: BoxDrawing(found, width=width, shown=self._shown),
                    proceed=self._stop_if_asked,
                )

        place = self._options.out / given.name
        try:
            write_folder(place, lambda folder: write(folder, video=self._options.video))
        except DecodeError as error:  # of a picture between those that were scored
            self._failed[self._number] = f"{error}; its scores and detections are written, its video is not"
            write_folder(place, lambda folder: write(folder, video=False))
        if late := len(self._walk.found) - len(found.seconds):
            print(f"{given.name}: {late} of its {len(self._walk.found)} boxes are of seconds behind its end, and left out")
        self._done[self._number] = (len(set(found.seconds.tolist())), len(found.seconds))

    def _stop_if_asked(self) -> None:
        if number := self._request.signal_number:
            self._save()
            done = f"{len(self._done)} of {len(self._inputs)} inputs are done"
            raise Interrupted(number, f"{done}; the same command with --resume goes on")

    def _save(self) -> None:
        state = {
            "fingerprint": self._identity,
            "done": {number: list(row) for number, row in self._done.items()},
            "failed": self._failed,
            "number": self._number,
            "walk": self._walk.state(),
            "memory": self._predictor.memory(),
        }
        checkpoint.save(self._progress, state)
        self._saved = time.monotonic()

    def _resume(self) -> None:
        if not self._options.resume:
            return
        state = kept_state(self._progress, self._identity)
        if state is None:
            print(f"{self._options.out}: no unfinished run is kept here, so that all inputs are scored")
            return
        self._done = {int(number): (int(row[0]), int(row[1])) for number, row in state["done"].items()}
        self._failed = {int(number): str(reason) for number, reason in state["failed"].items()}
        for number in self._done:
            if not (self._options.out / self._inputs[number].name / DETECTIONS).is_file():
                place = self._options.out / self._inputs[number].name
                raise CheckpointError(f"{place}: was written before, and is gone; right would be no --resume")
        self._number, self._walk = int(state["number"]), Walk.of_state(state["walk"])
        self._predictor.load_memory(state["memory"])
