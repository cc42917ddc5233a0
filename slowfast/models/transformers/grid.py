"""How the tokens of a clip lie: extra ones (class tokens) first, then those of places, time slice by time slice."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class TokenGrid(NamedTuple):
    """A sequence of extra + time * height * width tokens. Width runs fastest, time slowest."""

    time: int
    height: int
    width: int
    extra: int = 0

    @classmethod
    def of(cls, frames: Tensor, *, extra: int = 0) -> TokenGrid:
        """That of frames (B, C, T, H, W)."""
        time, height, width = frames.shape[2:]
        return cls(time, height, width, extra)

    @property
    def num_places(self) -> int:
        """Tokens of one time slice."""
        return self.height * self.width

    @property
    def num_tokens(self) -> int:
        return self.extra + self.time * self.num_places

    def split(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """tokens (B, L, C) -> the extra ones (B, E, C), and the rest as frames (B, C, T, H, W); both are views."""
        extra, places = tokens[:, : self.extra], tokens[:, self.extra :]
        shape = (tokens.shape[0], tokens.shape[2], self.time, self.height, self.width)
        return extra, places.transpose(1, 2).view(shape)


def join(extra: Tensor, frames: Tensor) -> Tensor:
    """Extra tokens (B, E, C) and frames (B, C, T, H, W) -> tokens (B, L, C)."""
    places = frames.flatten(2).transpose(1, 2)
    return torch.cat([extra, places], dim=1) if extra.shape[1] else places
