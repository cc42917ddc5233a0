"""Learning rates as pure functions of the fractional epoch (2.5: half way through the third epoch)."""

from __future__ import annotations

import bisect
import functools
import math
from collections.abc import Callable, Sequence

from fvcore.common.config import CfgNode

Schedule = Callable[[float], float]


def cosine(epoch: float, *, base: float, end: float, start_epoch: float, max_epoch: float) -> float:
    """Half a period of the cosine, from `base` at `start_epoch` to `end` at `max_epoch` (arXiv:1608.03983)."""
    share = (epoch - start_epoch) / (max_epoch - start_epoch) if max_epoch > start_epoch else 1.0
    return end + (base - end) * (math.cos(math.pi * share) + 1) / 2


def relative_steps(epoch: float, *, base: float, start_epochs: Sequence[float], factors: Sequence[float]) -> float:
    """`base * factors[i]` from `start_epochs[i]` on; `start_epochs` rises from 0."""
    return base * factors[bisect.bisect_right(start_epochs, epoch) - 1]


def warm_up(epoch: float, *, after: Schedule, start: float, num_epochs: float) -> float:
    """A straight line from `start` at epoch 0 to `after(num_epochs)`, then `after` itself (arXiv:1706.02677, sec. 2.2)."""
    if epoch >= num_epochs:
        return after(epoch)
    return start + (after(num_epochs) - start) * epoch / num_epochs


def build_schedule(cfg: CfgNode) -> Schedule:
    """The learning rate as a function of the fractional epoch."""
    solver = cfg.SOLVER
    scale = cfg.NUM_SHARDS if solver.BASE_LR_SCALE_NUM_SHARDS else 1
    if solver.LR_POLICY == "cosine":
        after: Schedule = functools.partial(
            cosine,
            base=solver.BASE_LR * scale,
            end=solver.COSINE_END_LR * scale,
            start_epoch=solver.WARMUP_EPOCHS if solver.COSINE_AFTER_WARMUP else 0.0,
            max_epoch=solver.MAX_EPOCH,
        )
    else:
        after = functools.partial(
            relative_steps,
            base=solver.BASE_LR * scale,
            start_epochs=tuple(solver.STEPS),
            factors=tuple(solver.LRS),
        )
    return functools.partial(warm_up, after=after, start=solver.WARMUP_START_LR * scale, num_epochs=solver.WARMUP_EPOCHS)
