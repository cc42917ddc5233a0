"""Which operators of PyTorch and of the library remember, how, and which are refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import nn
from torch.nn.modules.lazy import LazyModuleMixin

from pgt.attention_rules import RULES as ATTENTION_RULES
from pgt.cell import Cell
from pgt.foreign_rules import RULES as FOREIGN_RULES
from pgt.foreign_rules import foreign_attention
from pgt.hugging_face_rules import hugging_face
from pgt.operators import (
    AlignedConv,
    AlignedPool,
    CausalBlockSqueeze,
    CausalConv,
    CausalOwnConv,
    CausalSqueeze,
    CausalWindowPool,
    MarkovAttention,
    MarkovClipPool,
    MarkovConv,
    MarkovHeadPool,
    MarkovOwnConv,
    MarkovTimePool,
    MarkovWindowPool,
    ReleasedLateral,
    along_time,
    has_own_forward,
)
from pgt.operators.nonlocal_block import replace_norm
from pgt.operators.squeeze_excitation import SqueezeExcitation
from pgt.site import Alone, Remember, Rule, Site, pathway_of
from slowfast.models.heads import ClassificationHead
from slowfast.models.layers.nonlocal_block import NonLocalBlock
from slowfast.models.layers.pools import TemporalPool
from slowfast.models.layers.squeeze_excite import SqueezeExcite
from slowfast.models.resnet.lateral import FuseFastToSlow


def _conv(conv: nn.Conv3d, site: Site) -> Remember | None:
    kernel, stride, padding, dilation = conv.kernel_size[0], conv.stride[0], conv.padding, conv.dilation[0]
    own = has_own_forward(conv, nn.Conv3d, "_conv_forward")
    if kernel == 1 and stride == 1 and padding in ("same", "valid"):
        return None
    unpadded = padding == "valid" or padding[0] == 0
    if kernel == stride and unpadded and dilation == 1:
        if kernel == 1:
            return None
        return Remember(AlignedConv, None, why=_ALIGNED)
    if kernel == 1 and unpadded:
        if site.causal and not own:
            return Remember(CausalConv, site.cell(needed=0, channels=conv.in_channels))
        return Remember(AlignedConv, None, why=_ALIGNED)
    reach = dilation * (kernel // 2)
    if isinstance(padding, str) or conv.padding_mode != "zeros" or kernel % 2 == 0 or padding[0] != reach:
        site.refuse(
            conv,
            f"a convolution with temporal kernel {kernel}, padding {padding!r} and padding mode {conv.padding_mode!r} "
            f"cannot hand its past on; it needs an odd kernel, zeros as padding and {reach} padded frames at each end",
        )
    if site.causal:
        cell = site.cell(needed=2 * reach, channels=conv.in_channels)
        return Remember(CausalOwnConv if own else CausalConv, cell)
    return Remember(MarkovOwnConv if own else MarkovConv, site.cell(needed=reach, channels=conv.in_channels))


def _lateral(fusion: FuseFastToSlow, site: Site) -> Remember | None:
    """In the original code the lateral convolution has no memory, and drops frames where its output is too long."""
    if site.options.semantics != "released":
        return None
    return Remember(ReleasedLateral, None, why="sees zeros at borders, as in the original code (semantics released)")


def _temporal_pool(pool: TemporalPool, site: Site) -> Remember:
    if has_own_forward(pool, TemporalPool, "pool"):
        site.refuse(pool, "a forward of its own, which the memory of the library's pooling does not know")
    parent = site.network.get_submodule(site.path.rpartition(".")[0].rpartition(".")[0])
    cell = site.head_cell(pool.pathway, pooling=pool.mode, mean_in_released=isinstance(parent, ClassificationHead))
    positions = site.of_pathway(site.options.tpool_size, pool.pathway)
    return Remember(MarkovTimePool, cell, {"cell": cell, "one_pass_positions": positions}, why=_why_alone(site))


def _adaptive_pool(pool: Any, site: Site) -> Remember | None:
    positions = pool.output_size if isinstance(pool.output_size, int) else pool.output_size[0]
    if positions is None:
        return None
    if positions != 1:
        site.refuse(
            pool, f"pooling a clip into {positions} temporal positions has no counterpart step by step; let it be 1 or None"
        )
    if getattr(pool, "return_indices", False):
        site.refuse(pool, "it returns indices, which have no meaning beyond its own step")
    kind = nn.AdaptiveAvgPool3d if isinstance(pool, nn.AdaptiveAvgPool3d) else nn.AdaptiveMaxPool3d
    return _head_pool(pool, site, own=has_own_forward(pool, kind))


def _head_pool(pool: nn.Module, site: Site, *, own: bool) -> Remember:
    mode = "avg" if isinstance(pool, nn.AvgPool3d | nn.AdaptiveAvgPool3d) else "max"
    if own and site.causal:
        site.refuse(pool, "a pooling with a forward of its own cannot be made to run on, as causal operators do")
    cell = site.head_cell(pooling=mode)
    attributes = {"cell": cell, "name": site.path, "mode": mode, "own_forward": own, "causal": site.causal}
    return Remember(MarkovHeadPool, cell, attributes, why=_why_alone(site))


def _why_alone(site: Site) -> str:
    """Why a pooling over all of time has no memory, where it has none."""
    return "pools its own step (head=False)" if not site.options.head else "pools its own step (no overlap to remember)"


def _window_pool(pool: Any, site: Site) -> Remember | None:
    kernel, stride, padding = (along_time(value) for value in (pool.kernel_size, pool.stride, pool.padding))
    kind = nn.AvgPool3d if isinstance(pool, nn.AvgPool3d) else nn.MaxPool3d
    own = has_own_forward(pool, kind)
    if kernel == 1 and stride == 1:
        return None
    odd = along_time(getattr(pool, "dilation", 1)) != 1 or not getattr(pool, "count_include_pad", True)
    if odd or pool.ceil_mode or getattr(pool, "return_indices", False) or getattr(pool, "divisor_override", None):
        site.refuse(
            pool,
            "its windows reach across the borders of steps in a way that keeps no rhythm; let it have no dilation, "
            "ceil_mode=False, count_include_pad=True, no divisor_override and no indices",
        )
    if kernel == 1:
        if site.causal and not own:
            return Remember(CausalWindowPool, site.cell(needed=0))
        return Remember(AlignedPool, None, why=_ALIGNED)
    if padding == 0 and stride in (1, kernel):
        return _clip_pool(pool, site, kernel=kernel, stride=stride, own=own)
    if not kernel - stride <= 2 * padding < kernel:  # n frames become n / stride
        site.refuse(
            pool,
            "its windows reach across the borders of steps in a way that keeps no rhythm; "
            "let kernel equal stride, or pad so that every step of n frames gives n / stride",
        )
    if site.causal:
        if own:
            site.refuse(pool, "a pooling with a forward of its own cannot be made to end its windows on their frame")
        return Remember(CausalWindowPool, site.cell(needed=kernel - 1))
    return Remember(MarkovWindowPool, site.cell(needed=padding), {"own_forward": own})


def _clip_pool(pool: Any, site: Site, *, kernel: int, stride: int, own: bool) -> Remember:
    head = _head_pool(pool, site, own=own)
    inner = Cell(f"{site.path}.window", kernel - 1, "last", optional=True)
    whole = None if head.cell is None else replace(head.cell, optional=True)
    cells = [cell for cell in (whole, inner if stride == 1 else None) if cell is not None]
    attributes = head.attributes | {"cell": whole, "inner_cell": inner, "pathway": pathway_of(site.path)}
    return Remember(MarkovClipPool, whole, attributes, cells=tuple(cells), why=head.why)


def _nonlocal(block: NonLocalBlock, site: Site) -> Remember | Alone:
    options = site.options
    if site.causal:
        site.refuse(block, "a non-local block attends to the future within its step, so it is not causal")
    if has_own_forward(block, NonLocalBlock, "attend"):
        site.refuse(block, "a forward of its own, which the memory of the library's non-local block does not know")
    if options.nonlocal_context is None:
        return Alone("attends to its own step (nonlocal_context)")
    cell = Cell(site.path, None, options.mode, options.momentum)
    return Remember(
        MarkovAttention,
        cell,
        {"context": options.nonlocal_context},
        prepare=lambda module: replace_norm(module, options.nonlocal_norm),
    )


def _squeeze(module: SqueezeExcite | SqueezeExcitation, site: Site) -> Remember | Alone | None:
    """Step by step, a squeeze sees its step alone; only the causal one must be told what was before."""
    foreign = isinstance(module, SqueezeExcitation)
    if foreign and not module.is_3d:
        return None
    if not site.causal:
        return Alone("squeezes its own step; causal operators squeeze all that was before")
    if has_own_forward(module, SqueezeExcitation) if foreign else has_own_forward(module, SqueezeExcite, "squeeze"):
        site.refuse(module, "a forward of its own, which the memory of a squeeze does not know")
    return Remember(CausalBlockSqueeze if foreign else CausalSqueeze, Cell(site.path, 2, "sum"))


def _refuse(reason: str, applies: Callable[[Any], bool] = lambda module: True) -> Rule:
    def rule(module: Any, site: Site) -> None:
        if applies(module):
            site.refuse(module, reason)

    return rule


def _foreign(module: nn.Module, site: Site) -> Remember | Alone | None:
    """Whatever no other rule is for."""
    if _is_foreign_operator(module):
        site.refuse(
            module, "it has a kernel over time but is no operator of PyTorch's; `pgt.register_operator` a rule for it" + _LEAVE
        )
    return hugging_face(module, site) or foreign_attention(module, site)


def _is_foreign_operator(module: nn.Module) -> bool:
    """Whether a module without parts of its own has a kernel along time, height and width."""
    kernel = getattr(module, "kernel_size", None)
    return next(module.children(), None) is None and isinstance(kernel, tuple) and len(kernel) == 3 and kernel[0] != 1


def _changes_time(module: nn.Upsample) -> bool:
    """Whether the frames of a clip (B, C, T, H, W) are interpolated in time; pictures (B, C, H, W) have two factors."""
    if module.mode in ("linear", "bilinear", "bicubic"):
        return module.mode == "linear"
    factors: Any = module.scale_factor if module.scale_factor is not None else module.size
    if isinstance(factors, tuple):
        if len(factors) < 3:
            return False
        factors = factors[0]
    return module.scale_factor is None or (factors != 1 and (module.mode == "trilinear" or factors != int(factors)))


_ALIGNED = "no window crosses a border; every step must hold whole ones"
_LEAVE = "; where it looks at one frame, or is to see its step alone, name its path in `leave`"

RULES: list[tuple[tuple[type, ...], Rule]] = [
    (
        (LazyModuleMixin,),
        _refuse(
            "its sizes are not known yet; run the network once before",
            lambda module: module.has_uninitialized_params(),
        ),
    ),
    ((torch.jit.ScriptModule,), _refuse("a scripted module cannot be looked into; use the module it was made of")),
    ((FuseFastToSlow,), _lateral),
    ((TemporalPool,), _temporal_pool),
    ((NonLocalBlock,), _nonlocal),
    *ATTENTION_RULES,
    *FOREIGN_RULES,
    ((SqueezeExcite, SqueezeExcitation), _squeeze),
    ((nn.Conv3d,), _conv),
    ((nn.AdaptiveAvgPool3d, nn.AdaptiveMaxPool3d), _adaptive_pool),
    ((nn.AvgPool3d, nn.MaxPool3d), _window_pool),
    (
        (nn.ConvTranspose3d,),
        _refuse(
            "a transposed convolution over time makes frames that depend on the next step; use nearest-frame upsampling",
            lambda module: module.kernel_size[0] > 1 or module.stride[0] > 1,
        ),
    ),
    (
        (nn.LPPool3d, nn.FractionalMaxPool3d),
        _refuse(
            "there is no memory for this kind of pooling; use AvgPool3d or MaxPool3d",
            lambda module: along_time(module.kernel_size) > 1,
        ),
    ),
    (
        (nn.MaxUnpool3d,),
        _refuse("it needs the indices of another step's maxima", lambda module: along_time(module.kernel_size) > 1),
    ),
    (
        (nn.Conv1d, nn.ConvTranspose1d, nn.AvgPool1d, nn.MaxPool1d, nn.LPPool1d),
        _refuse(
            "it may look across time or across something else; where it is time, `pgt.register_operator` a rule for it"
            + _LEAVE,
            lambda module: along_time(module.kernel_size) > 1 or along_time(module.stride) > 1,
        ),
    ),
    (
        (nn.AdaptiveAvgPool1d, nn.AdaptiveMaxPool1d),
        _refuse("it may pool over time; where it does, use AdaptiveAvgPool3d" + _LEAVE),
    ),
    (
        (nn.InstanceNorm3d, nn.GroupNorm),
        _refuse("statistics over all frames of a step, which those of other steps do not enter" + _LEAVE),
    ),
    (
        (nn.LayerNorm, nn.RMSNorm),
        _refuse(
            "statistics over all frames of a step, whose number is fixed" + _LEAVE,
            lambda module: len(module.normalized_shape) > 3,
        ),
    ),
    (
        (nn.Upsample,),
        _refuse(
            "interpolation over time mixes frames of two steps; interpolate space alone" + _LEAVE,
            _changes_time,
        ),
    ),
    (
        (nn.ConstantPad3d, nn.ReflectionPad3d, nn.ReplicationPad3d, nn.CircularPad3d),
        _refuse(
            "padding in time would be put at every border; let the operator behind it pad",
            lambda module: any(module.padding[4:]),
        ),
    ),
    ((nn.RNNBase, nn.RNNCellBase), _refuse("a recurrent layer has a state of its own; carry that from step to step yourself")),
    (
        (nn.Transformer, nn.TransformerDecoderLayer),
        _refuse("attention over time between two sequences has no memory; use nn.TransformerEncoderLayer" + _LEAVE),
    ),
    ((nn.Module,), _foreign),
]
"""The first rule whose types fit a module decides."""


def register_operator(types: type[nn.Module] | tuple[type[nn.Module], ...], rule: Rule) -> None:
    """Tells `progressive` how modules of these types, and of types derived from them, are run step by step.

    The newest rule that fits comes first, before those that come along. rule(module, site) returns `Remember` with an operator
    (a `MarkovOperator`) and a memory (`site.cell`), None for a module that does not look across time, or raises through
    `site.refuse`. What the module holds is the operator's business then.
    """
    RULES.insert(0, (types if isinstance(types, tuple) else (types,), rule))
