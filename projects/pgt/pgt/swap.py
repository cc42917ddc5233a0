"""Walks a network and replaces its temporal operators by Markov operators, in place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from torch import nn

from pgt.memory import Cell, CellMode, Memory, Mode
from pgt.operators import (
    MARKOV_OPERATORS,
    CausalConv3d,
    CausalSqueezeExcite,
    CausalWindowPool,
    MarkovConv3d,
    MarkovHeadPool,
    MarkovNonLocalBlock,
    MarkovTemporalPool,
    MarkovWindowPool,
)
from pgt.operators.nonlocal_block import Context, NonLocalNorm
from pgt.schedule import Semantics
from slowfast.models.layers.nonlocal_block import NonLocalBlock
from slowfast.models.layers.pools import TemporalPool
from slowfast.models.layers.squeeze_excite import SqueezeExcite
from slowfast.models.resnet.lateral import FuseFastToSlow

Operator = Literal["local", "causal"]


class UnsupportedOperatorError(TypeError):
    """An operator that looks across time but cannot be given a memory. The text names its path in the network."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryOptions:
    """How the operators of a network remember.

    overlap: for each pathway, the frames that the pooling of the head remembers (and, under "released", every operator).
    head: whether the pooling of the head remembers at all. tpool_size: temporal positions that it leaves for each pathway
    when an evaluation runs a whole clip in one pass. operator: "local" windows lie around their frame and see no future at
    borders, "causal" ones end on it. nonlocal_context: what non-local blocks attend to; None: to their own step.
    nonlocal_norm: the norm they have then.
    """

    mode: Mode
    momentum: float
    overlap: tuple[int, ...]
    head: bool = True
    tpool_size: tuple[int, ...] = (1,)
    semantics: Semantics = "corrected"
    operator: Operator = "local"
    nonlocal_context: Context | None = None
    nonlocal_norm: NonLocalNorm = "batchnorm"


def make_markov(network: nn.Module, memory: Memory, options: MemoryOptions) -> list[str]:
    """Replaces every temporal operator of `network`; returns the paths of the new ones.

    Parameters, hooks and their names stay the same objects. A module that the network holds in two places is replaced in both
    by the same one. Raises UnsupportedOperatorError before anything is replaced when the network holds an operator that looks
    across time in a way no memory serves.
    """
    swapper = _Swapper(network, memory, options)
    replacements = {id(module): new for module, new in swapper.replacements()}
    paths = []
    for name, module in list(network.named_modules(remove_duplicate=False)):
        if id(module) in replacements:
            parent_name, _, child = name.rpartition(".")
            setattr(network.get_submodule(parent_name), child, replacements[id(module)])
            paths.append(name)
    return paths


class _Swapper:
    """Decides what becomes of each module: first fitting rule wins."""

    def __init__(self, network: nn.Module, memory: Memory, options: MemoryOptions) -> None:
        if any(isinstance(module, MARKOV_OPERATORS) for module in network.modules()):
            raise UnsupportedOperatorError("this network is progressive already")
        self.network, self.memory, self.options = network, memory, options
        self.causal = options.operator == "causal"
        self.without_memory = _laterals(network) if options.semantics == "released" else set()

    def replacements(self) -> Iterator[tuple[nn.Module, nn.Module]]:
        inside: set[int] = set()  # modules that belong to a replaced one, which takes care of them itself
        for name, module in self.network.named_modules():
            if id(module) in inside:
                continue
            for kinds, rule in _RULES:
                if isinstance(module, kinds):
                    new = rule(self, module, name)
                    if new is not None:
                        inside.update(id(child) for child in module.modules())
                        yield module, new
                    break

    def cell(self, name: str, *, needed: int) -> Cell:
        """The memory of a window that needs so many frames of the past."""
        options = self.options
        if self.causal:
            return Cell(name=name, num_frames=needed, mode="last")
        num_frames = self.of_pathway(options.overlap, name) if options.semantics == "released" else needed
        return Cell(name=name, num_frames=num_frames, mode=options.mode, momentum=options.momentum)

    def head_cell(self, name: str, pathway: int | None = None) -> Cell | None:
        """The memory of a pooling over all of time."""
        options = self.options
        frames = self.of_pathway(options.overlap, name, pathway)
        if not options.head:
            return None
        if self.causal:
            return Cell(name=name, num_frames=2, mode="sum")
        if frames == 0:
            return None
        # The original code pools the head's memory by average where it is asked for the maximum.
        mode: CellMode = "avg" if options.semantics == "released" and options.mode == "max" else options.mode
        return Cell(name=name, num_frames=frames, mode=mode, momentum=options.momentum)

    def of_pathway(self, values: Sequence[int], name: str, pathway: int | None = None) -> int:
        """The number of the operator's pathway; a single number holds for all."""
        if len(values) == 1:
            return values[0]
        found = pathway if pathway is not None else pathway_of(name)
        return values[found] if found < len(values) else values[-1]


