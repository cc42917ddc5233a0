"""Processes of a run agree that all of them are there, and are those of this start and not of an earlier one.

torchrun keeps its store of keys and values when it starts processes again, and what the ones before have left in it with it: a
process that reads there where another one listens may get the address of one that has been killed, and waits for it in vain.
"""

from __future__ import annotations

import time
import uuid
from datetime import timedelta

import torch.distributed as dist
from torch._C._distributed_c10d import Store

_LOOK_SECONDS = 0.05


def meet(store: Store, *, rank: int, world_size: int, seconds: float) -> str:
    """A name that these processes alone know, for what they leave in the store. All must call it; it returns once all have.

    Each process announces itself by a number that nobody had before, and process 0, which is the only one to answer, answers
    with its own. Raises TimeoutError, which names who is missing, when that takes longer than `seconds`.
    """
    own = uuid.uuid4().hex
    if rank == 0:
        _welcome(store, own, list(range(1, world_size)), seconds)
        return own
    store.set(f"announced/{rank}", own)
    try:
        store.wait([f"answer/{own}"], timedelta(seconds=seconds))
    except dist.DistError as error:
        raise TimeoutError(f"process 0 has not answered for {seconds:g} s") from error
    start = store.get(f"answer/{own}").decode()
    store.set(f"{start}/here/{rank}", "")
    return str(start)


def _welcome(store: Store, own: str, missing: list[int], seconds: float) -> None:
    """Answers until every process has confirmed; what an earlier one announced is answered too, and nobody hears it."""
    answered: dict[int, str] = {}
    deadline = time.monotonic() + seconds
    while missing:
        for rank in missing:
            if store.check([f"announced/{rank}"]):
                announced = store.get(f"announced/{rank}").decode()
                if answered.get(rank) != announced:
                    store.set(f"answer/{announced}", own)
                    answered[rank] = announced
        missing = [rank for rank in missing if not store.check([f"{own}/here/{rank}"])]
        if missing and time.monotonic() > deadline:
            raise TimeoutError(f"process {', '.join(map(str, missing))} has not come for {seconds:g} s")
        if missing:
            time.sleep(_LOOK_SECONDS)
