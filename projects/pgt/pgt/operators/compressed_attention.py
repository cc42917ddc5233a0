"""Attention whose memory is compressed by what was learned (pipelined compression, Wu et al., MeMViT, CVPR 2022, section 4).

Keys and values of the memory are made of tokens that convolutions of wide stride have made few of. Where the graph is cut at
every border, no gradient reaches what an earlier step compressed. So training keeps the newest step's tokens as they are and
compresses them when they are read; evaluation carries nothing but what is compressed, and reads the same.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from pgt.cell import Cell
from pgt.operators.base import MarkovOperator
from pgt.operators.token_attention import aged
from pgt.operators.token_memory import TokenMemory
from slowfast.models.transformers.attention import ClipAttention
from slowfast.models.transformers.grid import TokenGrid

if TYPE_CHECKING:
    _ClipAttention = ClipAttention
else:
    _ClipAttention = object  # mixed into the class of a module, which comes behind

KERNEL, STRIDE = (7, 3, 3), (4, 2, 2)
"""Of the convolutions that compress, along time, height and width, as in MeMViT's recipes."""


def add_compression(attention: ClipAttention) -> None:
    """Gives an attention the convolutions and norms that compress; each convolution begins as the mean over its window."""
    weight, channels = attention.qkv.weight, attention.qkv.in_features
    padding = (KERNEL[0] // 2, KERNEL[1] // 2, KERNEL[2] // 2)
    for part in ("k", "v"):
        conv = nn.Conv3d(channels, channels, KERNEL, stride=STRIDE, padding=padding, groups=channels, bias=False)
        nn.init.constant_(conv.weight, 1 / conv.weight[0].numel())
        attention.add_module(f"compress_{part}", conv.to(weight))
        attention.add_module(f"norm_compress_{part}", nn.LayerNorm(channels).to(weight))


class CompressedClipAttention(MarkovOperator, _ClipAttention):
    """Attention across space and time, of a step to itself and to what is left of the steps before.

    tokens: the memory, of what keys are made of. values, newest: its other cells.
    """

    prefix = "Compressed"
    tokens: TokenMemory
    values: Cell
    newest: Cell
    age_offsets: nn.Parameter | None
    compress_k: nn.Conv3d
    compress_v: nn.Conv3d
    norm_compress_k: nn.LayerNorm
    norm_compress_v: nn.LayerNorm

    def forward(self, x: Tensor, grid: TokenGrid) -> Tensor:  # type: ignore[override]
        """x (B, L, C), the tokens of `grid` -> the same shape."""
        if not self.memory.in_step:
            return super().forward(x, grid)  # type: ignore[call-arg]
        extra, frames = grid.split(x)
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.memory.truncate):
            keys, values = self._compressed(frames)
        before = self.tokens.exchange(self.memory, keys, extra)
        before_values = self.memory.exchange(self.values, values)
        # In evaluation no frames of the step are kept, which also forgets those of a training that went before.
        kept = replace(self.newest, num_frames=grid.time if self.training else 0)
        newest = self.memory.exchange(kept, frames)
        if before.is_empty or before_values is None:
            return super().forward(x, grid)  # type: ignore[call-arg]
        past_keys, past_values = before.frames, before_values.frames
        if newest is not None and newest.frames.shape[2]:
            fresh_keys, fresh_values = self._compressed(newest.frames)
            past_keys, past_values = _renewed(past_keys, fresh_keys), _renewed(past_values, fresh_values)
        mask = self.tokens.mask(
            before,
            num_slices=grid.time,
            num_extra=grid.extra,
            query_places=grid.num_places,
            key_places=grid.num_places,
            past_places=past_keys.shape[3] * past_keys.shape[4],
        )
        seen, seen_values = (
            torch.cat([before.extra, extra, past.flatten(2).transpose(1, 2), x[:, grid.extra :]], dim=1)
            for past in (aged(past_keys, self.age_offsets), past_values)
        )
        return self.attend(x, seen, mask, values=seen_values)

    def _compressed(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """frames (B, C, T, H, W) -> what keys and what values are made of, (B, C, T', H', W')."""
        keys, values = (
            norm(conv(frames).movedim(1, -1)).movedim(-1, 1)
            for conv, norm in ((self.compress_k, self.norm_compress_k), (self.compress_v, self.norm_compress_v))
        )
        return keys, values


def _renewed(past: Tensor, fresh: Tensor) -> Tensor:
    """The remembered slices (B, C, F, H, W) with the newest of them made anew."""
    size = past.shape[2]
    fresh = fresh[:, :, -size:]
    return torch.cat([past[:, :, : size - fresh.shape[2]], fresh], dim=2)
