"""Running statistics of batch norms, measured again (Wu and Johnson, arXiv:2105.07576, sec. 3)."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

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
    """Replaces the running statistics by those of all values in all batches, of all processes, as one pass over all of them
    would find: the variance includes that of the batches' means. Batches are seen as training sees them.

    A norm that sees nothing keeps its statistics. An exception, from the batches say, leaves all as they were.
    """
    norms = [
        module
        for module in model.modules()
        if isinstance(module, _BatchNorm) and module.track_running_stats and module.training
    ]
    if not norms:
        return
    with torch.no_grad():
        with _observed(norms) as sums, eager():
            for batch in batches:
                step.forward_only(model, batch)
        distributed.reduce_sum([part.values for part in sums])
        for part in sums:
            part.write()


class _Sums:
    """Of the values that a norm of C channels sees.

    values: (2 C + 1,) float64, their sums by channel, the sums of their squares, and how many there are in a channel.
    """

    def __init__(self, norm: _BatchNorm) -> None:
        assert norm.running_mean is not None and norm.running_var is not None
        self.norm, self.mean, self.variance = norm, norm.running_mean, norm.running_var
        self.values = torch.zeros(2 * norm.num_features + 1, dtype=torch.float64, device=self.mean.device)

    def add(self, norm: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        """A forward hook. The norm's statistics are those of this pass alone."""
        count = inputs[0].numel() // self.norm.num_features
        measured = count * (distributed.world_size() if isinstance(norm, nn.SyncBatchNorm) else 1)
        mean, variance = self.mean.double(), self.variance.double() * ((measured - 1) / measured)
        self.values += count * torch.cat([mean, variance + mean.square(), torch.ones_like(mean[:1])])

    def write(self) -> None:
        """Sets the norm's statistics; the variance is the unbiased one, as in running statistics."""
        count = float(self.values[-1])
        if count:
            mean, square = (self.values[:-1] / count).chunk(2)
            self.mean.copy_(mean)
            self.variance.copy_((square - mean.square()).clamp(min=0) * (count / max(count - 1, 1)))


@contextlib.contextmanager
def _observed(norms: list[_BatchNorm]) -> Iterator[list[_Sums]]:
    """The sums of what each norm sees while the block runs. Afterwards the norms are as they were before."""
    sums = [_Sums(norm) for norm in norms]
    momenta = [norm.momentum for norm in norms]
    buffers = [(buffer, buffer.clone()) for norm in norms for buffer in norm.buffers()]
    for norm in norms:
        norm.reset_running_stats()  # what is not finite would stay so
        norm.momentum = 1.0  # what a pass measures takes the place of what was there
    hooks = [part.norm.register_forward_hook(part.add) for part in sums]
    try:
        yield sums
    finally:
        for hook in hooks:
            hook.remove()
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        for buffer, value in buffers:
            buffer.copy_(value)
