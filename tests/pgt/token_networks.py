"""Networks of tokens, as small as they can be, and clips for them; used by several tests."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pgt import ProgressiveModel
from slowfast.models.heads import HeadSpec
from slowfast.models.transformers.attention import ClipAttention, TimeAttention
from slowfast.models.transformers.grid import TokenGrid, join
from slowfast.models.transformers.mvit import MViT
from slowfast.models.transformers.mvit_layout import AttentionStyle, BlockSpec, MViTSpec, PoolSpec
from slowfast.models.transformers.positions import TimePositions

CHANNELS, FRAMES = 8, 12


class Joint(nn.Module):
    """Pictures of patches, attention across space and time, and what the class token (or the mean place) found."""

    def __init__(self, *, depth: int = 2, extra: int = 1) -> None:
        super().__init__()
        self.patches = nn.Conv3d(3, CHANNELS, (1, 2, 2), stride=(1, 2, 2))
        self.class_token = nn.Parameter(torch.randn(1, extra, CHANNELS))
        self.attentions = nn.ModuleList(ClipAttention(CHANNELS, num_heads=2) for _ in range(depth))

    def forward(self, x: Tensor) -> Tensor:
        """x (B, 3, T, H, W) -> all tokens (B, L, C)."""
        frames = self.patches(x)
        extra = self.class_token.expand(len(x), -1, -1)
        grid = TokenGrid(*frames.shape[2:], extra=extra.shape[1])
        tokens = join(extra, frames)
        for attention in self.attentions:
            tokens = tokens + attention(tokens, grid).tanh()
        return tokens


class Divided(nn.Module):
    """The same with attention along time alone."""

    def __init__(self, *, depth: int = 2, has_positions: bool = True) -> None:
        super().__init__()
        self.patches = nn.Conv3d(3, CHANNELS, (1, 2, 2), stride=(1, 2, 2))
        self.table = nn.Parameter(torch.randn(4, 1, CHANNELS))
        self.positions = TimePositions() if has_positions else None
        self.attentions = nn.ModuleList(TimeAttention(CHANNELS, num_heads=2) for _ in range(depth))

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patches(x).flatten(3).permute(0, 2, 3, 1)
        if self.positions is not None:
            tokens = self.positions(tokens, self.table)
        for attention in self.attentions:
            tokens = tokens + attention(tokens).tanh()
        return tokens.flatten(1, 2)


def clip(rows: int = 1, frames: int = FRAMES, seed: int = 0, size: int = 8) -> Tensor:
    return torch.randn((rows, 3, frames, size, size), dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def run(model: ProgressiveModel, x: Tensor, cuts: Sequence[int]) -> list[Tensor]:
    model.reset()
    return [model.step(x[:, :, start:stop]) for start, stop in itertools.pairwise([0, *cuts, x.shape[2]])]


def multiscale(*, style: dict[str, Any] | None = None, extra: int = 1, kernel: int = 3) -> nn.Module:
    """An MViT of two blocks for clips of 4 frames of 8 x 8 pixels, whose tokens behind the last block come out."""
    attention = AttentionStyle(**({"relative_space": True, "relative_time": True, "adds_queries": True} | (style or {})))
    grids = ((4, 4, 4), (4, 2, 2))
    blocks = [
        BlockSpec(
            channels=CHANNELS * heads,
            attention_channels=2 * CHANNELS,
            out_channels=2 * CHANNELS,
            num_heads=2,
            size=grid,
            queries=PoolSpec((kernel, 3, 3), (1, side, side)),
            keys=PoolSpec((kernel, 3, 3), (1, 2, 2)),
        )
        for heads, grid, side in zip((1, 2), grids, (2, 1), strict=True)
    ]
    spec = MViTSpec(
        in_channels=3,
        patches=PoolSpec((1, 2, 2), (1, 2, 2)),
        padding=(0, 0, 0),
        size=grids[0],
        blocks=blocks,
        style=attention,
        class_token=extra == 1,
        absolute="separate",
    )

    class Tokens(MViT):
        def forward(self, inputs: Tensor) -> Tensor:  # type: ignore[override]
            return self.tokens(inputs)[0]

    return Tokens(spec, head=HeadSpec(num_classes=2))
