"""How attention over time remembers, and how it is told which slices it may look at."""

from __future__ import annotations

from dataclasses import replace

from torch import nn

from pgt.cell import Cell
from pgt.operators.base import MarkovOperator
from pgt.operators.compressed_attention import CompressedClipAttention, add_compression
from pgt.operators.time_positions import CausalPositions, RestartedPositions
from pgt.operators.token_attention import MarkovClipAttention, MarkovTimeAttention
from pgt.operators.token_memory import CLOCK, EXTRA, NEWEST, VALUES, TokenMemory
from pgt.site import Remember, Rule, Site
from slowfast.models.transformers.attention import Attention, ClipAttention, TimeAttention
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


def _add_age_offsets(module: Attention, slices: int, *, learned: bool) -> None:
    """Gives an attention what tells slices of the memory from those of the step, which begins as zeros."""
    offsets = nn.Parameter(module.qkv.weight.new_zeros(slices, module.qkv.in_features)) if learned else None
    module.register_parameter("age_offsets", offsets)


def _clip_attention(module: ClipAttention, site: Site) -> Remember:
    channels = module.qkv.in_features
    memory = token_memory(site, channels=channels, has_extra=True)
    if site.options.attention == "tokens":
        return _remember(site, MarkovClipAttention, memory)
    values = replace(memory.cell, name=site.path + VALUES)
    newest = Cell(site.path + NEWEST, None, "last", channels=channels, optional=True)

    def prepare(module: ClipAttention) -> None:
        add_compression(module)
        _add_age_offsets(module, site.options.attention_slices, learned=site.options.age_offsets)

    attributes = {"tokens": memory, "values": values, "newest": newest}
    return Remember(CompressedClipAttention, memory.cell, attributes, cells=(*memory.cells, values, newest), prepare=prepare)


def _time_attention(module: TimeAttention, site: Site) -> Remember:
    if site.options.attention == "compressed":
        site.refuse(module, "attention along time alone has nothing beside it to be compressed with; right would be: tokens")
    return _remember(site, MarkovTimeAttention, token_memory(site, channels=module.qkv.in_features))


def _remember(site: Site, operator: type[MarkovOperator], memory: TokenMemory) -> Remember:
    def prepare(module: Attention) -> None:
        _add_age_offsets(module, site.options.attention_slices, learned=site.options.age_offsets)

    return Remember(operator, memory.cell, {"tokens": memory}, cells=memory.cells, prepare=prepare)


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
