"""Averaging gradients over the processes of a run: few large messages, sent once an update, while the last backward pass runs.

N parameters, A answers of a process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
import torch.distributed as dist
from torch import Tensor, nn

from slowfast.runtime import distributed
from slowfast.runtime.transfers import sent

BUCKET_ELEMENTS = 4 * 2**20
"""Elements in one message: large enough to use the wire well, small enough to be under way while gradients are still found."""


class GradientSync:
    """Replaces gradients by their means over all processes, without waiting for the device.

    With several processes gradients live in flat buffers, the buckets, from the start: a backward pass adds to them in place,
    and they are sent as they lie. A bucket is sent as soon as the pass that `completes` the gradients of an update has found
    all of its gradients, so that the wire works while the pass goes on; what no such pass completed is sent by `average`.
    Buckets leave in one order on all processes, whichever gradients each of them finds, and through a group of their own, so
    that messages within a backward pass (of synchronised norms) are not mixed up with them.

    A parameter that has a gradient on some processes only counts as zero on the others. All processes must hold the same
    parameters in the same order. One process keeps its gradients as autograd leaves them.
    """

    def __init__(self, parameters: Sequence[nn.Parameter]) -> None:
        self._parameters = list(parameters)
        self._buckets: list[_Bucket] = []
        self._missing = set(range(len(self._parameters)))  # numbers of those that have no gradient yet
        self._forgotten = False
        self._completing = False
        self._sent = 0
        if distributed.world_size() == 1:
            return
        self._group = distributed.another_group()
        numbers = {id(parameter): number for number, parameter in enumerate(self._parameters)}
        # The last layers' gradients are found first.
        for members in buckets(self._parameters[::-1]):
            bucket = _Bucket(members)
            self._buckets.append(bucket)
            for parameter, view in zip(members, bucket.views, strict=True):
                note = self._noting(numbers[id(parameter)], bucket, view)
                parameter.register_post_accumulate_grad_hook(note)  # type: ignore[no-untyped-call]

    def completes(self) -> None:
        """The next backward pass is the last one before `average`: what it completes may be sent at once."""
        self._completing = True
        for bucket in self._buckets:
            bucket.awaited = len(bucket.views)

    def average(self, loss: Tensor, answers: Sequence[bool] = ()) -> Tensor:
        """The means over all processes of `loss`, a scalar, of the A answers, and for each parameter of whether it has a
        gradient: (1 + A + N,), on the device of the loss. In a run of one process (1,), the loss.

        With several processes every parameter has a gradient afterwards, of zeros where no process has one: `forget` takes
        these away, once the host knows which they are.
        """
        if distributed.world_size() == 1:
            return loss[None]
        here = torch.ones(len(answers) + len(self._parameters), dtype=loss.dtype)
        here[: len(answers)] = torch.tensor(answers, dtype=loss.dtype)
        here[[len(answers) + number for number in self._missing]] = 0
        facts = torch.cat([loss[None], sent(here, loss.device)])
        distributed.all_reduce(facts)
        while self._sent < len(self._buckets):
            self._send_next()
        for bucket in self._buckets:
            bucket.finish()
        return facts / distributed.world_size()

    def forget(self, shares: Sequence[float]) -> None:
        """Leaves the parameters without a gradient that no process has one for, as a run of one process does.

        shares: N numbers, of the processes that have one, as `average` tells.
        """
        self._forgotten = not all(shares)
        if self._forgotten:
            for parameter, share in zip(self._parameters, shares, strict=True):
                if share == 0:
                    parameter.grad = None

    def clear(self) -> None:
        """Forgets the gradients: the next update begins."""
        if not self._buckets:
            for parameter in self._parameters:
                parameter.grad = None
            return
        self._missing = set(range(len(self._parameters)))
        self._completing, self._sent = False, 0
        for bucket in self._buckets:
            bucket.clear()
            if self._forgotten:
                bucket.attach()
        self._forgotten = False

    def _noting(self, number: int, bucket: _Bucket, view: Tensor) -> Callable[[Tensor], None]:
        """What is done when the gradient of a parameter has been added."""

        def note(parameter: Tensor) -> None:
            self._missing.discard(number)
            if parameter.grad is not None and parameter.grad is not view:  # somebody took the view away
                view.copy_(parameter.grad)
                parameter.grad = view
            if self._completing:
                if bucket.work is not None:
                    raise RuntimeError("a gradient was found after it had been sent: the backward pass was not the last one")
                bucket.awaited -= 1
                self._send_complete()

        return note

    def _send_complete(self) -> None:
        """Sends the buckets that are complete, as far as all before them are."""
        while self._sent < len(self._buckets) and self._buckets[self._sent].awaited == 0:
            self._send_next()

    def _send_next(self) -> None:
        self._buckets[self._sent].send(self._group)
        self._sent += 1


class _Bucket:
    """A message, and the parts of it that are the parameters' gradients.

    awaited: gradients that the last pass has not found yet. work: its sending; None before.
    """

    def __init__(self, parameters: list[nn.Parameter]) -> None:
        first = parameters[0]
        self._parameters = parameters
        self._flat = torch.zeros(sum(parameter.numel() for parameter in parameters), dtype=first.dtype, device=first.device)
        parts = torch.split(self._flat, [parameter.numel() for parameter in parameters])
        # Elements lie as in the parameter, as autograd leaves gradients and fused optimizers want them.
        strides = [torch.empty_like(parameter, device="meta").stride() for parameter in parameters]
        self.views = [part.as_strided(own.shape, stride) for part, own, stride in zip(parts, parameters, strides, strict=True)]
        self.awaited = len(parameters)
        self.work: dist.Work | None = None
        self.attach()

    def attach(self) -> None:
        """Makes the parts the parameters' gradients."""
        for parameter, view in zip(self._parameters, self.views, strict=True):
            parameter.grad = view

    def send(self, group: dist.ProcessGroup) -> None:
        self.work = dist.all_reduce(self._flat, group=group, async_op=True)

    def finish(self) -> None:
        """From here on the mean is there, for what is computed next; the host waits for no device."""
        assert self.work is not None
        self.work.wait()
        self._flat.div_(distributed.world_size())

    def clear(self) -> None:
        self._flat.zero_()
        self.work = None


def buckets(parameters: Sequence[nn.Parameter]) -> Iterator[list[nn.Parameter]]:
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
