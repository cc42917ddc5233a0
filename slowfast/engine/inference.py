"""The evaluation loop, for validation and tests alike: every clip once, summed up in a few figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from slowfast.datasets import ClipDataset
from slowfast.engine.compiling import eager
from slowfast.engine.examined import ExaminedVideos
from slowfast.engine.score_statistics import ScoreStatistics
from slowfast.engine.steps import EvalStep
from slowfast.models.folding import norms_folded
from slowfast.runtime import distributed
from slowfast.runtime.interruption import StopRequest
from slowfast.runtime.precision import SINGLE, Precision
from slowfast.runtime.progress import with_bar
from slowfast.runtime.transfers import DeviceFeed


class EvalLoader(Protocol):
    """Each clip of a data set once, on one of the processes."""

    @property
    def dataset(self) -> ClipDataset: ...

    def __len__(self) -> int: ...

    def batches(self, epoch: int) -> Iterator[Any]: ...


@dataclass(frozen=True, slots=True)
class Confusion:
    """Which classes were taken for which. videos: int64 (K, K), by true class (row) and best-scored class (column)."""

    class_names: tuple[str, ...]
    videos: NDArray[np.int64]

    def accuracies(self) -> list[float]:
        """The share of each class's videos that were recognised, in [0, 1]; NaN for classes without a video."""
        totals = self.videos.sum(axis=1)
        return [
            float(right / total) if total else float("nan") for right, total in zip(self.videos.diagonal(), totals, strict=True)
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """values: figures in percent, by name; NaN where nothing defines them. counts: what they were measured on.

    per_class_ap: classes with their average precisions, in [0, 1], NaN for classes without a positive; None if not measured.
    support: how often each of these classes is true, in the same order: in videos, or boxes of detections.
    confusion: of videos with one label; None otherwise. in_time: what more was measured in time, for results.json.
    """

    values: dict[str, float]
    counts: dict[str, int] = field(default_factory=dict)
    per_class_ap: tuple[tuple[str, float], ...] | None = None
    support: tuple[int, ...] = ()
    confusion: Confusion | None = None
    in_time: Mapping[str, Any] | None = None


class Evaluation(Protocol):
    """Collects what a network says about a data set, and measures it. One object serves any number of evaluations in turn."""

    def names(self) -> tuple[str, ...]:
        """Of the figures that `result` has whatever was collected, the main one first."""

    def reset(self) -> None:
        """Forgets what was collected."""

    def add(self, batch: Any, output: Any) -> None:
        """Takes what the evaluation step returned for a batch; the output may be on another device than the batch."""

    def collected(self) -> object:
        """What was added so far, as it is sent to another process."""

    def merge(self, collected: Any) -> None:
        """Takes over what another process collected."""

    def result(self) -> Metrics:
        """The figures. Raises ScoreError when what was collected cannot be measured."""

    def save(self, folder: Path) -> None:
        """Writes the scores behind the figures, where the config wants them."""

    def examined(self) -> ExaminedVideos | None:
        """The videos that were understood worst and best; None where videos are not judged one by one."""

    def statistics(self) -> ScoreStatistics | None:
        """What the scores look like as a whole; None where they are not of videos."""


def evaluate(
    *,
    model: nn.Module,
    step: EvalStep,
    loader: EvalLoader,
    device: torch.device,
    evaluation: Evaluation,
    precision: Precision = SINGLE,
    request: StopRequest | None = None,
) -> Metrics | None:
    """Scores every clip of the loader's data set, with forward passes of that precision.

    Runs on all processes, which may have unequal numbers of clips, and returns the figures on the main one, None on the others.
    Leaves the model in evaluation mode. Raises Interrupted, on all processes after the same batch, once one of them has been
    asked to stop through its `request`.
    """
    rounds = 0 if request is None else distributed.largest(len(loader), device)
    done = 0
    evaluation.reset()
    model.eval()
    with torch.no_grad(), norms_folded(model), eager():
        for batch, copy in DeviceFeed(device)(with_bar(loader.batches(0), "evaluating", total=len(loader))):
            with precision.autocast(device):
                output = step(model, copy)
            evaluation.add(batch, output)
            done += 1
            if done <= rounds:
                distributed.stop_if_asked(request, device)
    for _ in range(done, rounds):  # others have more clips, and ask every time
        distributed.stop_if_asked(request, device)
    parts = distributed.gather_to_main(evaluation.collected())
    if parts is None:
        return None
    for part in parts[1:]:
        evaluation.merge(part)
    return evaluation.result()
