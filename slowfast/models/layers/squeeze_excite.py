"""Squeeze and excitation (Hu et al., arXiv:1709.01507, sec. 3)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class SqueezeExcite(nn.Module):
    """Scales each channel by a factor in (0, 1) that depends on the means of all channels over time and space.

    The mean over time makes it a temporal operator: whoever gives a network a memory overrides `squeeze`.
    """

    def __init__(self, channels: int, reduced_channels: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv3d(channels, reduced_channels, 1)
        self.fc2 = nn.Conv3d(reduced_channels, channels, 1)

    def squeeze(self, x: Tensor) -> Tensor:
        """x (B, C, T, H, W) -> (B, C, 1, 1, 1)."""
        return x.mean((2, 3, 4), keepdim=True)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, C, T, H, W) -> the same shape."""
        factors: Tensor = self.fc2(F.relu(self.fc1(self.squeeze(x)))).sigmoid()
        return x * factors
