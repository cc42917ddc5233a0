"""Talking to the other processes of a run. With one process every function here does the obvious without any messages."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from slowfast.runtime.environment import Membership
from slowfast.runtime.errors import Interrupted, LaunchError
from slowfast.runtime.interruption import StopRequest


def rank() -> int:
    return dist.get_rank() if dist.is_initialized() else 0


def world_size() -> int:
    return dist.get_world_size() if dist.is_initialized() else 1


def main_process() -> bool:
    """Whether this is the one process that writes files and talks to the user."""
    return rank() == 0


@contextlib.contextmanager
def process_group(device: torch.device, own: Membership, backend: str = "") -> Iterator[None]:
    """Joins the processes of the run, for the time of a `with`. Raises LaunchError when they cannot be reached.

    `backend`: nccl or gloo; empty: nccl on GPUs, gloo on CPUs.
    """
    if own.world_size == 1:
        yield
        return
    try:
        dist.init_process_group(backend or ("nccl" if device.type == "cuda" else "gloo"))
    except dist.DistError as error:
        reason = str(error).strip().split("\n")[0]
        raise LaunchError(
            f"process {own.rank} of {own.world_size} does not reach the others at {own.meeting_point} ({reason}); right would "
            "be a MASTER_ADDR and a free MASTER_PORT of the machine with RANK 0, and as many processes as WORLD_SIZE says"
        ) from None
    yield
    # Not after an error: whoever waits for this process would notice the end before the error has been told.
    dist.destroy_process_group()


def barrier() -> None:
    if world_size() > 1:
        dist.barrier()


def stop_if_asked(request: StopRequest | None, device: torch.device) -> None:
    """Raises Interrupted on every process at once as soon as one of them has been asked to stop. All must call it."""
    number = 0 if request is None else largest(request.signal_number, device)
    if number:
        raise Interrupted(number)


def reduce_mean(tensors: list[Tensor]) -> None:
    """Replaces each tensor by its mean over all processes, in place."""
    if world_size() > 1:
        for tensor in tensors:
            dist.all_reduce(tensor)
            tensor.div_(world_size())


def reduce_sum(tensors: list[Tensor]) -> None:
    """Replaces each tensor by its sum over all processes, in place. All have one type, and travel as one message."""
    if world_size() > 1:
        flat = torch.cat([tensor.flatten() for tensor in tensors])
        dist.all_reduce(flat)
        for tensor, part in zip(tensors, torch.split(flat, [tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(part.view_as(tensor))


def gather_to_main(value: Any) -> list[Any] | None:
    """The values of all processes, by rank, on the main process; None on the others. Values are pickled."""
    if world_size() == 1:
        return [value]
    values: list[object] | None = [None] * world_size() if main_process() else None
    dist.gather_object(value, values)
    return values


def gather_everywhere(value: Any) -> list[Any]:
    """The values of all processes, by rank, on every process. Values are pickled."""
    if world_size() == 1:
        return [value]
    values: list[object] = [None] * world_size()
    dist.all_gather_object(values, value)
    return values


def largest(value: int, device: torch.device) -> int:
    """The largest of the processes' values, on every process."""
    if world_size() == 1:
        return value
    number = torch.tensor(value, device=_message_device(device))
    dist.all_reduce(number, op=dist.ReduceOp.MAX)
    return int(number)


def broadcast(module: nn.Module, *, parameters: bool = True) -> None:
    """Gives every process the main process's buffers (and parameters) of the module."""
    if world_size() == 1:
        return
    tensors = [*module.buffers(), *(module.parameters() if parameters else ())]
    for tensor in tensors:
        dist.broadcast(tensor.data, src=0)
        torch.autograd.graph.increment_version(tensor)  # so that whoever keeps what follows from it notices


def _message_device(device: torch.device) -> torch.device:
    """Where a backend wants its messages: gloo takes those of the CPU without a copy."""
    return torch.device("cpu") if dist.get_backend() == "gloo" else device
