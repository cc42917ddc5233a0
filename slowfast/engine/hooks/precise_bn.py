"""Running statistics of batch norms, measured anew (Wu and Johnson, arXiv:2105.07576, sec. 3)."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn

from slowfast.engine.hooks.base import Hook, is_due
from slowfast.engine.steps import TrainStep
from slowfast.engine.trainer import Trainer
from slowfast.runtime import distributed
from slowfast.runtime.random_state import seed_iteration
from slowfast.structures import ClipBatch


class PreciseBNHook(Hook):
    """Before each validation and each kept checkpoint, measures the statistics with the weights as they are then.

    Stands before the hooks that do these two.
    """

    def __init__(self, *, num_batches: int, periods: tuple[int, ...]) -> None:
        """periods: of validation and checkpoints, in epochs; 0 is never."""
        self._num_batches = num_batches
        self._periods = periods

    def after_epoch(self, trainer: Trainer) -> None:
        if any(is_due(trainer, period) for period in self._periods):
            seed_iteration(trainer.seed, trainer.iterations_done)
            batches = itertools.islice(trainer.loader.batches(trainer.epoch), self._num_batches)
            measure_statistics(trainer.model, trainer.step, (batch.to(trainer.device) for batch in batches))


def measure_statistics(model: nn.Module, step: TrainStep, batches: Iterable[ClipBatch]) -> None:
    """Replaces the running statistics by plain means over the batches (and the processes), seen as training sees them.

    Each forward pass through a norm counts once, so a norm that a step passes several times weighs all its passes alike.
    """
    norms = [
        module
        for module in model.modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.track_running_stats and module.training
    ]
    if not norms:
        return
    with torch.no_grad(), _cumulative(norms):
        for batch in batches:
            step.forward_only(model, batch)
    statistics: list[Tensor] = [
        tensor for norm in norms for tensor in (norm.running_mean, norm.running_var) if tensor is not None
    ]
    distributed.reduce_mean(statistics)


@contextlib.contextmanager
def _cumulative(norms: list[nn.modules.batchnorm._BatchNorm]) -> Iterator[None]:
    """Norms that start from nothing and average without forgetting; their momentum and count come back afterwards."""
    momenta = [norm.momentum for norm in norms]
    counts = [norm.num_batches_tracked.clone() for norm in norms if norm.num_batches_tracked is not None]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
    try:
        yield
    finally:
        for norm, momentum, count in zip(norms, momenta, counts, strict=True):
            norm.momentum = momentum
            assert norm.num_batches_tracked is not None
            norm.num_batches_tracked.copy_(count)
