"""From pixels to tokens: a token a patch, and patches do not overlap.

What lies beyond the last whole patch, to the right and below, is not seen.
"""

from __future__ import annotations

from torch import Tensor, nn

from slowfast.models.transformers.grid import TokenGrid


class FramePatches(nn.Module):
    """Cuts each frame into squares of `side` pixels."""

    def __init__(self, in_channels: int, channels: int, *, side: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(in_channels, channels, side, stride=side)

    def forward(self, x: Tensor) -> tuple[Tensor, TokenGrid]:
        """x (B, C', T, H, W) -> tokens (B, T, N, C), and how they lie."""
        batch, _, time = x.shape[:3]
        tokens: Tensor = self.proj(x.transpose(1, 2).flatten(0, 1))
        height, width = tokens.shape[2:]
        return tokens.flatten(2).transpose(1, 2).view(batch, time, height * width, -1), TokenGrid(time, height, width)


class Tubelets(nn.Module):
    """Cuts a clip into blocks of `frames` frames and squares of `side` pixels."""

    def __init__(self, in_channels: int, channels: int, *, frames: int, side: int) -> None:
        super().__init__()
        self.frames = frames
        self.proj = nn.Conv3d(in_channels, channels, (frames, side, side), stride=(frames, side, side))

    def forward(self, x: Tensor) -> tuple[Tensor, TokenGrid]:
        """x (B, C', F, H, W) -> tokens (B, F / frames, N, C), and how they lie. Raises ValueError where frames are left."""
        if x.shape[2] % self.frames:
            raise ValueError(
                f"tokens are made of {self.frames} frames, and {x.shape[2]} are no whole number of tokens; right would be: "
                f"{x.shape[2] // self.frames * self.frames or self.frames}"
            )
        tokens: Tensor = self.proj(x)
        time, height, width = tokens.shape[2:]
        return tokens.flatten(3).permute(0, 2, 3, 1), TokenGrid(time, height, width)
