"""Averaging gradients over the processes of a run: few large messages, sent once an update."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
import torch.distributed as dist
from torch import Tensor, nn

from slowfast.runtime import distributed

BUCKET_ELEMENTS = 16 * 2**20
"""Elements in one message: large enough to use the wire well, small enough for the copy to be a fraction of the gradients."""


def average_gradients(parameters: Sequence[nn.Parameter], loss: Tensor) -> Tensor:
    """Replaces the gradients by their means over all processes and returns the mean of `loss`, a scalar.

    A parameter that has a gradient on some processes only counts as zero on the others; one that has none anywhere keeps
    none, as in a run of one process. All processes must hold the same parameters in the same order.
    """
    world = distributed.world_size()
    if world == 1:
        return loss
    facts = torch.stack([loss.float(), *(torch.full_like(loss, p.grad is not None, dtype=torch.float32) for p in parameters)])
    dist.all_reduce(facts)
    mean_loss, *present = (facts / world).unbind()
    taking_part = [p for p, share in zip(parameters, torch.stack(present).tolist(), strict=True) if share > 0]
    for parameter in taking_part:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    for bucket in _buckets([p.grad for p in taking_part if p.grad is not None]):
        flat = torch.cat([gradient.flatten() for gradient in bucket])
        dist.all_reduce(flat)
        flat.div_(world)
        for gradient, mean in zip(bucket, torch.split(flat, [gradient.numel() for gradient in bucket]), strict=True):
            gradient.copy_(mean.view(gradient.shape))
    return mean_loss


def _buckets(gradients: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    """Runs of gradients of one type, each at most BUCKET_ELEMENTS long unless a single gradient is longer."""
    bucket: list[Tensor] = []
    size = 0
    for gradient in gradients:
        if bucket and (size + gradient.numel() > BUCKET_ELEMENTS or gradient.dtype != bucket[0].dtype):
            yield bucket
            bucket, size = [], 0
        bucket.append(gradient)
        size += gradient.numel()
    if bucket:
        yield bucket
