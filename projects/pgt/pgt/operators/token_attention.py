"""Attention over time that remembers: queries come from the step, keys and values from the memory and the step.

"local" attention looks both ways in its step, and at all that is remembered. "causal" attention looks back alone, as many time
slices as are remembered, so that any cut into steps gives the outputs of one pass (block-causal: a slice sees itself whole).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from pgt.operators.base import MarkovOperator
from pgt.operators.token_memory import TokenMemory
from slowfast.models.transformers.attention import ClipAttention, TimeAttention
from slowfast.models.transformers.grid import TokenGrid

if TYPE_CHECKING:
    _ClipAttention = ClipAttention
    _TimeAttention = TimeAttention
else:
    _ClipAttention = _TimeAttention = object  # mixed into the class of a module, which comes behind


class MarkovClipAttention(MarkovOperator, _ClipAttention):
    """Attention across space and time. Tokens of a local one look at the class tokens that are remembered, too."""

    tokens: TokenMemory
    age_offsets: nn.Parameter | None

    def forward(self, x: Tensor, grid: TokenGrid) -> Tensor:  # type: ignore[override]
        """x (B, L, C), the tokens of `grid` -> the same shape."""
        extra, frames = grid.split(x)
        before = self.tokens.exchange(self.memory, frames, extra)
        mask = self.tokens.mask(
            before,
            num_slices=grid.time,
            num_extra=grid.extra,
            query_places=grid.num_places,
            key_places=grid.num_places,
        )
        if before.is_empty and mask is None:
            return super().forward(x, grid)  # type: ignore[call-arg]
        past = aged(before.frames, self.age_offsets).flatten(2).transpose(1, 2)
        seen = torch.cat([before.extra, extra, past, x[:, grid.extra :]], dim=1)
        return self.attend(x, seen, mask)


class MarkovTimeAttention(MarkovOperator, _TimeAttention):
    """Attention of every place along time."""

    tokens: TokenMemory
    age_offsets: nn.Parameter | None

    def forward(self, x: Tensor) -> Tensor:
        """x (B, T, N, C), N places in T time slices -> the same shape."""
        rows, num_slices, places, _ = x.shape
        frames = x.permute(0, 3, 1, 2).unsqueeze(-1)
        before = self.tokens.exchange(self.memory, frames, x[:, 0, :0])
        sees = self.tokens.sees(before, num_slices)
        if before.is_empty and sees is None:
            return super().forward(x)
        past = aged(before.frames, self.age_offsets).squeeze(-1).permute(0, 2, 3, 1)
        mask = None if sees is None else sees.expand(rows, -1, -1).repeat_interleave(places, dim=0)[:, None]
        mixed = self.attend(self.place_by_place(x), self.place_by_place(torch.cat([past, x], dim=1)), mask)
        return mixed.view(rows, places, num_slices, -1).transpose(1, 2)


def aged(frames: Tensor, offsets: Tensor | None) -> Tensor:
    """Remembered frames (B, C, F, H, W), each told apart from those of the step by what was learned for its age, (F, C)."""
    return frames if offsets is None or frames.shape[2] == 0 else frames + offsets.to(frames.dtype).t()[:, :, None, None]
