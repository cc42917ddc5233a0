"""Markov operators: temporal operators that take their left context from the memory.

Each one subclasses the operator that it replaces and takes over its parameters, so names in a state dict stay as they were.
Outside of a step each one computes exactly what the plain operator does.
"""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from pgt.memory import Cell, Memory
from slowfast.models.layers.temporal_pool import TemporalPool


class MarkovConv3d(nn.Conv3d):
    """A convolution with temporal kernel k that sees its own past (arXiv:2103.11313, section 3.2).

    At the first step both ends of time are padded with zeros, as in the plain operator; at later steps the frames left of the
    border are those of the memory. Output length is input length / stride at every step.
    """

    cell: Cell
    memory: Memory

    @classmethod
    def adopt(cls, conv: nn.Conv3d, cell: Cell, memory: Memory) -> Self:
        """A Markov convolution with the parameters, buffers and hooks of `conv` themselves, not copies."""
        markov = cls.__new__(cls)
        markov.__dict__ = conv.__dict__
        markov.cell, markov.memory = cell, memory
        return markov

    def forward(self, x: Tensor) -> Tensor:
        """x (B, C, T, H, W)."""
        past = self.memory.exchange(self.cell, x)
        y = super().forward(x)
        if past is None:
            return y
        # A convolution is linear: what the past adds to the first outputs is computed by itself. Joining past and step
        # first would store a second copy of the step for the backward pass.
        added = self._convolve_past(past)
        reached = min(added.shape[2], y.shape[2])
        y[:, :, :reached] += added[:, :, :reached]
        return y

    def _convolve_past(self, past: Tensor) -> Tensor:
        """What the frames left of the border contribute to the outputs next to it. past (B, C, F, H, W)."""
        reach = int(self.padding[0])  # frames that the first output looks back
        taps = self.kernel_size[0] // 2
        stride, dilation = self.stride[0], self.dilation[0]
        outputs = -(-reach // stride)
        # From frame -reach on, as many frames as the outputs span; those from frame 0 on are zeros, the step's own part.
        missing = reach - past.shape[2]
        past = functional.pad(past, (0, 0, 0, 0, missing, (outputs - 1) * stride + (taps - 1) * dilation + 1 - reach))
        return functional.conv3d(
            past,
            self.weight[:, :, :taps],
            stride=self.stride,
            padding=(0, *self.padding[1:]),
            dilation=self.dilation,
            groups=self.groups,
        )


class MarkovTemporalPool(TemporalPool):
    """Pooling over all of time in a head: at later steps over memory and step together.

    one_pass_positions: temporal positions that the pool leaves when an evaluation runs a whole clip in one pass.
    """

    cell: Cell | None
    memory: Memory
    one_pass_positions: int

    @classmethod
    def adopt(cls, pool: TemporalPool, cell: Cell | None, memory: Memory, *, one_pass_positions: int = 1) -> Self:
        """`cell` is None for a pool that looks at its own step alone."""
        markov = cls.__new__(cls)
        markov.__dict__ = pool.__dict__
        markov.cell, markov.memory, markov.one_pass_positions = cell, memory, one_pass_positions
        return markov

    def forward(self, x: Tensor) -> Tensor:
        """x (B, C, T, H, W)."""
        if not (self.training or self.memory.in_step):
            return self.pool(x, self.one_pass_positions)
        past = self.memory.exchange(self.cell, x) if self.cell is not None else None
        return self.pool(x if past is None else torch.cat([past, x], dim=2), 1)
