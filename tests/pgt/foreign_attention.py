"""Self-attention as others write it: timm's and Hugging Face's forms, and others that hide something in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.pgt.foreign_transformers import CHANNELS, HEADS, Tokens

WIDTH = CHANNELS // HEADS


class TimmAttention(nn.Module):
    """The parts and names of timm's `Attention`, with norms of queries, keys and results where asked for."""

    def __init__(self, *, norms: bool = False, bias: bool = True, dropout: float = 0.0) -> None:
        super().__init__()
        self.num_heads, self.head_dim, self.scale = HEADS, WIDTH, WIDTH**-0.5
        self.qkv = nn.Linear(CHANNELS, 3 * CHANNELS, bias=bias)
        self.q_norm = nn.LayerNorm(WIDTH) if norms else nn.Identity()
        self.k_norm = nn.LayerNorm(WIDTH) if norms else nn.Identity()
        self.attn_drop = nn.Dropout(dropout)
        self.norm = nn.LayerNorm(CHANNELS) if norms else nn.Identity()
        self.proj = nn.Linear(CHANNELS, CHANNELS)
        self.proj_drop = nn.Dropout(dropout)

    def forward(self, x: Tensor, attn_mask: Tensor | None = None) -> Tensor:
        q, k, v = self.qkv(x).unflatten(-1, (3, HEADS, WIDTH)).permute(2, 0, 3, 1, 4).unbind(0)
        scores = (self.q_norm(q) * self.scale) @ self.k_norm(k).transpose(-2, -1) + self.more(x)
        scores = scores if attn_mask is None else scores + attn_mask
        mixed = self.attn_drop(scores.softmax(-1)) @ v
        found: Tensor = self.proj_drop(self.proj(self.norm(mixed.transpose(1, 2).flatten(2))))
        return found

    def more(self, x: Tensor) -> Tensor:
        """What subclasses add to scores."""
        return x.new_zeros(())


class SeparateAttention(nn.Module):
    """Three layers, the result and the weights, and no layer behind."""

    def __init__(self) -> None:
        super().__init__()
        self.num_attention_heads = HEADS
        self.query, self.key, self.value = (nn.Linear(CHANNELS, CHANNELS, bias=bias) for bias in (True, False, True))

    def forward(self, hidden_states: Tensor, output_attentions: bool = False) -> Any:
        q, k, v = (
            layer(hidden_states).unflatten(-1, (HEADS, -1)).transpose(1, 2) for layer in (self.query, self.key, self.value)
        )
        weights = (q @ k.transpose(-2, -1) / WIDTH**0.5).softmax(-1)
        mixed = (weights @ v).transpose(1, 2).flatten(2)
        return (mixed, weights) if output_attentions else (mixed,)


class OwnBiases(nn.Module):
    """Biases of queries and values beside the layer, as those of BEiT are."""

    def __init__(self) -> None:
        super().__init__()
        self.num_heads = HEADS
        self.qkv = nn.Linear(CHANNELS, 3 * CHANNELS, bias=False)
        self.q_bias, self.v_bias = nn.Parameter(torch.randn(CHANNELS)), nn.Parameter(torch.randn(CHANNELS))
        self.proj = nn.Linear(CHANNELS, CHANNELS)

    def forward(self, x: Tensor) -> Tensor:
        bias = torch.cat([self.q_bias, torch.zeros_like(self.q_bias), self.v_bias])
        q, k, v = functional.linear(x, self.qkv.weight, bias).unflatten(-1, (3, HEADS, WIDTH)).permute(2, 0, 3, 1, 4).unbind(0)
        mixed = functional.scaled_dot_product_attention(q, k, v)
        found: Tensor = self.proj(mixed.transpose(1, 2).flatten(2))
        return found


class AdaptedLinear(nn.Module):
    """Stands in the place of a layer, with something learned beside it, as adapters of low rank do."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features, self.base = layer.in_features, layer.out_features, layer
        self.down, self.up = nn.Linear(layer.in_features, 2, bias=False), nn.Linear(2, layer.out_features, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.base(x) + self.up(self.down(x))
        return found


def adapted() -> nn.Module:
    module: Any = TimmAttention()
    module.qkv = AdaptedLinear(module.qkv)
    return module  # type: ignore[no-any-return]


class Residual(nn.Module):
    def __init__(self, attention: nn.Module, **options: Any) -> None:
        super().__init__()
        self.norm, self.attn, self.options = nn.LayerNorm(CHANNELS), attention, options

    def forward(self, x: Tensor) -> Tensor:
        found = self.attn(self.norm(x), **self.options)
        return x + (found[0] if isinstance(found, tuple) else found)


UNDERSTOOD: dict[str, Callable[[], nn.Module]] = {
    "timm": TimmAttention,
    "timm with norms": lambda: TimmAttention(norms=True, bias=False, dropout=0.1),
    "separate": SeparateAttention,
    "own biases": OwnBiases,
    "adapted": adapted,
}


def network(*kinds: str, extra: int = 0) -> nn.Module:
    return Tokens([Residual(UNDERSTOOD[kind]()) for kind in kinds], extra=extra)


class RelativeBias(TimmAttention):
    """A table of what the distance of two tokens adds to their score, zero at first."""

    def __init__(self) -> None:
        super().__init__()
        self.relative_position_bias_table = nn.Parameter(torch.zeros(64, 1))

    def more(self, x: Tensor) -> Tensor:
        places = torch.arange(x.shape[1])
        return self.relative_position_bias_table[(places[:, None] - places[None]).abs(), 0]


class Rotary(TimmAttention):
    """Turns queries and keys by their place, without any parameter."""

    def more(self, x: Tensor) -> Tensor:
        places = torch.arange(x.shape[1], dtype=x.dtype)
        return (places[:, None] - places[None]).cos()


class NeedsPositions(TimmAttention):
    def forward(self, x: Tensor, rope: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(x * rope)


class LayerScaled(TimmAttention):
    """Scales its result by something that is one at first."""

    def __init__(self) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(CHANNELS))

    def forward(self, x: Tensor, attn_mask: Tensor | None = None) -> Tensor:
        return super().forward(x, attn_mask) * self.gamma


class UnknownDropout(TimmAttention):
    def __init__(self) -> None:
        super().__init__()
        self.drop_here_and_there = nn.Dropout(0.1)


class OwnBlock(nn.Module):
    """A whole block in one module."""

    def __init__(self) -> None:
        super().__init__()
        self.num_heads, self.norm1, self.qkv = HEADS, nn.LayerNorm(CHANNELS), nn.Linear(CHANNELS, 3 * CHANNELS)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(self.norm1(x)).chunk(3, dim=-1)
        return x + functional.scaled_dot_product_attention(q, k, v)


class LinearAttention(nn.Module):
    """No softmax."""

    def __init__(self) -> None:
        super().__init__()
        self.num_heads = HEADS
        self.q_proj, self.k_proj, self.v_proj = (nn.Linear(CHANNELS, CHANNELS) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.q_proj(x).softmax(-1) @ (self.k_proj(x).softmax(1).transpose(1, 2) @ self.v_proj(x))
        return found


HIDDEN: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "relative bias": (RelativeBias, "something else"),
    "rotary": (Rotary, "something else"),
    "positions by argument": (NeedsPositions, "does not run over some tokens alone"),
    "layer scale": (LayerScaled, "something else"),
    "unknown dropout": (UnknownDropout, "nobody knows what drop_here_and_there drops"),
    "whole block": (OwnBlock, "something else"),
    "linear attention": (LinearAttention, "something else"),
}
"""Modules that look like attention and compute something else, with words of the reason."""
