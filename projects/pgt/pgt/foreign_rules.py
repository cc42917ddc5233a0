"""How attention of networks that we did not write remembers, where it can, and where it is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from pgt.attention_rules import LEFT_OUT, add_age_offsets, is_left_out, token_memory
from pgt.operators.attention_parts import NotUnderstoodError, looks_like_attention, understood
from pgt.operators.foreign_tokens import MarkovForeignAttention, TokenOrder
from pgt.operators.multihead_attention import MarkovMultiheadAttention, keep_parts_apart
from pgt.operators.self_attention import MarkovSelfAttention
from pgt.site import Alone, Remember, Rule, Site
from slowfast.models.transformers.grid import TokenGrid


def _multihead(module: nn.MultiheadAttention, site: Site) -> Remember | Alone:
    if is_left_out(site):
        return LEFT_OUT
    layout = layout_of(module, site)
    if module.kdim != module.embed_dim or module.vdim != module.embed_dim:
        site.refuse(module, "its keys or values have another width than its queries, so it is no self-attention" + _LEAVE)
    return remember_foreign(module, site, MarkovMultiheadAttention, layout, channels=module.embed_dim, prepare=keep_parts_apart)


def foreign_attention(module: nn.Module, site: Site) -> Remember | Alone | None:
    """What becomes of a module that may be an attention, by its parts; None where it is none."""
    if type(module).__module__.partition(".")[0] == "slowfast" or not looks_like_attention(module):
        return None
    return foreign_attention_of(module, site)


def foreign_attention_of(module: nn.Module, site: Site, layout: TokenGrid | None = None) -> Remember | Alone:
    """What becomes of a module that looks like attention. layout: of its tokens, if the network tells."""
    if is_left_out(site):
        return LEFT_OUT
    try:
        parts = understood(module)
    except NotUnderstoodError as error:
        site.refuse(
            module,
            f"it looks like attention, but {error}; right would be: plain self-attention, or a rule for it "
            "(`pgt.register_operator`)" + _LEAVE,
        )
    first: Any = module.get_submodule(parts.projections[0])
    layout = layout or layout_of(module, site)
    return remember_foreign(module, site, MarkovSelfAttention, layout, channels=first.in_features, attributes={"parts": parts})


def layout_of(module: nn.Module, site: Site) -> TokenGrid:
    """How the tokens of an attention lie. Refuses one of which nobody has told."""
    if site.options.tokens is None:
        site.refuse(
            module,
            "attention over time needs to know how its tokens lie; right would be: tokens=TokenLayout(time=..., height=..., "
            "width=..., extra=...) of a step, with the class tokens in `extra`" + _LEAVE,
        )
    return site.options.tokens


def remember_foreign(
    module: nn.Module,
    site: Site,
    operator: type[MarkovForeignAttention],
    layout: TokenGrid,
    *,
    channels: int,
    attributes: dict[str, Any] | None = None,
    prepare: Callable[[Any], None] | None = None,
) -> Remember:
    """An attention over tokens of that layout. attributes, prepare: as in `Remember`, what the operator needs besides."""
    if site.options.attention == "compressed":
        site.refuse(module, "only this library's own attention can be compressed; right would be: attention='tokens'")
    memory = token_memory(site, channels=channels, has_extra=layout.extra > 0)

    def prepare_all(module: nn.Module) -> None:
        add_age_offsets(module, site, channels, like=next(module.parameters()))
        if prepare is not None:
            prepare(module)

    found = {"tokens": memory, "order": TokenOrder(layout, site.path), **(attributes or {})}
    for name in (*found, "age_offsets"):
        if hasattr(module, name):
            site.refuse(module, f"it has an attribute {name!r} of its own, which its memory would hide")
    return Remember(operator, memory.cell, found, cells=memory.cells, prepare=prepare_all)


_LEAVE = "; where it looks at one frame, or is to see its step alone, name its path in `leave`"

RULES: list[tuple[tuple[type, ...], Rule]] = [
    ((nn.MultiheadAttention,), _multihead),
]
"""Those of attention that others wrote; see `pgt.rules.RULES`."""
