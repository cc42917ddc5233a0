"""How attention over time remembers, and how it is told which slices it may look at."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from pgt.cell import Cell
from pgt.operators.time_positions import CausalPositions, RestartedPositions
from pgt.operators.token_attention import MarkovClipAttention, MarkovTimeAttention
from pgt.operators.token_memory import CLOCK, EXTRA, TokenMemory
from pgt.site import Remember, Rule, Site
from slowfast.models.transformers.attention import ClipAttention, TimeAttention
from slowfast.models.transformers.positions import TimePositions


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


def add_age_offsets(module: nn.Module, memory: TokenMemory, channels: int) -> None:
    """Gives an attention what tells slices of the memory from those of the step, which begins as nothing."""
    offsets = nn.Parameter(torch.zeros(memory.cell.num_frames or 0, channels))
    module.register_parameter("age_offsets", offsets)


def _clip_attention(module: ClipAttention, site: Site) -> Remember:
    return _remember(module, site, MarkovClipAttention, token_memory(site, channels=module.qkv.in_features, has_extra=True))


def _time_attention(module: TimeAttention, site: Site) -> Remember:
    return _remember(module, site, MarkovTimeAttention, token_memory(site, channels=module.qkv.in_features))


def _remember(module: Any, site: Site, operator: Any, memory: TokenMemory) -> Remember:
    learns_ages = site.options.age_offsets

    def prepare(module: nn.Module) -> None:
        if learns_ages:
            add_age_offsets(module, memory, module.qkv.in_features)  # type: ignore[union-attr, arg-type]

    attributes = {"tokens": memory} | ({} if learns_ages else {"age_offsets": None})
    return Remember(operator, memory.cell, attributes, cells=memory.cells, prepare=prepare)


def _time_positions(module: TimePositions, site: Site) -> Remember:
    if site.causal:
        return Remember(CausalPositions, Cell(site.path, 2, "sum", channels=1))
    return Remember(RestartedPositions, None, why="positions begin anew with every step")


RULES: list[tuple[tuple[type, ...], Rule]] = [
    ((ClipAttention,), _clip_attention),
    ((TimeAttention,), _time_attention),
    ((TimePositions,), _time_positions),
]
"""Those of attention over tokens; see `pgt.rules.RULES`."""
