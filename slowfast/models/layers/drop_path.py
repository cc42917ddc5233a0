"""Stochastic depth: training drops a block's whole branch, row by row (Huang et al., 2016)."""

from __future__ import annotations

from torch import Tensor, nn


class DropPath(nn.Module):
    """Sets a row of the batch to zero with this probability while training, and scales those that stay to the same mean."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        if not 0 <= rate < 1:
            raise ValueError(f"rate={rate}: the share of rows that are dropped; right would be: from 0 to below 1")
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """x (B, ...), a branch that is about to be added -> the same shape."""
        if self.rate == 0 or not self.training:
            return x
        kept = x.new_empty(x.shape[0], *[1] * (x.dim() - 1)).bernoulli_(1 - self.rate)
        return x * (kept / (1 - self.rate))

    def extra_repr(self) -> str:
        return f"rate={self.rate}"
