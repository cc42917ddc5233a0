"""A block of a Multiscale Vision Transformer: attention that may pool, and a perceptron, one of which may widen."""

from __future__ import annotations

from torch import Tensor, nn

from slowfast.models.layers.drop_path import DropPath
from slowfast.models.transformers.grid import TokenGrid, join
from slowfast.models.transformers.mlp import Mlp
from slowfast.models.transformers.mvit_layout import AttentionStyle, BlockSpec
from slowfast.models.transformers.pooled_attention import PooledAttention
from slowfast.models.transformers.spec import NORM_EPSILON


class MultiscaleBlock(nn.Module):
    """What goes past a part that widens is projected (`proj`), from the same normalised tokens that the part reads."""

    def __init__(self, spec: BlockSpec, style: AttentionStyle, *, mlp_ratio: float) -> None:
        super().__init__()
        inner, out = spec.attention_channels, spec.out_channels
        self.widens_in_attention = inner != spec.channels
        self.norm1 = nn.LayerNorm(spec.channels, eps=NORM_EPSILON)
        self.attn = PooledAttention(spec, style)
        self.drop_path = DropPath(spec.drop_path)
        self.norm2 = nn.LayerNorm(inner, eps=NORM_EPSILON)
        self.mlp = Mlp(inner, hidden_channels=int(inner * mlp_ratio), out_channels=out, dropout=style.dropout)
        self.proj = nn.Linear(spec.channels, out) if out != spec.channels else None
        skip = spec.skip
        self.pool_skip = None if skip is None else nn.MaxPool3d(skip.kernel, skip.stride, skip.padding)

    def forward(self, x: Tensor, grid: TokenGrid) -> tuple[Tensor, TokenGrid]:
        """x (B, L, C) on a grid -> (B, L', C'), and how these lie."""
        normed = self.norm1(x)
        found, new_grid = self.attn(normed, grid)
        past = self.proj(normed) if self.proj is not None and self.widens_in_attention else x
        x = self._pooled_skip(past, grid) + self.drop_path(found)
        normed = self.norm2(x)
        past = self.proj(normed) if self.proj is not None and not self.widens_in_attention else x
        return past + self.drop_path(self.mlp(normed)), new_grid

    def _pooled_skip(self, x: Tensor, grid: TokenGrid) -> Tensor:
        if self.pool_skip is None:
            return x
        extra, frames = grid.split(x)
        return join(extra, self.pool_skip(frames))