def _swap_conv(swapper: _Swapper, conv: nn.Conv3d, name: str) -> nn.Module | None:
    kernel, padding, dilation = conv.kernel_size[0], conv.padding, conv.dilation[0]
    if kernel == 1:
        return None
    if isinstance(padding, str) or conv.padding_mode != "zeros" or kernel % 2 == 0 or padding[0] != dilation * (kernel // 2):
        raise UnsupportedOperatorError(
            f"{name}: a convolution with temporal kernel {kernel}, padding {padding!r} and padding mode {conv.padding_mode!r} "
            "cannot hand its past on; it needs an odd kernel, zeros as padding and "
            f"{dilation * (kernel // 2)} padded frames at each end"
        )
    if name in swapper.without_memory:
        return None
    if swapper.causal:
        return CausalConv3d.adopt(conv, swapper.cell(name, needed=dilation * (kernel - 1)), swapper.memory)
    return MarkovConv3d.adopt(conv, swapper.cell(name, needed=int(padding[0])), swapper.memory)


def _swap_temporal_pool(swapper: _Swapper, pool: TemporalPool, name: str) -> nn.Module:
    cell = _running_cell(swapper.head_cell(name, pool.pathway), pool.mode)
    positions = swapper.of_pathway(swapper.options.tpool_size, name, pool.pathway)
    return MarkovTemporalPool.adopt(pool, cell, swapper.memory, one_pass_positions=positions)


def _swap_adaptive_pool(swapper: _Swapper, pool: Any, name: str) -> nn.Module | None:
    positions = pool.output_size if isinstance(pool.output_size, int) else pool.output_size[0]
    if positions is None:
        return None
    if positions != 1:
        raise UnsupportedOperatorError(
            f"{name}: pooling a clip into {positions} temporal positions has no counterpart step by step; let it be 1 or None"
        )
    return _head_pool(swapper, pool, name)


def _swap_window_pool(swapper: _Swapper, pool: Any, name: str) -> nn.Module | None:
    kernel, stride, padding = (along_time(value) for value in (pool.kernel_size, pool.stride, pool.padding))
    if kernel == 1 or (kernel == stride and padding == 0):
        return None  # no window crosses a border
    if stride == 1 and padding == 0:
        return _head_pool(swapper, pool, name)
    odd = along_time(getattr(pool, "dilation", 1)) != 1 or pool.ceil_mode or not getattr(pool, "count_include_pad", True)
    keeps_rhythm = kernel - stride <= 2 * padding < kernel  # n frames become n / stride
    if odd or not keeps_rhythm or getattr(pool, "return_indices", False):
        raise UnsupportedOperatorError(
            f"{name} ({type(pool).__name__}): its windows reach across the borders of steps in a way that keeps no rhythm; "
            "let kernel equal stride, or pad so that every step of n frames gives n / stride"
        )
    if swapper.causal:
        return CausalWindowPool.adopt(pool, swapper.cell(name, needed=kernel - 1), swapper.memory)
    return MarkovWindowPool.adopt(pool, swapper.cell(name, needed=padding), swapper.memory)


def _head_pool(swapper: _Swapper, pool: nn.Module, name: str) -> nn.Module:
    mode = "avg" if isinstance(pool, nn.AvgPool3d | nn.AdaptiveAvgPool3d) else "max"
    return MarkovHeadPool.adopt(pool, _running_cell(swapper.head_cell(name), mode), swapper.memory)


def _running_cell(cell: Cell | None, mode: str) -> Cell | None:
    """What a running pooling keeps: for a mean sum and number, for a maximum the maximum so far."""
    if cell is not None and cell.mode == "sum" and mode == "max":
        return Cell(name=cell.name, num_frames=1, mode="max")
    return cell


def _swap_nonlocal(swapper: _Swapper, block: NonLocalBlock, name: str) -> nn.Module | None:
    options = swapper.options
    if swapper.causal:
        raise UnsupportedOperatorError(f"{name}: a non-local block attends to the future within its step, so it is not causal")
    if options.nonlocal_context is None:
        return None
    cell = Cell(name=name, num_frames=None, mode=options.mode, momentum=options.momentum)
    return MarkovNonLocalBlock.adopt(block, cell, swapper.memory, context=options.nonlocal_context, norm=options.nonlocal_norm)


def _swap_squeeze(swapper: _Swapper, module: SqueezeExcite, name: str) -> nn.Module | None:
    """Step by step, a squeeze sees its step alone; only the causal one must be told what was before."""
    if not swapper.causal:
        return None
    return CausalSqueezeExcite.adopt(module, Cell(name=name, num_frames=2, mode="sum"), swapper.memory)


def _refuse(reason: str, applies: Callable[[Any], bool] = lambda module: True) -> Callable[[_Swapper, Any, str], None]:
    def rule(swapper: _Swapper, module: Any, name: str) -> None:
        if applies(module):
            raise UnsupportedOperatorError(f"{name or 'the network'} ({type(module).__name__}): {reason}")

    return rule


_RULES: tuple[tuple[tuple[type[nn.Module], ...], Callable[[_Swapper, Any, str], nn.Module | None]], ...] = (
    ((TemporalPool,), _swap_temporal_pool),
    ((NonLocalBlock,), _swap_nonlocal),
    ((SqueezeExcite,), _swap_squeeze),
    ((nn.Conv3d,), _swap_conv),
    ((nn.AdaptiveAvgPool3d, nn.AdaptiveMaxPool3d), _swap_adaptive_pool),
    ((nn.AvgPool3d, nn.MaxPool3d), _swap_window_pool),
    (
        (nn.ConvTranspose3d,),
        _refuse(
            "a transposed convolution over time makes frames that depend on the next step; use nearest-frame upsampling",
            lambda module: module.kernel_size[0] > 1,
        ),
    ),
    ((nn.RNNBase, nn.RNNCellBase), _refuse("a recurrent layer has a state of its own; carry that from step to step yourself")),
    (
        (nn.MultiheadAttention, nn.Transformer, nn.TransformerEncoderLayer, nn.TransformerDecoderLayer),
        _refuse("attention over time has no border to put a memory at; attend within frames, or use our NonLocalBlock"),
    ),
)


def _laterals(network: nn.Module) -> set[str]:
    """Paths of the lateral convolutions, which see zeros at borders in the original code."""
    return {f"{name}.conv_f2s" for name, module in network.named_modules() if isinstance(module, FuseFastToSlow)}


def pathway_of(name: str) -> int:
    """The pathway that a path speaks of, in our names (pathway1_res0) or pytorchvideo's (multipathway_blocks.1, pool.1)."""
    found = re.search(r"pathway(\d+)|multipathway_\w+\.(\d+)|pool\.(\d+)$", name)
    return int(next(group for group in found.groups() if group is not None)) if found else 0


def along_time(value: Any) -> int:
    """The first number of a kernel, stride or padding, which may be one number for all axes."""
    return int(value if isinstance(value, int) else value[0])
