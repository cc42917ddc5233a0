"""How long a training takes: here, as a probe found, and on GPUs of which only their operations a second are known."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from fvcore.common.config import CfgNode

PUBLISHED = {("kinetics", 400): 240_000, ("charades", 157): 7_985, ("ssv2", 174): 168_913}
"""Training samples of an epoch, by data set and number of classes; Kinetics shrinks over the years."""

ROUND = 1_000_000
"""Samples that are counted with where nobody knows how many there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """Of an epoch: clips, or for whole videos what a lane reads at an update. source: who says so; empty: nobody."""

    count: int
    source: str

    @classmethod
    def of(cls, cfg: CfgNode, stated: int | None) -> Samples:
        if stated:
            return cls(count=stated, source="--samples")
        known = 0 if cfg.DATA.LANE_PIECES else PUBLISHED.get((cfg.TRAIN.DATASET, cfg.MODEL.NUM_CLASSES), 0)
        return cls(count=known, source="published") if known else cls(count=ROUND, source="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """clips: of an iteration of one process. seconds: of each iteration, in order."""

    clips: int
    seconds: tuple[float, ...]

    @property
    def iteration(self) -> float:
        """Seconds: the median of all but the first, which waits for kernels and memory."""
        return statistics.median(self.seconds[1:] or self.seconds)

    def epoch(self, samples: int, *, processes: int) -> float:
        """Seconds, of processes that are as fast as this one side by side; loading is not counted."""
        return self.iteration / self.clips * samples / processes


def compute_seconds(*, multiply_adds: float, samples: int, gpus: int, flops: float, efficiency: float) -> float:
    """An epoch on GPUs that do `flops` operations a second each, of which training uses the part `efficiency`.

    multiply_adds: of a sample in training; each is two operations.
    """
    return 2 * multiply_adds * samples / (gpus * flops * efficiency)
