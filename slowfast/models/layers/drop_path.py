"""Stochastic depth: training drops a block's whole branch, row by row (Huang et al., 2016)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn


class DropPath(nn.Module):
    """Sets rows to zero with this probability while training, and scales those that stay to the same mean."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        if not 0 <= rate < 1:
            raise ValueError(f"rate={rate}: the share of rows that are dropped; right would be: from 0 to below 1")
        self.rate = rate

    def forward(self, x: Tensor, axes: Sequence[int] = (0,)) -> Tensor:
        """x (B, ...), a branch that is about to be added -> the same shape. axes: those along which rows are told apart."""
        if self.rate == 0 or not self.training:
            return x
        shape = [size if axis in axes else 1 for axis, size in enumerate(x.shape)]
        kept = x.new_empty(shape).bernoulli_(1 - self.rate)
        return x * (kept / (1 - self.rate))

    def extra_repr(self) -> str:
        return f"rate={self.rate}"


def rising_rates(last: float, num_blocks: int) -> list[float]:
    """The rate of each block: it grows by the same amount from 0 in the first to that of the last."""
    return [last * block / max(1, num_blocks - 1) for block in range(num_blocks)]
