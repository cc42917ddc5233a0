"""`tools/predict.py` on a stream: a line a step as its pictures come, and the files of what was seen."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from slowfast.commands.predict import PredictOptions, can_write_timelines, tell_results, write_timeline
from slowfast.datasets import DecodeError
from slowfast.engine.scored_pieces import DECIMALS
from slowfast.prediction.errors import PredictionError
from slowfast.prediction.files import OURS, Shown, check_folder, write_prediction
from slowfast.prediction.loading import LoadedModel, load_model
from slowfast.prediction.predicting import hop_of
from slowfast.prediction.results import Prediction, rule_of
from slowfast.prediction.streams.live import Live
from slowfast.prediction.streams.pipe import Pipe, RawFormat
from slowfast.prediction.streams.places import place_of
from slowfast.prediction.streams.pump import Note
from slowfast.prediction.streams.watching import Step, watch
from slowfast.runtime.interruption import StopRequest

PIPED = "-"
SHOWN = 3
"""Classes on a line, unless --top says another number."""

PART_SECONDS = 3600.0
"""Of a live stream, in one folder: what is kept in memory, and what a failure of the computer would lose."""


def find_stream(options: PredictOptions) -> Pipe | Live | None:
    """The stream among the inputs; None: they are files. Raises PredictionError for options that a stream cannot have."""
    if PIPED in options.inputs:
        _check_options(options, PIPED)
        return Pipe.stdin(None if options.raw is None else RawFormat.of(options.raw))
    if options.raw is not None:
        raise PredictionError(f"--raw {options.raw}: says what is piped in, and nothing is; right would be the input -")
    for text in options.inputs:
        if (place := place_of(text)) is not None:
            _check_options(options, place.label)
            return Live(place)
    return None


def _check_options(options: PredictOptions, label: str) -> None:
    if len(options.inputs) > 1:
        raise PredictionError(f"{label}: a stream is scored alone; right would be no other input beside it")
    if options.resume:
        raise PredictionError("--resume: the pictures of a stream are gone once they are seen; right would be no --resume")
    if options.video:
        raise PredictionError(
            "--video: it is drawn when all scores are known, and the pictures of a stream are gone by then; right would be to "
            "keep the stream as a file, and that as the input"
        )
    if options.batch != 1:
        raise PredictionError(f"--batch {options.batch}: a stream is scored alone; right would be nothing said")
    if options.fps is not None:
        raise PredictionError(f"--fps {options.fps:g}: is for folders of pictures; right would be nothing said (- has --raw)")
    if options.boxes or options.detector or options.start_second:
        raise PredictionError(
            f"{label}: persons in boxes are classified in files alone; right would be to keep the stream as one"
        )


def predict_stream(options: PredictOptions, source: Pipe | Live) -> None:
    """Prints what is seen and writes its folders, until the stream ends, breaks off for good, or a signal comes. Raises
    PredictionError, ConfigError, CheckpointError, WriteError, and DecodeError after all that was seen is written."""
    is_live = isinstance(source, Live)
    place = options.out / source.name
    _check_place(place, is_live)
    loaded = load_model(options.weights, device=options.device, precision=options.precision)
    if loaded.classifies_persons:
        raise PredictionError(
            f"{loaded.path}: classifies persons in boxes ({loaded.contract.task}), of which a stream tells nothing; right "
            "would be to keep the stream as a file, and that as the input"
        )
    shown = Shown.of(loaded.contract.classes, options.classes, options.top)
    hop = hop_of(loaded, options.every)
    record = _Record(options, loaded, shown, place, is_live)
    unseen = 0
    with StopRequest() as request:
        try:
            for item in watch(loaded, source, hop, lambda: bool(request.signal_number)):
                if isinstance(item, Note):
                    print(f"{_now()}  {item.text}", flush=True)
                    continue
                if item.unseen:
                    unseen += item.unseen
                    print(f"{_now()}  {item.unseen} late frames were left out, {unseen} so far", flush=True)
                print(f"{_clock(item.start, is_live)}  {_best(item, loaded, shown)}", flush=True)
                record.add(item)
        except DecodeError as error:
            if not record.num_steps:
                raise
            record.finish(_end_of(source))
            raise DecodeError(error.path, f"{error.reason}; what came before is in {place}") from None
        if not record.num_steps:
            print("nothing was seen for as long as the network looks at a time, so nothing is written")
            return
        record.finish(_end_of(source))
    if unseen:
        print(f"{unseen} frames came too late for the network and were left out")
    tell_results(place, loaded, options.threshold)


def _end_of(source: Pipe | Live) -> float:
    """Second at which it ended; 0: it does not end, or has not."""
    return source.end if isinstance(source, Pipe) else 0.0


class _Record:
    """What was seen, and where it lies: a live stream's in a folder an hour, named by when it begins."""

    def __init__(self, options: PredictOptions, loaded: LoadedModel, shown: Shown, place: Path, is_live: bool) -> None:
        self._loaded, self._shown, self._place, self._is_live = loaded, shown, place, is_live
        self._timeline = options.timeline and can_write_timelines()
        self._rule = rule_of(loaded.contract, options.threshold)
        self._steps: list[Step] = []
        self.num_steps = 0

    def add(self, step: Step) -> None:
        if self._is_live and self._steps and step.start >= self._zero + PART_SECONDS:
            self.finish(0.0)
        self._steps.append(step)
        self.num_steps += 1

    @property
    def _zero(self) -> float:
        """The second that files count from: a whole one, which the name of the folder tells."""
        return float(int(self._steps[0].start)) if self._is_live else 0.0

    def finish(self, end: float) -> None:
        """Writes the steps since the last time. end: second at which the stream ended, up to which the last step speaks; 0: it
        goes on."""
        if not self._steps:
            return
        seconds = np.array([(step.start, step.end) for step in self._steps], dtype=np.float64) - self._zero
        if end - self._zero > seconds[-1, 0]:
            seconds[-1, 1] = end - self._zero
        folder = self._place / _stamp(self._zero) if self._is_live else self._place
        prediction = Prediction(
            name=folder.relative_to(self._place.parent).as_posix(),
            classes=self._loaded.contract.classes,
            seconds=seconds.round(DECIMALS),
            scores=np.stack([step.scores for step in self._steps]),
            duration=float(seconds[-1, 1].round(DECIMALS)),
            rule=self._rule,
        )

        def page(beside: Path) -> None:
            if self._timeline:
                write_timeline(beside, folder, None, prediction, self._shown)

        write_prediction(folder, prediction, self._shown, more=page)
        self._steps = []


def _check_place(place: Path, is_live: bool) -> None:
    """Raises PredictionError where results cannot lie."""
    if not is_live or (place.exists() and not place.is_dir()):
        check_folder(place)
    elif any((place / name).exists() for name in OURS):
        raise PredictionError(f"{place}: holds the results of a file of this name; right would be another --out")


def _best(step: Step, loaded: LoadedModel, shown: Shown) -> str:
    """The classes with the highest scores of a step."""
    numbers = sorted(shown.classes, key=lambda number: -step.scores[number])[: shown.top or SHOWN]
    return "  ".join(f"{loaded.contract.classes[number]} {step.scores[number]:.2f}" for number in numbers)


def _now() -> str:
    return time.strftime("%H:%M:%S")


def _clock(second: float, is_live: bool) -> str:
    tenths = int(second * 10)
    if is_live:
        return f"{time.strftime('%H:%M:%S', time.localtime(second))}.{tenths % 10}"
    return f"{tenths // 36000}:{tenths // 600 % 60:02d}:{tenths // 10 % 60:02d}.{tenths % 10}"


def _stamp(second: float) -> str:
    return time.strftime("%Y-%m-%d %H.%M.%S %z", time.localtime(second))
