"""Which batch fits into a given memory, and what to set for it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from fvcore.common.config import CfgNode

from slowfast.commands.plan_process import PlanError

UNITS = {"": 1, "B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}

RESERVE = 2 * 10**9
"""Bytes of a GPU for its libraries, their workspaces, and what the allocator cannot use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """clips: of a process, 0 where not even one fits. options: those of a config that make it so, by key."""

    clips: int
    bytes_needed: int
    options: dict[str, object]

    def line(self) -> str:
        """As words of a command line."""
        return " ".join(f"{key} {value}" for key, value in self.options.items())


def parse_size(text: str) -> int:
    """Bytes of a text such as "24GB" or "22.5GiB". Raises PlanError."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", text)
    if not found or found[2].upper() not in UNITS or not (size := round(float(found[1]) * UNITS[found[2].upper()])):
        raise PlanError(f"--fit {text}: this is no size of a memory; right would be a number with GB or GiB, such as 24GB")
    return size


def largest_batch(needed: Callable[[int], int], size: int) -> int:
    """The most clips with needed(clips) <= size, for what does not fall with clips; 0: not even one."""
    if needed(1) > size:
        return 0
    low, high = 1, 2
    while high < 2**30 and needed(high) <= size:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if needed(middle) <= size else (low, middle)
    return low


def fitted(cfg: CfgNode, needed: Callable[[int], int], size: int, *, processes: int) -> Fit:
    """With the learning rate in proportion to the batch, of all processes."""
    clips = largest_batch(needed, size)
    if not clips:
        return Fit(clips=0, bytes_needed=needed(1), options={})
    batch = clips * processes
    scale = batch / cfg.TRAIN.BATCH_SIZE
    return Fit(
        clips=clips,
        bytes_needed=needed(clips),
        options={
            "TRAIN.BATCH_SIZE": batch,
            "SOLVER.BASE_LR": _short(cfg.SOLVER.BASE_LR * scale),
            "SOLVER.WARMUP_START_LR": _short(cfg.SOLVER.WARMUP_START_LR * scale),
        },
    )


def _short(rate: float) -> float:
    return float(f"{rate:.4g}")
