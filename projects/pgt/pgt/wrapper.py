"""A network that reads videos step by step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import Tensor, nn

from pgt.memory import Memory, Mode
from pgt.operators.nonlocal_block import Context, NonLocalNorm
from pgt.schedule import Semantics
from pgt.swap import MemoryOptions, Operator, make_markov


class ProgressiveModel(nn.Module):
    """A network whose temporal operators remember; see `progressive`.

    It shares the network's own children, so that parameters keep the names they had. `forward` runs the network over all it
    is given in one pass, without memory; `step` runs it over the next step of a video.
    """

    network: nn.Module

    def __init__(
        self, network: nn.Module, *, step_len: tuple[int, ...], overlap: tuple[int, ...], options: MemoryOptions
    ) -> None:
        super().__init__()
        self.step_len, self.overlap = step_len, overlap
        self._memory = Memory()
        self.operators = tuple(make_markov(network, self._memory, options))
        # Not a child: a child would put its name in front of every parameter's. Its tables of children, parameters and
        # buffers are shared instead.
        object.__setattr__(self, "network", network)
        self._modules, self._parameters, self._buffers = network._modules, network._parameters, network._buffers
        self.train(network.training)

    def train(self, mode: bool = True) -> Self:
        super().train(mode)
        self.network.training = mode
        return self

    def forward(self, inputs: Any, *args: Any) -> Any:
        """One pass over a whole clip, without memory."""
        return self.network(inputs, *args)

    def reset(self) -> None:
        """Forgets the video: the next step is the first of another one."""
        self._memory.reset()

    def step(self, inputs: Any, *args: Any) -> Any:
        """The next step of a video: what the network returns for these frames, given what it remembers."""
        with self._memory.step():
            return self.network(inputs, *args)

    def detach_memory(self) -> None:
        """Keeps the memory, but cuts it off from the steps that made it."""
        self._memory.detach()

    def truncate_memory(self, truncate: bool) -> None:
        """Whether gradients stop at the border of every step (as they do at first) or only where `detach_memory` is called."""
        self._memory.truncate = truncate

    def memory(self) -> dict[str, Tensor]:
        """What the network remembers now, by operator: a copy that can be saved and handed to `load_memory`."""
        return self._memory.state_dict()

    def load_memory(self, state: dict[str, Tensor]) -> None:
        """Goes on from a memory that `memory` returned, on the network's device."""
        device = next((parameter.device for parameter in self.parameters()), torch.device("cpu"))
        self._memory.load_state_dict({name: frames.to(device) for name, frames in state.items()})

    @property
    def memory_bytes(self) -> int:
        """Bytes that are carried to the next step."""
        return self._memory.num_bytes


def progressive(
    module: nn.Module,
    *,
    step_len: int | Sequence[int],
    overlap: int | Sequence[int],
    memory: Mode = "max",
    momentum: float = 0.25,
    head: bool = True,
    tpool_size: int | Sequence[int] = 1,
    semantics: Semantics = "corrected",
    operator: Operator = "local",
    nonlocal_context: Context | None = None,
    nonlocal_norm: NonLocalNorm = "batchnorm",
) -> ProgressiveModel:
    """Makes a 3-D network read videos step by step (arXiv:2103.11313, section 3).

    Its temporal operators are replaced in place; parameters keep their names and identity, so weights of the plain network
    load as before. step_len, overlap: as in `StepSchedule`. memory, momentum: how operators remember (`pgt.memory.Cell`).
    head: whether the pooling over time at the end remembers too. operator: "causal" operators look only back, so that any cut
    into steps gives the same outputs; their memory is always the true past. The rest as in `MemoryOptions`.

    Raises UnsupportedOperatorError, naming the module's path, for a network with an operator that cannot be made Markov; the
    network is unchanged then.
    """
    lengths, overlaps = _as_tuple(step_len), _as_tuple(overlap)
    options = MemoryOptions(
        mode=memory,
        momentum=momentum,
        overlap=overlaps,
        head=head,
        tpool_size=_as_tuple(tpool_size),
        semantics=semantics,
        operator=operator,
        nonlocal_context=nonlocal_context,
        nonlocal_norm=nonlocal_norm,
    )
    return ProgressiveModel(module, step_len=lengths, overlap=overlaps, options=options)


def _as_tuple(value: int | Sequence[int]) -> tuple[int, ...]:
    return (value,) if isinstance(value, int) else tuple(value)
