"""How attention over time remembers, and how it is told which slices it may look at."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from pgt.cell import Cell
from pgt.operators.base import MarkovOperator
from pgt.operators.class_token import CausalClassTokenMean, MarkovClassTokenMean
from pgt.operators.compressed_attention import (
    CompressedClipAttention,
    CompressedPooledAttention,
    add_relative_positions,
)
from pgt.operators.compression import CompressedMemory, add_compression
from pgt.operators.pooled_attention import MarkovPooledAttention
from pgt.operators.time_positions import CausalPositions, RestartedPositions
from pgt.operators.token_attention import MarkovClipAttention, MarkovTimeAttention
from pgt.operators.token_memory import CLOCK, EXTRA, NEWEST, NEWEST_VALUES, VALUES, TokenMemory
from pgt.site import Alone, Remember, Rule, Site
from slowfast.models.transformers.attention import ClipAttention, TimeAttention
from slowfast.models.transformers.pooled_attention import PooledAttention
from slowfast.models.transformers.positions import TimePositions
from slowfast.models.transformers.timesformer import ClassTokenMean


def token_memory(site: Site, *, lead: int = 0, channels: int | None = None, has_extra: bool = False) -> TokenMemory:
    """The memory of an attention. lead: slices in front of those that are looked at, which causal operators inside it need."""
    options = site.options
    slices = options.attention_slices + (lead if site.causal else 0)
    cell = Cell(site.path, slices, options.mode, options.momentum, channels)
    return TokenMemory(
        cell=cell,
        clock=Cell(site.path + CLOCK, 2, "sum", channels=1) if options.mode == "last" and slices > 1 else None,
        extra=Cell(site.path + EXTRA, 1, options.mode, options.momentum, channels, optional=True)
        if has_extra and not site.causal
        else None,
        reach=options.attention_slices if site.causal else None,
    )


def _clip_attention(module: ClipAttention, site: Site) -> Remember | Alone:
    if is_left_out(site):
        return LEFT_OUT
    channels = module.qkv.in_features
    memory = token_memory(site, channels=channels, has_extra=True)
    if site.options.attention == "compressed":
        past = _compressed(memory, sources=1)

        def prepare(module: ClipAttention) -> None:
            add_compression(module, channels, like=module.qkv.weight)
            add_age_offsets(module, site, channels, like=module.qkv.weight)

        return Remember(CompressedClipAttention, memory.cell, {"past": past}, cells=past.cells, prepare=prepare)
    return _remember(site, MarkovClipAttention, memory, channels)


def _time_attention(module: TimeAttention, site: Site) -> Remember | Alone:
    if is_left_out(site):
        return LEFT_OUT
    if site.options.attention == "compressed":
        site.refuse(module, "attention along time alone has nothing beside it to be compressed with; right would be: tokens")
    channels = module.qkv.in_features
    return _remember(site, MarkovTimeAttention, token_memory(site, channels=channels), channels)


def _pooled_attention(module: PooledAttention, site: Site) -> Remember | Alone:
    if is_left_out(site):
        return LEFT_OUT
    spec, style = module.spec, module.style
    pools = [pool for pool in (spec.queries, spec.keys) if pool is not None]
    for pool in pools:
        if pool.stride[0] != 1 or pool.kernel[0] % 2 == 0:
            site.refuse(
                module,
                f"pools with kernel {pool.kernel[0]} and stride {pool.stride[0]} over time, whose windows cannot be handed on; "
                "right would be: an odd kernel and stride 1",
            )
    if site.options.attention == "compressed":
        if site.options.age_offsets:
            site.refuse(module, "relative positions tell compressed slices apart; right would be: age_offsets=False")
        channels = spec.channels if style.pools_first else spec.attention_channels
        memory = token_memory(site, channels=channels, has_extra=True)
        if memory.extra is not None:
            memory = replace(memory, extra=replace(memory.extra, channels=spec.channels))
        past = _compressed(memory, sources=2)

        def prepare(module: PooledAttention) -> None:
            add_compression(module, channels, like=module.proj.weight)
            add_relative_positions(module, site.options.attention_slices)

        return Remember(CompressedPooledAttention, memory.cell, {"past": past}, cells=past.cells, prepare=prepare)
    reach = max((pool.kernel[0] // 2 for pool in pools), default=0)
    memory = token_memory(site, lead=2 * reach, channels=spec.channels, has_extra=True)
    return _remember(site, MarkovPooledAttention, memory, spec.channels, reach=reach)


LEFT_OUT = Alone("attends to its own step (attention_every)")


def is_left_out(site: Site) -> bool:
    """Whether the block, whose number the path tells, is one whose attention does not remember."""
    numbers = re.findall(r"\d+", site.path)
    return bool(numbers) and int(numbers[-1]) % site.options.attention_every != 0


def _compressed(memory: TokenMemory, *, sources: int) -> CompressedMemory:
    newest = (replace(memory.cell, name=f"{memory.cell.name}{ending}", optional=True) for ending in (NEWEST, NEWEST_VALUES))
    values = replace(memory.cell, name=memory.cell.name + VALUES)
    return CompressedMemory(
        tokens=memory, values=values, newest=tuple(replace(cell, num_frames=None) for cell in newest)[:sources]
    )


def _remember(site: Site, operator: type[MarkovOperator], memory: TokenMemory, channels: int, **attributes: Any) -> Remember:
    def prepare(module: Any) -> None:
        add_age_offsets(module, site, channels, like=module.proj.weight)

    return Remember(operator, memory.cell, {"tokens": memory, **attributes}, cells=memory.cells, prepare=prepare)


def add_age_offsets(module: nn.Module, site: Site, channels: int, *, like: Tensor) -> None:
    """Gives an attention what tells slices of the memory from those of the step, which begins as zeros."""
    options = site.options
    offsets = nn.Parameter(like.new_zeros(options.attention_slices, channels)) if options.age_offsets else None
    module.register_parameter("age_offsets", offsets)


def _class_token_mean(module: ClassTokenMean, site: Site) -> Remember:
    if site.causal:
        return Remember(CausalClassTokenMean, Cell(site.path, 2, "sum"))
    return Remember(MarkovClassTokenMean, Cell(site.path, 1, site.options.mode, site.options.momentum))


def _time_positions(module: TimePositions, site: Site) -> Remember:
    if site.causal:
        return Remember(CausalPositions, Cell(site.path, 2, "sum", channels=1))
    return Remember(RestartedPositions, None, why="positions begin anew with every step")


RULES: list[tuple[tuple[type, ...], Rule]] = [
    ((ClipAttention,), _clip_attention),
    ((TimeAttention,), _time_attention),
    ((TimePositions,), _time_positions),
    ((PooledAttention,), _pooled_attention),
    ((ClassTokenMean,), _class_token_mean),
]
"""Those of attention over tokens; see `pgt.rules.RULES`."""
