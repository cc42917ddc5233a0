"""A memory that is compressed by what was learned (pipelined compression, Wu et al., MeMViT, CVPR 2022, section 4).

Keys and values of the memory are made of tokens that convolutions of wide stride have made few of. Where the graph is cut at
every border, no gradient reaches what an earlier step compressed. So training keeps the newest step's tokens as they are and
compresses them when they are read; evaluation carries nothing but what is compressed, and reads the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from pgt.cell import Cell
from pgt.operators.base import MarkovOperator
from pgt.operators.token_memory import TokenMemory

KERNEL, STRIDE = (7, 3, 3), (4, 2, 2)
"""Of the convolutions that compress, along time, height and width, as in MeMViT's recipes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompressedMemory:
    """tokens: the memory of what keys are made of, once compressed. values: that of values. newest: those of what is not
    compressed yet, one where keys and values are made of the same, else two."""

    tokens: TokenMemory
    values: Cell
    newest: tuple[Cell, ...]

    @property
    def cells(self) -> tuple[Cell, ...]:
        return (*self.tokens.cells, self.values, *self.newest)


def add_compression(attention: nn.Module, channels: int, *, like: Tensor) -> None:
    """Gives an attention the convolutions and norms that compress; each convolution begins as the mean over its window."""
    padding = (KERNEL[0] // 2, KERNEL[1] // 2, KERNEL[2] // 2)
    for part in ("k", "v"):
        conv = nn.Conv3d(channels, channels, KERNEL, stride=STRIDE, padding=padding, groups=channels, bias=False)
        nn.init.constant_(conv.weight, 1 / conv.weight[0].numel())
        attention.add_module(f"compress_{part}", conv.to(like))
        attention.add_module(f"norm_compress_{part}", nn.LayerNorm(channels).to(like))


class Compressing(MarkovOperator):
    """An attention that was given `add_compression`. To be mixed in."""

    prefix = "Compressed"
    past: CompressedMemory
    compress_k: nn.Conv3d
    compress_v: nn.Conv3d
    norm_compress_k: nn.LayerNorm
    norm_compress_v: nn.LayerNorm

    def look_back(self, *sources: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Leaves a step's frames and hands out what is left of those before.

        sources: (B, C, T, H, W), what keys and values are made of, or one for each. Returns what keys and what values of the
        memory are made of, (B, C, F, H', W') each, F 0 where there is nothing yet, and bool (B, F), slices that exist, or None.
        """
        memory = self.memory
        with torch.set_grad_enabled(torch.is_grad_enabled() and not memory.truncate):
            keys, values = self._compressed(sources)
        past_keys, present = self.past.tokens.look_back(memory, keys)
        found = memory.exchange(self.past.values, values)
        past_values = values[:, :, :0] if found is None else found.frames
        # Evaluation keeps nothing of the step as it is, and forgets what a training that went before has kept.
        kept = sources[0].shape[2] if self.training else 0
        pairs = [pair for pair in zip(self.past.newest, sources, strict=True) if kept or memory.holds(pair[0])]
        newest = [memory.exchange(replace(cell, num_frames=kept), frames) for cell, frames in pairs]
        raw = [each.frames for each in newest if each is not None and each.frames.shape[2]]
        if raw:
            fresh_keys, fresh_values = self._compressed(raw)
            past_keys, past_values = _renewed(past_keys, fresh_keys), _renewed(past_values, fresh_values)
        return past_keys, past_values, present

    def _compressed(self, sources: tuple[Tensor, ...] | list[Tensor]) -> tuple[Tensor, Tensor]:
        keys = self.norm_compress_k(self.compress_k(sources[0]).movedim(1, -1)).movedim(-1, 1)
        values = self.norm_compress_v(self.compress_v(sources[-1]).movedim(1, -1)).movedim(-1, 1)
        return keys, values


def _renewed(past: Tensor, fresh: Tensor) -> Tensor:
    """The remembered slices (B, C, F, H, W) with the newest of them made anew."""
    size = past.shape[2]
    fresh = fresh[:, :, -size:]
    return torch.cat([past[:, :, : size - fresh.shape[2]], fresh], dim=2)
