"""Convolutions over time that remember."""

from __future__ import annotations

from typing import Self

from torch import Tensor, nn
from torch.nn import functional

from pgt.memory import Cell, Memory
from pgt.operators.adoption import take_over


class MarkovConv3d(nn.Conv3d):
    """A convolution with temporal kernel k that sees its own past (arXiv:2103.11313, section 3.2).

    At the first step both ends of time are padded with zeros, as in the plain operator; at later steps the frames left of the
    border are those of the memory. Output length is input length / stride at every step.
    """

    cell: Cell
    memory: Memory

    @classmethod
    def adopt(cls, conv: nn.Conv3d, cell: Cell, memory: Memory) -> Self:
        """A Markov convolution with the parameters and hooks of `conv` themselves, not copies."""
        return take_over(cls, conv, cell=cell, memory=memory)

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
