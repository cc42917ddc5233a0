"""Small video transformers as others write them. They read clips (B, 3, T, 4, 6) and give tokens (B, E + T * 2 * 3, C)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor, nn

from pgt import ProgressiveModel, TokenLayout, progressive

CHANNELS, HEADS, FRAMES = 8, 2, 10


class Tokens(nn.Module):
    """Patches of pictures behind class tokens, through `blocks`, each of which reads tokens and gives tokens."""

    def __init__(self, blocks: Sequence[nn.Module], *, extra: int = 0, batch_first: bool = True) -> None:
        super().__init__()
        self.patches = nn.Conv3d(3, CHANNELS, (1, 2, 2), stride=(1, 2, 2))
        self.class_token = nn.Parameter(torch.randn(1, extra, CHANNELS))
        self.blocks = nn.ModuleList(blocks)
        self.batch_first = batch_first

    def forward(self, x: Tensor) -> Tensor:
        places = self.patches(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.class_token.expand(len(x), -1, -1), places], dim=1)
        tokens = tokens if self.batch_first else tokens.transpose(0, 1)
        for block in self.blocks:
            tokens = block(tokens)
        return tokens if self.batch_first else tokens.transpose(0, 1)


class SelfAttention(nn.Module):
    """A block around `nn.MultiheadAttention`."""

    def __init__(self, *, need_weights: bool = False, **options: Any) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(CHANNELS)
        self.attention = nn.MultiheadAttention(CHANNELS, HEADS, **options)
        self.need_weights = need_weights

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(x)
        found: Tensor = x + self.attention(y, y, y, need_weights=self.need_weights)[0]
        return found


def encoder(**options: Any) -> nn.Module:
    layer = nn.TransformerEncoderLayer(CHANNELS, HEADS, 16, dropout=0.0, **options)
    return nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)


OF_PYTORCH: dict[str, tuple[Callable[[], nn.Module], int]] = {
    "attention": (lambda: Tokens([SelfAttention(batch_first=True) for _ in range(2)]), 0),
    "attention, tokens first": (lambda: Tokens([SelfAttention() for _ in range(2)], batch_first=False), 0),
    "attention that gives weights": (lambda: Tokens([SelfAttention(batch_first=True, need_weights=True)], extra=1), 1),
    "attention with keys of its own": (
        lambda: Tokens([SelfAttention(batch_first=True, add_bias_kv=True, add_zero_attn=True)], extra=1),
        1,
    ),
    "encoder": (lambda: Tokens([encoder(batch_first=True)], extra=1), 1),
    "encoder, norms first": (lambda: Tokens([encoder(batch_first=True, norm_first=True)], extra=2), 2),
    "encoder, tokens first": (lambda: Tokens([encoder()], extra=1, batch_first=False), 1),
}
"""Networks with the number of their class tokens."""


def layout(extra: int = 0) -> TokenLayout:
    return TokenLayout(time=4, height=2, width=3, extra=extra)


def clip(rows: int = 1, frames: int = FRAMES, seed: int = 0) -> Tensor:
    return torch.randn((rows, 3, frames, 4, 6), dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def make(build: Callable[[], nn.Module], extra: int, **options: Any) -> ProgressiveModel:
    torch.manual_seed(0)
    network = build().double().eval()
    defaults = {"step_len": 4, "overlap": 0, "memory": "last", "momentum": 0.0, "tokens": layout(extra)}
    return progressive(network, **(defaults | options))


def run(model: ProgressiveModel, x: Tensor, cuts: Sequence[int], *, axis: int = 2) -> list[Any]:
    """What the steps between these cuts give."""
    model.reset()
    ends = [0, *cuts, x.shape[axis]]
    return [model.step(x.narrow(axis, start, stop - start)) for start, stop in itertools.pairwise(ends)]


def parts(outputs: Sequence[Tensor], extra: int) -> tuple[Tensor, Tensor]:
    """Class tokens of the last step, and the places of all."""
    return outputs[-1][:, :extra], torch.cat([y[:, extra:] for y in outputs], dim=1)


def cuts(frames: int = FRAMES, *, stride: int = 1) -> st.SearchStrategy[list[int]]:
    """Where steps may end."""
    borders = st.lists(st.integers(1, frames // stride - 1), unique=True)
    return borders.map(lambda found: sorted(stride * border for border in found))


def parameters_of(model: nn.Module) -> Iterator[Tensor]:
    return (parameter.grad for parameter in model.parameters() if parameter.grad is not None)
