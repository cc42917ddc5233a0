"""Walks a network and replaces its temporal operators by Markov operators, in place."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from pgt.memory import Cell, Memory, Mode
from pgt.operators import MarkovConv3d, MarkovTemporalPool
from pgt.schedule import Semantics
from slowfast.models.layers.temporal_pool import TemporalPool
from slowfast.models.resnet.lateral import FuseFastToSlow


class UnsupportedOperatorError(TypeError):
    """An operator that looks across time but cannot be given a memory. The text names its path in the network."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryOptions:
    """How the operators of a network remember.

    overlap: for each pathway, the frames that the pooling of the head remembers (and, under "released", every operator).
    head: whether the pooling of the head remembers at all. tpool_size: temporal positions that it leaves for each pathway
    when an evaluation runs a whole clip in one pass.
    """

    mode: Mode
    momentum: float
    overlap: tuple[int, ...]
    head: bool = True
    tpool_size: tuple[int, ...] = (1,)
    semantics: Semantics = "corrected"

    def of_pathway(self, values: Sequence[int], pathway: int) -> int:
        """The pathway's number; a single number holds for all."""
        return values[pathway] if len(values) > 1 else values[0]

    def cell(self, name: str, *, pathway: int, needed: int) -> Cell:
        """The memory of an operator that needs so many frames of the past."""
        num_frames = self.of_pathway(self.overlap, pathway) if self.semantics == "released" else needed
        return Cell(name=name, num_frames=num_frames, mode=self.mode, momentum=self.momentum)


def make_markov(network: nn.Module, memory: Memory, options: MemoryOptions) -> list[str]:
    """Replaces every temporal operator of `network`; returns the paths of the new ones.

    Parameters, buffers, hooks and their names stay the same objects. Raises UnsupportedOperatorError before anything is
    replaced when the network holds an operator that looks across time in a way no memory serves.
    """
    if any(isinstance(module, MarkovConv3d | MarkovTemporalPool) for module in network.modules()):
        raise UnsupportedOperatorError("this network is progressive already")
    replacements: dict[str, nn.Module] = {}
    without_memory = _without_memory(network, options)
    for name, module in network.named_modules():
        pathway = _pathway(name, module)
        if isinstance(module, TemporalPool):
            replacements[name] = _markov_pool(module, name, pathway, memory, options)
        elif isinstance(module, nn.Conv3d) and module.kernel_size[0] > 1:
            _check_conv(module, name)
            if name not in without_memory:
                reach = int(module.padding[0])
                replacements[name] = MarkovConv3d.adopt(module, options.cell(name, pathway=pathway, needed=reach), memory)
        else:
            _refuse(module, name)
    for name, replacement in replacements.items():
        parent_name, _, child = name.rpartition(".")
        setattr(network.get_submodule(parent_name), child, replacement)
    return list(replacements)


def _markov_pool(pool: TemporalPool, name: str, pathway: int, memory: Memory, options: MemoryOptions) -> MarkovTemporalPool:
    cell = None
    frames = options.of_pathway(options.overlap, pathway)
    if options.head and frames > 0:
        # The original code pools the head's memory by average where it is asked for the maximum.
        mode = "avg" if options.semantics == "released" and options.mode == "max" else options.mode
        cell = Cell(name=name, num_frames=frames, mode=mode, momentum=options.momentum)
    positions = options.of_pathway(options.tpool_size, pathway)
    return MarkovTemporalPool.adopt(pool, cell, memory, one_pass_positions=positions)


def _without_memory(network: nn.Module, options: MemoryOptions) -> set[str]:
    """Paths of the convolutions that see zeros at borders: the original code's lateral connections."""
    if options.semantics == "corrected":
        return set()
    laterals = [name for name, module in network.named_modules() if isinstance(module, FuseFastToSlow)]
    return {f"{name}.{child}" for name in laterals for child, _ in network.get_submodule(name).named_modules()}


def _pathway(name: str, module: nn.Module) -> int:
    if isinstance(module, TemporalPool):
        return module.pathway
    found = re.search(r"pathway(\d+)", name)
    return int(found[1]) if found else 0


def _check_conv(conv: nn.Conv3d, name: str) -> None:
    kernel, padding, dilation = conv.kernel_size[0], conv.padding, conv.dilation[0]
    if isinstance(padding, str) or conv.padding_mode != "zeros" or kernel % 2 == 0 or padding[0] != dilation * (kernel // 2):
        raise UnsupportedOperatorError(
            f"{name}: a convolution with temporal kernel {kernel}, padding {padding!r} and padding mode {conv.padding_mode!r} "
            "cannot hand its past on; it needs an odd kernel, zeros as padding and "
            f"{dilation * (kernel // 2)} padded frames at each end"
        )


def _along_time(value: Any) -> int:
    return int(value if isinstance(value, int) else value[0])


def _mixes_time(module: Any) -> bool:
    return _along_time(module.kernel_size) > 1


def _pool_crosses_borders(module: Any) -> bool:
    kernel, stride, padding = map(_along_time, (module.kernel_size, module.stride, module.padding))
    return kernel > 1 and (kernel != stride or padding != 0)


def _always(module: Any) -> bool:
    return True


_UNSUPPORTED: tuple[tuple[tuple[type[nn.Module], ...], Callable[[Any], bool], str], ...] = (
    ((nn.ConvTranspose3d,), _mixes_time, "a transposed convolution over time makes frames that depend on the next step"),
    (
        (nn.MaxPool3d, nn.AvgPool3d),
        _pool_crosses_borders,
        "its windows reach across the borders of steps; let kernel equal stride",
    ),
    ((nn.RNNBase,), _always, "a recurrent layer has a state of its own; carry that from step to step yourself"),
    ((nn.MultiheadAttention,), _always, "attention over time has no border to put a memory at"),
)


def _refuse(module: nn.Module, name: str) -> None:
    for kinds, applies, reason in _UNSUPPORTED:
        if isinstance(module, kinds) and applies(module):
            raise UnsupportedOperatorError(f"{name or 'the network'} ({type(module).__name__}): {reason}")
