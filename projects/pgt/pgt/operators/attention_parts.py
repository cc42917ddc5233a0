"""Self-attention as others write it: its parts by their usual names, and whether they compute what one thinks.

N rows, L tokens whose answer is asked for, S tokens that they look at, C channels, D channels of a head.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

FUSED = ("qkv", "qkv_proj", "Wqkv", "to_qkv")
SEPARATE = (
    ("query", "key", "value"),
    ("q_proj", "k_proj", "v_proj"),
    ("q", "k", "v"),
    ("to_q", "to_k", "to_v"),
    ("wq", "wk", "wv"),
    ("q_lin", "k_lin", "v_lin"),
)
BIASES = ("q_bias", "k_bias", "v_bias")
HEAD_COUNTS = ("num_heads", "num_attention_heads", "n_heads", "n_head", "heads", "nhead")
SCALES = ("scale", "scaling")
DROPOUTS = ("attn_drop", "attn_dropout", "attention_dropout", "dropout_prob", "dropout")
BEHIND = (
    ("norm",),
    ("proj", "out_proj", "o_proj", "to_out", "out", "wo", "out_lin", "dense"),
    ("proj_drop", "out_drop", "resid_drop", "resid_dropout"),
)


class NotUnderstoodError(Exception):
    """An attention whose parts do not say what it computes. The text says why."""


def looks_like_attention(module: nn.Module) -> bool:
    """Whether a module makes queries, keys and values by linear layers, or what stands in their place."""
    children = {name for name, child in module.named_children() if isinstance(getattr(child, "in_features", None), int)}
    return not children.isdisjoint(FUSED) or any(children.issuperset(names) for names in SEPARATE)


@dataclass(frozen=True, slots=True)
class AttentionParts:
    """Where the parts of a self-attention are found in the module.

    projections: names of one layer that makes queries, keys and values, or of three. biases: whether their biases are
    parameters of the module. scale: what scores are multiplied by. norms: of queries and keys, head by head. dropout: of
    weights, a module or a number. behind: modules that follow. returns: how many values; 0: a tensor alone. gives_weights:
    whether the second value is the weights, unasked.
    """

    projections: tuple[str, ...]
    biases: bool
    num_heads: int
    scale: float
    norms: tuple[str, ...]
    dropout: str | None
    behind: tuple[str, ...]
    returns: int = 0
    gives_weights: bool = False

    def attend(self, module: nn.Module, x: Tensor, seen: Tensor, mask: Tensor | None, *, need_weights: bool) -> Any:
        """x (N, L, C), seen (N, S, C), mask bool (N or 1, 1, L, S) -> (N, L, C), and the weights (N, heads, L, S) or None."""
        queries, keys, values = self.project(module, x, seen)
        mixed, weights = self.mix(module, queries, keys, values, mask, need_weights=need_weights)
        return self.finish(module, mixed), weights

    def finish(self, module: nn.Module, mixed: Tensor) -> Tensor:
        """mixed (N, L, C): what the heads found -> the same shape."""
        for name in self.behind:
            mixed = getattr(module, name)(mixed)
        return mixed

    def project(self, module: nn.Module, x: Tensor, seen: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """x (N, L, C), seen (N, S, C) -> queries (N, heads, L, D), keys and values (N, heads, S, D)."""
        layers = [getattr(module, name) for name in self.projections]
        given = (x, seen, seen)
        if self.biases or (type(layers[0]) is nn.Linear and len(layers) == 1):
            weights = layers[0].weight.chunk(3) if len(layers) == 1 else [layer.weight for layer in layers]
            projected = [functional.linear(*each) for each in zip(given, weights, self._biases(module, layers), strict=True)]
        elif len(layers) == 1:
            of_x = layers[0](x).chunk(3, dim=-1)
            projected = [of_x[0], *layers[0](seen).chunk(3, dim=-1)[1:]]
        else:
            projected = [layer(each) for layer, each in zip(layers, given, strict=True)]
        queries, keys, values = (each.unflatten(-1, (self.num_heads, -1)).transpose(1, 2) for each in projected)
        if self.norms:
            queries, keys = (getattr(module, name)(each) for name, each in zip(self.norms, (queries, keys), strict=True))
        return queries, keys, values

    def _biases(self, module: nn.Module, layers: list[Any]) -> list[Tensor | None]:
        if self.biases:
            return [getattr(module, name, None) for name in BIASES]
        return [None] * 3 if layers[0].bias is None else list(layers[0].bias.chunk(3))

    def mix(
        self, module: nn.Module, queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None, *, need_weights: bool
    ) -> tuple[Tensor, Tensor | None]:
        """queries (N, heads, L, D), keys and values (N, heads, S, D) -> (N, L, C), and the weights."""
        dropout = self._dropout(module)
        if not need_weights:
            mixed = functional.scaled_dot_product_attention(
                queries, keys, values, attn_mask=mask, dropout_p=dropout, scale=self.scale
            )
            return mixed.transpose(1, 2).flatten(2), None
        scores = queries @ keys.transpose(-2, -1) * self.scale
        scores = scores if mask is None else scores.masked_fill(~mask, float("-inf"))
        weights = functional.dropout(scores.softmax(-1), dropout)
        return (weights @ values).transpose(1, 2).flatten(2), weights

    def _dropout(self, module: nn.Module) -> float:
        if self.dropout is None or not module.training:
            return 0.0
        found = getattr(module, self.dropout)
        if isinstance(found, nn.Module):
            return found.p if found.training else 0.0  # type: ignore[return-value]
        return float(found)


def understood(module: nn.Module) -> AttentionParts:
    """The parts of an attention that looks like one, and plainly is one: a copy of it, with other weights, gives what these
    parts make of some tokens. Raises NotUnderstoodError otherwise."""
    parts = read_parts(module)
    try:
        twin, is_eager = _twin(module)
        tokens = torch.randn(2, 5, _width(twin, parts), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            expected = twin.forward(tokens)
            found, _ = parts.attend(twin, tokens, tokens, None, need_weights=False)
    except Exception as error:  # whatever code of others may raise
        raise NotUnderstoodError(f"it does not run over some tokens alone ({type(error).__name__}: {error})") from error
    values = expected if isinstance(expected, tuple | list) else (expected,)
    same = isinstance(values[0], Tensor) and values[0].shape == found.shape and torch.allclose(values[0], found)
    if not same or len(values) > 2:
        raise NotUnderstoodError(
            "it computes something else than softmax(queries keys / scale) values (positions, biases, windows, or parts under "
            "other names)"
        )
    weights = is_eager and len(values) == 2 and isinstance(values[1], Tensor)
    return replace(parts, returns=len(values) if isinstance(expected, tuple | list) else 0, gives_weights=weights)


def read_parts(module: nn.Module) -> AttentionParts:
    """The parts by their names alone. Raises NotUnderstoodError where one is not found."""
    children = dict(module.named_children())
    fused = next((name for name in FUSED if name in children), None)
    names = (fused,) if fused is not None else next(names for names in SEPARATE if children.keys() >= set(names))
    num_heads = next((found for name in HEAD_COUNTS if isinstance(found := getattr(module, name, None), int)), 0)
    first: Any = children[names[0]]
    width = first.out_features // (3 if fused else 1)
    if num_heads < 1 or width % num_heads:
        raise NotUnderstoodError(f"its queries have {width} channels in {num_heads or 'an unknown number of'} heads")
    scale = next((found for name in SCALES if isinstance(found := getattr(module, name, None), int | float)), None)
    dropout = next((name for name in DROPOUTS if isinstance(getattr(module, name, None), nn.Dropout | float)), None)
    behind = tuple(name for kind in BEHIND for name in kind if name in children)
    for name, child in children.items():
        if isinstance(child, nn.Dropout) and child.p > 0 and name not in (dropout, *behind):
            raise NotUnderstoodError(f"nobody knows what {name} drops")
    return AttentionParts(
        projections=names,
        biases=any(name in module._parameters for name in BIASES),
        num_heads=num_heads,
        scale=(width // num_heads) ** -0.5 if scale is None else float(scale),
        norms=("q_norm", "k_norm") if {"q_norm", "k_norm"} <= children.keys() else (),
        dropout=dropout,
        behind=behind,
    )


def _width(module: Any, parts: AttentionParts) -> int:
    return getattr(module, parts.projections[0]).in_features  # type: ignore[no-any-return]


def _twin(module: nn.Module) -> tuple[Any, bool]:
    """A copy in evaluation mode, in double precision on the CPU, without hooks and with weights that are not zero; and whether
    the module computes as the copy does, where it has a choice."""
    twin = copy.deepcopy(module).eval()
    config: Any = getattr(twin, "config", None)
    is_plain = getattr(config, "_attn_implementation", "eager") in ("eager", "sdpa", None)
    if not is_plain:
        config._attn_implementation = "sdpa"
    for part in twin.modules():
        part._forward_hooks.clear()
        part._forward_pre_hooks.clear()
    on_meta = any(tensor.is_meta for tensor in (*twin.parameters(), *twin.buffers()))
    twin = (twin.to_empty(device="cpu") if on_meta else twin.cpu()).double()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.copy_(torch.randn(parameter.shape, dtype=torch.float64, generator=generator) / 4)
    return twin, is_plain
