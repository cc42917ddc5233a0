"""Running statistics of batch norms, measured again (Wu and Johnson, arXiv:2105.07576, sec. 3)."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn

from slowfast.engine.compiling import eager
from slowfast.engine.hooks.base import Hook, is_due
from slowfast.engine.steps import TrainStep
from slowfast.engine.trainer import Trainer
from slowfast.runtime import distributed
from slowfast.runtime.errors import Interrupted
from slowfast.runtime.interruption import StopRequest
from slowfast.runtime.progress import with_bar
from slowfast.runtime.random_state import seed_iteration
from slowfast.structures import ClipBatch


class PreciseBNHook(Hook):
    """Before each validation and each kept checkpoint, measures the statistics with the weights as they are then.

    Stands before the hooks that do these two.
    """

    def __init__(self, *, num_batches: int, periods: tuple[int, ...], request: StopRequest | None = None) -> None:
        """periods: of validation and checkpoints, in epochs; 0 is never. request: on which measuring is given up."""
        self._num_batches = num_batches
        self._periods = periods
        self._request = request

    def after_last_iteration(self, trainer: Trainer) -> None:
        epoch = trainer.epoch + 1
        if any(is_due(trainer, epoch, period) for period in self._periods):
            seed_iteration(trainer.seed, trainer.iterations_done)
            # Given up, it is done over when the run goes on; the hook that stops runs does so now.
            with contextlib.suppress(Interrupted):
                measure_statistics(trainer.model, trainer.step, self._batches(trainer, epoch))

    def _batches(self, trainer: Trainer, epoch: int) -> Iterator[ClipBatch]:
        batches = itertools.islice(trainer.loader.batches(epoch), self._num_batches)
        for batch in with_bar(batches, "measuring norms", total=min(self._num_batches, len(trainer.loader))):
            distributed.stop_if_asked(self._request, trainer.device)
            yield batch.to(trainer.device)


def measure_statistics(model: nn.Module, step: TrainStep, batches: Iterable[ClipBatch]) -> None:
    """Replaces the running statistics by plain means over the batches (and the processes), seen as training sees them.

    Each forward pass through a norm counts once, so a norm that a step passes several times weighs all its passes alike. An
    exception, from the batches say, leaves the statistics as they were.
    """
    norms = [
        module
        for module in model.modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.track_running_stats and module.training
    ]
    if not norms:
        return
    with torch.no_grad(), _cumulative(norms), eager():
        for batch in batches:
            step.forward_only(model, batch)
    statistics: list[Tensor] = [
        tensor for norm in norms for tensor in (norm.running_mean, norm.running_var) if tensor is not None
    ]
    distributed.reduce_mean(statistics)


@contextlib.contextmanager
def _cumulative(norms: list[nn.modules.batchnorm._BatchNorm]) -> Iterator[None]:
    """Norms that start from nothing and average without forgetting; their momentum and count come back afterwards.

    After an exception all of them are as before.
    """
    momenta = [norm.momentum for norm in norms]
    buffers = [buffer for norm in norms for buffer in (norm.running_mean, norm.running_var) if buffer is not None]
    before = [buffer.clone() for buffer in buffers]
    counts = [norm.num_batches_tracked.clone() for norm in norms if norm.num_batches_tracked is not None]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
    try:
        yield
    except BaseException:
        for buffer, value in zip(buffers, before, strict=True):
            buffer.copy_(value)
        raise
    finally:
        for norm, momentum, count in zip(norms, momenta, counts, strict=True):
            norm.momentum = momentum
            assert norm.num_batches_tracked is not None
            norm.num_batches_tracked.copy_(count)
