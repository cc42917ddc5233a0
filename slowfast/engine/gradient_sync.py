"""Averaging gradients over the processes of a run: few large messages, sent once an update.

N parameters, A answers of a process.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn

from slowfast.runtime import distributed
from slowfast.runtime.transfers import sent

BUCKET_ELEMENTS = 16 * 2**20
"""Elements in one message: large enough to use the wire well, small enough to be under way soon."""


class GradientSync:
    """Replaces gradients by their means over all processes, without waiting for the device.

    A parameter that has a gradient on some processes only counts as zero on the others. All processes must hold the same
    parameters in the same order. With several processes this keeps flat buffers as large as all gradients; after `average`
    the gradients are views of them, so that nothing is copied back from what was sent.
    """

    def __init__(self, parameters: Sequence[nn.Parameter]) -> None:
        self._parameters = list(parameters)
        self._buffers: list[_FlatBuffer] = []

    def average(self, loss: Tensor, answers: Sequence[bool] = ()) -> Tensor:
        """The means over all processes of `loss`, a scalar, of the A answers, and for each parameter of whether it has a
        gradient: (1 + A + N,), on the device of the loss. In a run of one process (1,), the loss.

        With several processes every parameter has a gradient afterwards, of zeros where no process has one: `forget` takes
        these away, once the host knows which they are.
        """
        if distributed.world_size() == 1:
            return loss[None]
        present = (parameter.grad is not None for parameter in self._parameters)
        here = torch.tensor([*answers, *present], dtype=loss.dtype)
        facts = torch.cat([loss[None], sent(here, loss.device)])
        dist.all_reduce(facts)
        if not self._buffers:
            self._buffers = [_FlatBuffer.of(bucket) for bucket in _buckets(self._parameters)]
        for buffer in self._buffers:
            buffer.average()
        return facts / distributed.world_size()

    def forget(self, shares: Sequence[float]) -> None:
        """Leaves the parameters without a gradient that no process has one for, as a run of one process does.

        shares: N numbers, of the processes that have one, as `average` tells.
        """
        for parameter, share in zip(self._parameters, shares, strict=True):
            if share == 0:
                parameter.grad = None


@dataclass(frozen=True, slots=True)
class _FlatBuffer:
    """A message, and the parts of it that are the parameters' gradients."""

    flat: Tensor
    views: list[Tensor]
    parameters: list[nn.Parameter]

    @classmethod
    def of(cls, parameters: list[nn.Parameter]) -> _FlatBuffer:
        first = parameters[0]
        flat = torch.zeros(sum(parameter.numel() for parameter in parameters), dtype=first.dtype, device=first.device)
        parts = torch.split(flat, [parameter.numel() for parameter in parameters])
        # Elements lie as in the parameter, as autograd leaves gradients and fused optimizers want them.
        strides = [torch.empty_like(parameter, device="meta").stride() for parameter in parameters]
        views = [part.as_strided(own.shape, stride) for part, own, stride in zip(parts, parameters, strides, strict=True)]
        return cls(flat, views, parameters)

    def average(self) -> None:
        present = [(view, own.grad) for view, own in zip(self.views, self.parameters, strict=True) if own.grad is not None]
        if len(present) < len(self.views):
            self.flat.zero_()
        if present:
            torch._foreach_copy_([view for view, _ in present], [gradient for _, gradient in present])
        dist.all_reduce(self.flat)
        self.flat.div_(distributed.world_size())
        for parameter, view in zip(self.parameters, self.views, strict=True):
            parameter.grad = view


def _buckets(parameters: Sequence[nn.Parameter]) -> Iterator[list[nn.Parameter]]:
    """Runs of parameters of one type, each with at most BUCKET_ELEMENTS unless a single parameter has more."""
    bucket: list[nn.Parameter] = []
    size = 0
    for parameter in parameters:
        if bucket and (size + parameter.numel() > BUCKET_ELEMENTS or parameter.dtype != bucket[0].dtype):
            yield bucket
            bucket, size = [], 0
        bucket.append(parameter)
        size += parameter.numel()
    if bucket:
        yield bucket
