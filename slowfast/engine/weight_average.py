"""An average of a network's weights along its training, which often scores better than the last ones.

N updates so far.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

AVERAGED = "averaged_state"
"""Where a checkpoint keeps it; whoever reads weights out of one (a test, a training that starts from them) takes these."""


class WeightAverage:
    """Weights that follow the model's: after each update average = d average + (1 - d) weights.

    d is the decay, or (1 + N) / (10 + N) while that is less, so that the first weights are soon forgotten. It costs the memory
    of the weights, and one pass over them an update.

    Buffers, such as the statistics of norms, are the model's own at any time.
    """

    def __init__(self, model: nn.Module, *, decay: float) -> None:
        """decay: in (0, 1); 0.999 averages over about the last 1000 updates."""
        self._decay = decay
        self._names = dict(model.named_parameters(remove_duplicate=False))
        self._weights: list[Tensor] = list(model.parameters())
        self._average = [weight.detach().clone() for weight in self._weights]
        self._updates = 0

    @property
    def updates(self) -> int:
        return self._updates

    def update(self) -> None:
        """Takes the weights of now into account."""
        self._updates += 1
        decay = min(self._decay, (1 + self._updates) / (10 + self._updates))
        with torch.no_grad():
            torch._foreach_lerp_(self._average, self._weights, 1 - decay)

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """Within it, the model has the average as its weights. Nothing is copied."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def state_of(self, model: nn.Module) -> dict[str, Tensor]:
        """The model's state dict with the average as its weights."""
        averages = dict(zip(self._weights, self._average, strict=True))
        return {**model.state_dict(), **{name: averages[weight] for name, weight in self._names.items()}}

    def load(self, state: Mapping[str, Tensor], *, updates: int) -> None:
        """Goes on from what `state_of` gave after so many updates."""
        averages = dict(zip(self._weights, self._average, strict=True))
        for name, weight in self._names.items():
            averages[weight].copy_(state[name])
        self._updates = updates

    def _swap(self) -> None:
        for number, weight in enumerate(self._weights):
            weight.data, self._average[number] = self._average[number], weight.data
