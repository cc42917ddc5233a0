"""Numbers of trainings for programs outside that show and compare them, such as MLflow. None of them can end a training."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from fvcore.common.config import CfgNode

import slowfast.engine.mlflow_tracker  # noqa: F401 - registers itself
from slowfast.config.comparing import flat_options
from slowfast.engine.hooks.base import Hook
from slowfast.engine.trainer import Trainer
from slowfast.registry import TRACKERS, Tracker
from slowfast.runtime import distributed
from slowfast.runtime.atomic_files import write_json

NOTE = "tracker.json"
"""In OUTPUT_DIR: the id of the tracker's run, for a test that comes later."""

PAUSE_SECONDS = 300
"""After a failure, which may have taken its time, nothing is sent for so long."""

logger = logging.getLogger(__name__)


class TrackedRun:
    """One run of a tracker, whose failures are told once and otherwise change nothing.

    run_id: of a run to go on with; empty: a new one is begun with the first number.
    """

    def __init__(self, tracker: Tracker, *, options: Mapping[str, object], output_dir: str | Path, run_id: str = "") -> None:
        self.run_id = run_id
        self._tracker = tracker
        self._options = options
        self._note = Path(output_dir) / NOTE
        self._is_open = self._told = False
        self._paused_until = -math.inf
        self._behind: dict[str, int] = {}  # of each group of numbers that a run goes on with, the last step it has

    @classmethod
    def from_cfg(cls, cfg: CfgNode, run_id: str = "") -> TrackedRun:
        """Raises UnknownNameError for TRACKER.NAME, and whatever the tracker says of itself, such as MissingPackageError."""
        tracker = TRACKERS.get(cfg.TRACKER.NAME)(cfg)
        return cls(tracker, options=flat_options(cfg), output_dir=cfg.OUTPUT_DIR, run_id=run_id)

    def open(self) -> None:
        """Begins or goes on with the run now."""
        self._attempt(lambda: None)

    def log(self, group: str, numbers: Mapping[str, float], step: int | None = None) -> None:
        """Sends the finite ones of the numbers, unless the run has this group up to that step from before. step: None: behind
        the last one of the training."""
        finite = {f"{group}/{name}": float(number) for name, number in numbers.items() if math.isfinite(number)}
        if finite:
            self._attempt(lambda: self._send(group, finite, step))

    def close(self, *, completed: bool) -> None:
        if self._is_open:
            self._attempt(lambda: self._tracker.finish(completed=completed))

    def _send(self, group: str, numbers: Mapping[str, float], step: int | None) -> None:
        if step is None:
            step = max(0, self._tracker.last_step("train/loss"))
        elif group not in self._behind:
            self._behind[group] = self._tracker.last_step(next(iter(numbers)))
        if group not in self._behind or step > self._behind[group]:
            self._tracker.log(numbers, step)

    def _attempt(self, send: Callable[[], None]) -> None:
        if time.monotonic() < self._paused_until:
            return
        try:
            if not self._is_open:
                self.run_id = self._tracker.start(self.run_id, self._options)
                self._is_open = True
                write_json(self._note, {"run_id": self.run_id})
            send()
        except Exception as error:  # of a server, a network, a library of others
            self._paused_until = time.monotonic() + PAUSE_SECONDS
            if not self._told:
                self._told = True
                text = " ".join(str(error).split())[:300]
                logger.warning(
                    "the tracker fails (%s: %s); the run goes on, and tries again now and then", type(error).__name__, text
                )


class TrackerHook(Hook):
    """Sends loss and learning rate every `period` iterations, means of epochs and validations, all by iterations done.

    Stands behind the hook that validates. A training that goes on does so in the same run of the tracker, which gets no number
    twice.
    """

    def __init__(self, run: TrackedRun | None, *, period: int) -> None:
        """run: None on all processes but the main one."""
        self._run = run
        self._period = period
        self._completed = False

    @classmethod
    def from_cfg(cls, cfg: CfgNode) -> TrackerHook:
        return cls(TrackedRun.from_cfg(cfg) if distributed.main_process() else None, period=cfg.LOG_PERIOD)

    def before_train(self, trainer: Trainer) -> None:
        if self._run is not None:
            self._run.open()
            self._run.log("val", trainer.metrics, trainer.iterations_done)  # of a validation that was done over

    def after_iteration(self, trainer: Trainer) -> None:
        if self._run is not None and trainer.iteration % self._period == 0:
            numbers: dict[str, Any] = {"loss": trainer.output.loss, "lr": trainer.learning_rate, **trainer.output.scalars}
            self._run.log("train", {name: float(number) for name, number in numbers.items()}, trainer.iterations_done)

    def after_epoch(self, trainer: Trainer) -> None:
        if self._run is not None:
            self._run.log("epoch", {"number": trainer.epoch, **trainer.means}, trainer.iterations_done)
            self._run.log("val", trainer.metrics, trainer.iterations_done)

    def after_train(self, trainer: Trainer) -> None:
        self._completed = True

    def close(self) -> None:
        if self._run is not None:
            self._run.close(completed=self._completed)

    def state_dict(self) -> dict[str, str]:
        return {"run_id": self._run.run_id} if self._run is not None and self._run.run_id else {}

    def load_state_dict(self, state: dict[str, str]) -> None:
        if self._run is not None:
            self._run.run_id = state["run_id"]


def track_test(cfg: CfgNode, metrics: Mapping[str, float]) -> None:
    """Sends the figures of a test to the run of the training in OUTPUT_DIR, or to a new one. Does nothing without a tracker."""
    if cfg.TRACKER.NAME:
        run = TrackedRun.from_cfg(cfg, run_id=_noted(Path(cfg.OUTPUT_DIR) / NOTE))
        run.log("test", metrics)
        run.close(completed=True)


def _noted(path: Path) -> str:
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["run_id"])
    except (OSError, ValueError, KeyError, TypeError):  # none was begun
        return ""
