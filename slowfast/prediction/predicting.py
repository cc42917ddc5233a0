"""Several inputs through a network, some side by side, window by window; stopped and gone on with at any window."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from slowfast.datasets import DecodeError
from slowfast.engine.scored_pieces import DECIMALS
from slowfast.prediction.errors import PredictionError
from slowfast.prediction.inputs import Readable, Reading, find_inputs
from slowfast.prediction.loading import LoadedModel, load_model
from slowfast.prediction.results import Prediction, rule_of
from slowfast.prediction.scoring import Scorer
from slowfast.prediction.windows import Window, window_starts, windows

AHEAD = 2
"""Windows that are read before they are needed."""


@dataclass(slots=True)
class Lane:
    """One input under way. rows: (start, end) and scores of its windows so far."""

    number: int
    reading: Reading
    source: Iterator[Window]
    seconds: list[tuple[float, float]] = field(default_factory=list)
    scores: list[NDArray[np.float32]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Advance:
    """What one round did. done: (number of the input, its scores) for those that ended with it. failed: those that cannot be
    read any further, with the reason. seconds: of video, over all lanes."""

    done: tuple[tuple[int, Prediction], ...]
    failed: tuple[tuple[int, str], ...]
    seconds: float


class Predictor:
    """Runs inputs through the network, `lanes` side by side; a lane that is free takes the next one.

    every: seconds from one answer to the next, of networks that look at clips; None: half a clip. Those with a memory answer
    once a step, whose length is the network's. threshold: see `rule_of`. Raises PredictionError for what cannot be.
    """

    def __init__(
        self,
        loaded: LoadedModel,
        inputs: Sequence[Readable],
        *,
        lanes: int = 1,
        every: float | None = None,
        threshold: float | None = None,
        goes_on: bool = False,
    ) -> None:
        """goes_on: whether an input that cannot be read is told in what a round did, and the others go on; else DecodeError is
        raised."""
        if loaded.classifies_persons:
            raise PredictionError(
                f"{loaded.path}: classifies persons in boxes ({loaded.contract.task}), so that there are no scores of a whole "
                "picture; right would be tools/predict.py with --boxes FILE or --detector auto"
            )
        self._goes_on, self._failed = goes_on, list[tuple[int, str]]()
        self._loaded, self._inputs = loaded, inputs
        self.hop = hop_of(loaded, every)
        self.rule = rule_of(loaded.contract, threshold)
        self._lanes: list[Lane | None] = [None] * max(1, min(lanes, len(inputs)))
        self._next = 0
        self._scorer = Scorer(loaded, len(self._lanes))

    def run(self, skip: frozenset[int] = frozenset()) -> Iterator[Advance]:
        """Round after round to the end of all inputs but those to skip. The iterator may be left at any round; what `state`
        says then is where another one goes on. Raises DecodeError."""
        with contextlib.ExitStack() as stack, self._scorer.ready():
            stack.callback(self._close)
            while self._fill(skip) or self._failed:
                current = [self._window(place) for place in range(len(self._lanes))]
                scores = (
                    self._scorer(current) if any(window is not None for window in current) else np.zeros((0, 0), np.float32)
                )
                yield self._take(current, scores)

    def state(self) -> dict[str, object]:
        """Where the lanes are and what they remember, as tensors and plain containers."""
        lanes = [
            None if lane is None else {"number": lane.number, "seconds": list(lane.seconds), "scores": _stacked(lane.scores)}
            for lane in self._lanes
        ]
        return {"next": self._next, "lanes": lanes, "memory": self._scorer.memory()}

    def load_state(self, state: dict[str, object]) -> None:
        """Goes on from what `state` said with the same inputs and options. Raises PredictionError, DecodeError."""
        lanes, memory = state["lanes"], state["memory"]
        if not isinstance(lanes, list) or len(lanes) != len(self._lanes) or not isinstance(memory, dict):
            raise PredictionError(
                "what was kept is of another number of inputs side by side; right would be the --batch of before"
            )
        self._next = int(str(state["next"]))
        for place, kept in enumerate(lanes):
            if kept is None:
                continue
            lane = self._begin(int(kept["number"]), done=len(kept["seconds"]))
            lane.seconds = [(float(start), float(end)) for start, end in kept["seconds"]]
            lane.scores = list(kept["scores"].numpy())
            self._lanes[place] = lane
        self._scorer.load_memory(memory)

    def _fill(self, skip: frozenset[int]) -> bool:
        """Gives free lanes their inputs; whether any has one."""
        for place, lane in enumerate(self._lanes):
            while lane is None and self._next < len(self._inputs):
                number, self._next = self._next, self._next + 1
                if number not in skip:
                    with self._failing(number):
                        lane = self._lanes[place] = self._begin(number)
        return any(self._lanes)

    def _window(self, place: int) -> Window | None:
        """The next one of a lane, which is given up if there is none."""
        lane = self._lanes[place]
        if lane is None:
            return None
        with self._failing(lane.number):
            return next(lane.source)
        self._lanes[place] = None
        return None

    @contextlib.contextmanager
    def _failing(self, number: int) -> Iterator[None]:
        try:
            yield
        except DecodeError as error:
            if not self._goes_on:
                raise
            self._failed.append((number, str(error)))

    def _begin(self, number: int, *, done: int = 0) -> Lane:
        """An input from its window `done` on."""
        length, frames = self._loaded.length, self._loaded.contract.frames
        begin = done
        if done:
            total = len(self._inputs[number].read(frames).times)
            begin = window_starts(total, length=length, hop=self.hop)[done]
        reading = self._inputs[number].read(frames, begin)
        source = read_ahead(windows(reading, length=length, hop=self.hop), AHEAD)
        return Lane(number, reading, source)

    def _take(self, current: Sequence[Window | None], scores: NDArray[np.float32]) -> Advance:
        done, seconds = [], 0.0
        for place, (lane, window) in enumerate(zip(self._lanes, current, strict=True)):
            if lane is None or window is None:
                continue
            lane.seconds.append((window.start, window.end))
            lane.scores.append(scores[place].copy())
            seconds += window.end - window.start
            if window.last:
                done.append((lane.number, self._prediction(lane)))
                self._lanes[place] = None
        failed, self._failed = tuple(self._failed), []
        return Advance(tuple(done), failed, seconds)

    def _prediction(self, lane: Lane) -> Prediction:
        seconds = np.array(lane.seconds, dtype=np.float64).reshape(-1, 2).round(DECIMALS)  # as tests write them
        return Prediction(
            name=self._inputs[lane.number].name,
            classes=self._loaded.contract.classes,
            seconds=seconds,
            scores=np.stack(lane.scores),
            duration=max(lane.reading.duration, float(seconds[-1, 1])),
            rule=self.rule,
        )

    def _close(self) -> None:
        for lane in self._lanes:
            if lane is not None:
                lane.source.close()  # type: ignore[attr-defined]


def predict(
    weights: str | Path,
    given: str | Path | Sequence[str | Path],
    *,
    device: str = "auto",
    batch: int = 1,
    every: float | None = None,
    threshold: float | None = None,
    fps: float | None = None,
) -> list[Prediction]:
    """What happens when in videos, one result for each, in order.

    weights: a file that says how it is used, or the folder of a run (`load_model`). given: a file, a folder or a pattern, or
    several (`find_inputs`). batch: inputs side by side. every: seconds between two answers of networks that look at clips.
    threshold: the least score of an event, in place of tuned ones. fps: of folders of pictures. Raises PredictionError and
    DecodeError.
    """
    inputs = find_inputs([given] if isinstance(given, str | Path) else given, fps=fps)
    threads = torch.get_num_threads()
    try:
        predictor = Predictor(load_model(weights, device=device), inputs, lanes=batch, every=every, threshold=threshold)
        found = {number: prediction for advance in predictor.run() for number, prediction in advance.done}
    finally:
        torch.set_num_threads(threads)  # loading takes as many as suit a process that does nothing else
    return [found[number] for number in range(len(inputs))]


def read_ahead(source: Iterator[Window], size: int) -> Iterator[Window]:
    """The same, with up to `size` of them read by a thread before they are asked for; closing it ends the thread."""
    waiting: queue.Queue[Window | BaseException | None] = queue.Queue(size)
    stop = threading.Event()

    def put(item: Window | BaseException | None) -> bool:
        while not stop.is_set():
            with contextlib.suppress(queue.Full):
                waiting.put(item, timeout=0.1)
                return True
        return False

    def read() -> None:
        try:
            for window in source:
                if not put(window):
                    return
            put(None)
        except BaseException as error:  # raised where the window is asked for
            put(error)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    try:
        while (item := waiting.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
        thread.join()


def _stacked(scores: Sequence[NDArray[np.float32]]) -> Tensor:
    return torch.from_numpy(np.stack(scores)) if scores else torch.zeros(0, 0)


def hop_of(loaded: LoadedModel, every: float | None) -> int:
    """Frames from one window to the next. every: seconds. Raises PredictionError for what the network cannot do."""
    length, apart = loaded.length, loaded.seconds_apart
    if loaded.remembers:
        if every is not None:
            raise PredictionError(
                f"every {every:g} s: these weights remember what came before and answer once a step, every "
                f"{length * apart:.3g} s; right would be nothing said (--every is for networks that look at clips)"
            )
        return length
    if every is None:
        return max(1, length // 2)
    if not apart / 2 <= every <= length * apart:
        raise PredictionError(
            f"every {every:g} s: right would be from {apart:.3g} s, the distance of two frames, to {length * apart:.3g} s, "
            "a clip"
        )
    return max(1, round(every / apart))
