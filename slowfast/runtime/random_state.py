"""Random numbers on the device, such as those of dropout.

The generators are seeded again before every iteration, from the job's seed, the number of the iteration and the rank. So a
checkpoint need not hold the state of any generator, whatever a hook drew in between changes nothing, and a resumed run
draws exactly what the uninterrupted one would have drawn. Data augmentation has generators of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from slowfast.runtime import distributed


def seed_model(seed: int) -> None:
    """Before a model is built: the same first weights on every process."""
    torch.manual_seed(seed)


def seed_iteration(seed: int, iteration: int) -> None:
    """`iteration` counts from the start of the training, over all epochs."""
    mixed = np.random.SeedSequence([seed, iteration, distributed.rank()]).generate_state(1, np.uint64)
    torch.manual_seed(int(mixed[0]) >> 1)  # torch takes signed numbers


def iteration_generator(stream: int) -> np.random.Generator:
    """A generator of its own for this iteration and process, which takes nothing from PyTorch's. stream: tells several
    apart."""
    return np.random.default_rng((stream, torch.initial_seed()))


@dataclass(frozen=True, slots=True)
class RandomState:
    """Where PyTorch's generators are, for whoever runs something a second time. own: that of `device`, if it has one."""

    device: torch.device
    host: Tensor
    own: Tensor | None

    @classmethod
    def now(cls, device: torch.device) -> RandomState:
        """device: where the network is, besides the host."""
        own = None if device.type == "cpu" else torch.get_device_module(device).get_rng_state(device)
        return cls(device, torch.get_rng_state(), own)

    def restore(self) -> None:
        torch.set_rng_state(self.host)
        if self.own is not None:
            torch.get_device_module(self.device).set_rng_state(self.own, self.device)
