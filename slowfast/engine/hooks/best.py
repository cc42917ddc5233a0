"""The weights that had the best validation so far."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import safetensors
import simplejson

from slowfast.config import ConfigError
from slowfast.engine import checkpoint
from slowfast.engine.contract import Contract
from slowfast.engine.hooks.base import Hook
from slowfast.engine.host_copy import HostCopy
from slowfast.engine.trainer import Trainer
from slowfast.engine.weight_files import write_weights
from slowfast.runtime import distributed
from slowfast.runtime.background_writer import BackgroundWriter

KEY = "validation"
"""Where the file's metadata have the validation, as JSON."""

logger = logging.getLogger(__name__)


def best_path(output_dir: str | Path) -> Path:
    return checkpoint.folder(output_dir) / "best.safetensors"


def less_is_better(metric: str) -> bool:
    """What the name of a figure says: losses and errors are the better the less they are, everything else the more."""
    words = re.split(r"[^a-z]+", metric.lower())
    return any(word in ("loss", "err", "error", "errors") for word in words)


def check_metric(metric: str, figures: Iterable[str]) -> None:
    """Raises ConfigError where TRAIN.CHECKPOINT_BEST_METRIC is none of the figures of a validation."""
    if metric not in (names := tuple(figures)):
        raise ConfigError(
            key="TRAIN.CHECKPOINT_BEST_METRIC", value=metric, why="validations of this config have no figure of that name",
            right=" or ".join(map(repr, names)) or "'', as they have no figure at all",
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """epoch: epochs that were done. figures: by name, in percent; None: undefined."""

    metric: str
    value: float
    epoch: int
    figures: Mapping[str, float | None]

    def is_better_than(self, other: Validation | None) -> bool:
        """Of equal ones the earlier is better."""
        if other is None:
            return True
        return self.value < other.value if less_is_better(self.metric) else self.value > other.value

    @classmethod
    def of_file(cls, path: Path) -> Self | None:
        """That of the weights in a file; None where there is none, with a line in the log where there is a file."""
        try:
            with safetensors.safe_open(path, framework="pt") as file:
                return cls(**simplejson.loads(file.metadata()[KEY]))
        except FileNotFoundError:
            return None
        except (OSError, safetensors.SafetensorError, ValueError, TypeError, KeyError) as error:
            logger.warning("%s: does not say how good its weights are (%s); the next validation takes its place", path, error)
            return None


class BestHook(Hook):
    """Keeps the weights that were best by a figure of validations, in a file of their own with all that is needed to use them.

    Stands behind the hook that validates. The file also says how good they are: it is replaced as a whole, and a run that goes
    on knows the best of before, whenever the last one ended.
    """

    def __init__(self, *, output_dir: str | Path, metric: str, contract: Contract, writer: BackgroundWriter) -> None:
        """writer: someone else sees to it that it is finished."""
        self._path = best_path(output_dir)
        self._metric = metric
        self._contract = contract
        self._writer = writer
        self._copy = HostCopy()
        self._best: Validation | None = None

    def before_train(self, trainer: Trainer) -> None:
        if distributed.main_process() and trainer.iterations_done:
            found = Validation.of_file(self._path)
            if found is not None and found.metric == self._metric:
                self._best = found
        self._take(trainer)  # what was done over of an interrupted validation

    def after_epoch(self, trainer: Trainer) -> None:
        self._take(trainer)

    def after_train(self, trainer: Trainer) -> None:
        if not distributed.main_process():
            return
        if self._best is None:
            logger.warning("%s: not written, as no validation of this training has found a %s", self._path, self._metric)
        else:
            text = "the best %s of this training, %.2f, was that of epoch %d; its weights are in %s"
            logger.info(text, self._metric, self._best.value, self._best.epoch, self._path)

    def _take(self, trainer: Trainer) -> None:
        if not trainer.metrics:  # no validation, or not the main process
            return
        check_metric(self._metric, trainer.metrics)
        figures = {name: None if math.isnan(value) else value for name, value in trainer.metrics.items()}
        value = figures[self._metric]
        if value is None:
            return
        own = Validation(metric=self._metric, value=value, epoch=trainer.epoch, figures=figures)
        if own.is_better_than(self._best):
            self._write(trainer, own)

    def _write(self, trainer: Trainer, own: Validation) -> None:
        self._writer.finish()  # it reads the copy before, whose memory is used again
        weights = trainer.scored_weights()
        kept = self._copy.of(weights) if self._writer.background else weights
        notes = {KEY: simplejson.dumps(asdict(own), ignore_nan=True)}
        self._writer.start(lambda: write_weights(self._path, kept, self._contract, notes))
        self._best = own
