"""Talking to the other processes of a run. With one process every function here does the obvious without any messages."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch._C._distributed_c10d import PrefixStore, Store, TCPStore

from slowfast.runtime.environment import Membership
from slowfast.runtime.errors import Interrupted, LaunchError, LostProcessError
from slowfast.runtime.interruption import StopRequest
from slowfast.runtime.meeting import meet
from slowfast.runtime.watchdog import Exchanges, Watchdog

JOIN_SECONDS = 300.0
"""How long processes wait for each other at the start, at least: some come from busy machines."""

LATER_SECONDS = 60.0
"""The backend gives up so much later than the watchdog, which knows more."""

_exchanges = Exchanges()
_patience: ContextVar[timedelta | None] = ContextVar("patience", default=None)
"""How long the backend waits; None: as long as it does by itself."""


def rank() -> int:
    return dist.get_rank() if dist.is_initialized() else 0


def world_size() -> int:
    return dist.get_world_size() if dist.is_initialized() else 1


def main_process() -> bool:
    """Whether this is the one process that writes files and talks to the user."""
    return rank() == 0


@contextlib.contextmanager
def process_group(
    device: torch.device, own: Membership, backend: str = "", *, seconds: float, end: Callable[[LostProcessError], None]
) -> Iterator[None]:
    """Joins the processes of the run, for the time of a `with`, within which they watch each other (see `watchdog`).

    backend: nccl or gloo; empty: nccl on GPUs, gloo on CPUs. seconds: how long others wait for one that is silent. end: called,
    in another thread, when one was; it ends this process. Raises LaunchError when the processes cannot be reached, and
    LostProcessError when one of them has ended.
    """
    if own.world_size == 1:
        yield
        return
    store, watched = _stores(own, max(seconds, JOIN_SECONDS))
    watchdog = Watchdog(watched, _exchanges, rank=own.rank, world_size=own.world_size, seconds=seconds, end=end)
    watchdog.start()
    patience = _patience.set(timedelta(seconds=seconds + LATER_SECONDS))
    try:
        with _exchanges.one():
            dist.init_process_group(
                backend or ("nccl" if device.type == "cuda" else "gloo"), store=store, rank=own.rank,
                world_size=own.world_size, timeout=_patience.get(),
            )  # fmt: skip
        yield
        # Not after an error: whoever waits for this process would notice the end before the error has been told.
        dist.destroy_process_group()
    except RuntimeError as error:
        if _GLOO in str(error):
            reason = str(error).strip().split("\n")[0]
            raise LostProcessError(
                f"process {own.rank} cannot reach another process of the run any more, which has ended or is cut off ({reason})"
            ) from error
        raise
    finally:
        _patience.reset(patience)
        watchdog.stop()


_GLOO = "gloo/transport"
"""Part of what gloo says of a connection that is lost."""


def _stores(own: Membership, seconds: float) -> tuple[Store, Store]:
    """Where the processes of this start, and no others, leave notes for each other: for the backend, and for the watchdog, as a
    connection serves one request at a time, and a request may wait."""
    host, _, port = own.meeting_point.rpartition(":")
    agent_serves = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"

    def connection(*, serves: bool) -> Store:
        timeout = timedelta(seconds=seconds)
        return TCPStore(host, int(port), is_master=serves, timeout=timeout, wait_for_workers=False)

    try:
        store = connection(serves=own.rank == 0 and not agent_serves)
        start = meet(store, rank=own.rank, world_size=own.world_size, seconds=seconds)
        return PrefixStore(start, store), PrefixStore(f"{start}/watch", connection(serves=False))
    except (dist.DistError, TimeoutError) as error:
        reason = str(error).strip().split("\n")[0]
        raise LaunchError(
            f"process {own.rank} of {own.world_size} does not reach the others at {own.meeting_point} ({reason}); right would "
            "be a MASTER_ADDR and a free MASTER_PORT of the machine with RANK 0, and as many processes as WORLD_SIZE says"
        ) from None


def barrier() -> None:
    if world_size() > 1:
        with _exchanges.one():
            dist.barrier()


def another_group() -> dist.ProcessGroup:
    """A group of all processes of the run, whose messages are not mixed up with other ones, and which waits as long. All must
    call it."""
    with _exchanges.one():
        group: dist.ProcessGroup = dist.new_group(timeout=_patience.get())
    return group


def all_reduce(tensor: Tensor) -> None:
    """Replaces the tensor by its sum over all processes, in place. In a run of several processes, only."""
    with _exchanges.one():
        dist.all_reduce(tensor)


def stop_if_asked(request: StopRequest | None, device: torch.device) -> None:
    """Raises Interrupted on every process at once as soon as one of them has been asked to stop. All must call it."""
    number = 0 if request is None else largest(request.signal_number, device)
    if number:
        raise Interrupted(number)


def reduce_mean(tensors: list[Tensor]) -> None:
    """Replaces each tensor by its mean over all processes, in place."""
    if world_size() > 1:
        for tensor in tensors:
            all_reduce(tensor)
            tensor.div_(world_size())


def reduce_sum(tensors: list[Tensor]) -> None:
    """Replaces each tensor by its sum over all processes, in place. All have one type, and travel as one message."""
    if world_size() > 1:
        flat = torch.cat([tensor.flatten() for tensor in tensors])
        all_reduce(flat)
        for tensor, part in zip(tensors, torch.split(flat, [tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(part.view_as(tensor))


def gather_to_main(value: Any) -> list[Any] | None:
    """The values of all processes, by rank, on the main process; None on the others. Values are pickled."""
    if world_size() == 1:
        return [value]
    values: list[object] | None = [None] * world_size() if main_process() else None
    with _exchanges.one():
        dist.gather_object(value, values)
    return values


def gather_everywhere(value: Any) -> list[Any]:
    """The values of all processes, by rank, on every process. Values are pickled."""
    if world_size() == 1:
        return [value]
    values: list[object] = [None] * world_size()
    with _exchanges.one():
        dist.all_gather_object(values, value)
    return values


def largest(value: int, device: torch.device) -> int:
    """The largest of the processes' values, on every process."""
    if world_size() == 1:
        return value
    number = torch.tensor(value, device=_message_device(device))
    with _exchanges.one():
        dist.all_reduce(number, op=dist.ReduceOp.MAX)
    return int(number)


def broadcast(module: nn.Module, *, parameters: bool = True) -> None:
    """Gives every process the main process's buffers (and parameters) of the module."""
    if world_size() == 1:
        return
    tensors = [*module.buffers(), *(module.parameters() if parameters else ())]
    for tensor in tensors:
        with _exchanges.one():
            dist.broadcast(tensor.data, src=0)
        torch.autograd.graph.increment_version(tensor)  # so that whoever keeps what follows from it notices


def _message_device(device: torch.device) -> torch.device:
    """Where a backend wants its messages: gloo takes those of the CPU without a copy."""
    return torch.device("cpu") if dist.get_backend() == "gloo" else device
