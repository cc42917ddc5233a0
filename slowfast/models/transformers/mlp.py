"""The part of a block that works on each token by itself."""

from __future__ import annotations

from torch import Tensor, nn


class Mlp(nn.Module):
    """Two linear layers with a GELU between them. dropout: of what either gives."""

    def __init__(self, channels: int, *, hidden_channels: int, out_channels: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels, hidden_channels)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(hidden_channels, out_channels)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """x (..., C) -> (..., out_channels)."""
        result: Tensor = self.drop(self.fc2(self.drop(self.act(self.fc1(x)))))
        return result
