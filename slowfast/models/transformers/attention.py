"""Self-attention of several heads over a sequence of tokens (Vaswani et al., 2017, section 3.2.2).

N rows, L tokens whose answer is asked for, S tokens that they look at, C channels, D channels of a head.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from slowfast.models.transformers.grid import TokenGrid

QkvBias = Literal["all", "query_and_value", "none"]


class Attention(nn.Module):
    """Queries, keys and values by one projection, and a projection of what the heads found.

    qkv_bias: "query_and_value" has two vectors, `q_bias` and `v_bias`, as VideoMAE's weights do: a bias of keys adds the same
    to every score of a query, which no softmax sees. Raises ValueError where heads do not divide the channels.
    """

    def __init__(
        self,
        channels: int,
        *,
        num_heads: int,
        qkv_bias: QkvBias = "all",
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if channels % num_heads:
            raise ValueError(f"{channels} channels cannot be shared out to {num_heads} heads; right would be: a multiple")
        self.num_heads = num_heads
        self.attention_dropout = attention_dropout
        self.qkv = nn.Linear(channels, 3 * channels, bias=qkv_bias == "all")
        if qkv_bias == "query_and_value":
            self.q_bias: nn.Parameter | None = nn.Parameter(torch.zeros(channels))
            self.v_bias: nn.Parameter | None = nn.Parameter(torch.zeros(channels))
        else:
            self.q_bias = self.v_bias = None
        self.proj = nn.Linear(channels, channels)
        self.proj_drop = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """x (N, L, C) -> the same shape: every token looks at all tokens of its row."""
        queries, keys, values = self._heads(functional.linear(x, self.qkv.weight, self.bias()), parts=3)
        return self.finish(self.mix(queries, keys, values))

    def attend(self, x: Tensor, seen: Tensor, mask: Tensor | None = None, *, values: Tensor | None = None) -> Tensor:
        """x (N, L, C), seen (N, S, C) -> (N, L, C): the tokens of x look at those of `seen` and no others.

        mask: bool, broadcast to (N, heads, L, S); false where a token is not to be looked at. values: (N, S, C), what values
        are made of, where that is not what keys are made of.
        """
        channels = x.shape[-1]
        weight, bias = self.qkv.weight, self.bias()
        query_bias, other_bias = (None, None) if bias is None else (bias[:channels], bias[channels:])
        (queries,) = self._heads(functional.linear(x, weight[:channels], query_bias), parts=1)
        if values is None:
            keys, looked_up = self._heads(functional.linear(seen, weight[channels:], other_bias), parts=2)
        else:
            _, key_weight, value_weight = weight.chunk(3)
            key_bias, value_bias = (None, None) if other_bias is None else other_bias.chunk(2)
            (keys,) = self._heads(functional.linear(seen, key_weight, key_bias), parts=1)
            (looked_up,) = self._heads(functional.linear(values, value_weight, value_bias), parts=1)
        return self.finish(self.mix(queries, keys, looked_up, mask))

    def bias(self) -> Tensor | None:
        """The bias of queries, keys and values, (3 C,)."""
        if self.q_bias is None or self.v_bias is None:
            return self.qkv.bias
        return torch.cat([self.q_bias, torch.zeros_like(self.q_bias), self.v_bias])

    def mix(self, queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None = None) -> Tensor:
        """queries (N, heads, L, D), keys and values (N, heads, S, D) -> (N, L, C)."""
        dropout = self.attention_dropout if self.training else 0.0
        mixed = functional.scaled_dot_product_attention(queries, keys, values, attn_mask=mask, dropout_p=dropout)
        return mixed.transpose(1, 2).flatten(2)

    def finish(self, mixed: Tensor) -> Tensor:
        """mixed (N, L, C): what the heads found -> the same shape."""
        finished: Tensor = self.proj_drop(self.proj(mixed))
        return finished

    def _heads(self, projected: Tensor, *, parts: int) -> tuple[Tensor, ...]:
        """(N, S, parts * C) -> as many tensors (N, heads, S, D)."""
        rows, length, _ = projected.shape
        return projected.view(rows, length, parts, self.num_heads, -1).permute(2, 0, 3, 1, 4).unbind(0)


class ClipAttention(Attention):
    """Attention of the tokens of a whole clip to each other, across space and time."""

    def forward(self, x: Tensor, grid: TokenGrid) -> Tensor:  # type: ignore[override]
        """x (B, L, C), the tokens of `grid` -> the same shape. Only what gives this a memory asks how they lie."""
        return super().forward(x)


class TimeAttention(Attention):
    """Attention along time: a token looks at those of its own place in all time slices (TimeSformer's)."""

    def forward(self, x: Tensor) -> Tensor:
        """x (B, T, N, C), N places in T time slices -> the same shape."""
        rows = super().forward(self.place_by_place(x))
        return rows.view(x.shape[0], x.shape[2], x.shape[1], -1).transpose(1, 2)

    @staticmethod
    def place_by_place(x: Tensor) -> Tensor:
        """(B, T, N, C) -> (B * N, T, C)."""
        return x.transpose(1, 2).flatten(0, 1)
