"""Convolutions over time that remember."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from pgt.compiling import exporting
from pgt.operators.base import MarkovOperator, check_rhythm, newest, run_joined
from slowfast.models.execution import FlatConvolution
from slowfast.models.resnet.lateral import FuseFastToSlow
from slowfast.models.small_windows import PaddedConvolution

if TYPE_CHECKING:
    _Conv3d = nn.Conv3d
    _Fusion = FuseFastToSlow
else:
    _Conv3d = _Fusion = object  # mixed into the class of a module, which comes behind


class MarkovConv(MarkovOperator, _Conv3d):
    """A convolution with temporal kernel k that sees its own past (arXiv:2103.11313, section 3.2).

    At the first step both ends of time are padded with zeros, as in the plain operator; at later steps the frames left of the
    border are those of the memory. Output length is input length / stride at every step; raises StepLengthError where the
    stride does not divide it.
    """

    linear = True

    def forward(self, x: Tensor) -> Tensor:
        """x (B, C, T, H, W)."""
        past = self.memory.exchange(self.cell, x)
        weight = self.weight  # read once: a parametrization may change with every look at it
        y: Tensor = self._conv_forward(x, weight, self.bias)
        if self.memory.in_step:
            check_rhythm(self.cell.name, x.shape[2], self.stride[0])
        if past is None or past.frames.shape[2] == 0:
            return y
        # A convolution is linear: what the past adds to the first outputs is computed by itself. Joining past and step
        # first would store a second copy of the step for the backward pass. Where a video begins, zeros add nothing.
        added = self._convolve_past(past.filled(0.0), weight)
        reached = min(added.shape[2], y.shape[2])
        if exporting():  # other programs write into a part of a tensor by ways that cost more than a copy
            return torch.cat([y[:, :, :reached] + added[:, :, :reached], y[:, :, reached:]], dim=2)
        y[:, :, :reached] += added[:, :, :reached]
        return y

    def _convolve_past(self, past: Tensor, weight: Tensor) -> Tensor:
        """What the frames left of the border contribute to the outputs next to it. past (B, C, F, H, W)."""
        reach = int(self.padding[0])  # frames that the first output looks back
        taps = self.kernel_size[0] // 2
        stride, dilation = self.stride[0], self.dilation[0]
        outputs = -(-reach // stride)
        # From frame -reach on, as many frames as the outputs span; those from frame 0 on are zeros, the step's own part.
        missing = reach - past.shape[2]
        past = functional.pad(past, (0, 0, 0, 0, missing, (outputs - 1) * stride + (taps - 1) * dilation + 1 - reach))
        return convolve(self, past, weight[:, :, :taps], None)


class MarkovOwnConv(MarkovOperator, _Conv3d):
    """A convolution with a forward of its own (weight standardisation, ...), run over past and step joined."""

    def forward(self, x: Tensor) -> Tensor:
        """x (B, C, T, H, W) -> T / stride frames."""
        past = self.memory.exchange(self.cell, x)
        if self.memory.in_step:
            check_rhythm(self.cell.name, x.shape[2], self.stride[0])
        if past is None:
            return super().forward(x)
        stride, reach = self.stride[0], int(self.padding[0])
        context = -(-reach // stride) * stride
        return run_joined(super().forward, past, x, context=context, stride=stride, name=self.cell.name)


class CausalConv(MarkovOperator, _Conv3d):
    """A convolution over time whose last tap lies on the frame itself. It remembers (k - 1) * dilation frames.

    With a stride it also remembers its phase, so that outputs lie at multiples of the stride however a video is cut.
    """

    prefix = "Causal"
    linear = True

    def forward(self, x: Tensor) -> Tensor:
        """x (B, C, T, H, W) -> T / stride frames."""
        joined = with_past(self, x, stride=self.stride[0])
        return convolve(self, joined, self.weight, self.bias)


class CausalOwnConv(MarkovOperator, _Conv3d):
    """The same for a convolution with a forward of its own, whose windows lie around their frames: its outputs are taken as
    many frames before their own as a window reaches."""

    prefix = "Causal"

    def forward(self, x: Tensor) -> Tensor:
        """x (B, C, T, H, W) -> T / stride frames."""
        stride, reach = self.stride[0], int(self.padding[0])
        joined = with_past(self, x, stride=stride)
        wanted = (joined.shape[2] - 2 * reach - 1) // stride + 1
        lead = -reach % stride
        y = super().forward(functional.pad(joined, (0, 0, 0, 0, lead, 0)))
        start = (reach + lead) // stride
        return y[:, :, start : start + wanted]


class AlignedConv(MarkovOperator, _Conv3d):
    """A convolution no window of which crosses a border (kernel = stride, as in tubelets, or kernel 1): it remembers nothing,
    but every step must hold whole windows. Raises StepLengthError where one does not."""

    prefix = "Aligned"
    linear = True

    def forward(self, x: Tensor) -> Tensor:
        """x (B, C, T, H, W) -> T / stride frames."""
        if self.memory.in_step:
            check_rhythm(self.cell.name, x.shape[2], self.stride[0])
        self.memory.tell_pooled(False)
        return super().forward(x)


class ReleasedLateral(MarkovOperator, _Fusion):  # type: ignore[misc]
    """The lateral connection as the original code has it: its convolution has no memory and sees zeros at borders.

    Where a pathway's overlaps cover unequal times, later steps give one frame more than the Slow pathway has; the first is
    dropped.
    """

    prefix = "Released"
    norms_of: ClassVar = {"conv_f2s": "bn"}

    def fuse(self, slow: Tensor, fast: Tensor) -> Tensor:
        """The fast features at the slow frame rate."""
        fused = super().fuse(slow, fast)
        return fused[:, :, 1:] if self.memory.in_step and fused.shape[2] == slow.shape[2] + 1 else fused


def convolve(conv: nn.Conv3d, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """x (B, C, T, H, W) by these weights, as `conv` does but without padding in time."""
    padding = (0, int(conv.padding[1]), int(conv.padding[2]))
    own = conv.__dict__.get("_conv_forward")
    if isinstance(own, FlatConvolution | PaddedConvolution):
        return own(x, weight, bias, padding)
    return functional.conv3d(x, weight, bias, conv.stride, padding, conv.dilation, conv.groups)


def with_past(operator: MarkovOperator, x: Tensor, *, stride: int = 1, fill: float = 0.0) -> Tensor:
    """x (B, C, T, H, W) behind the frames before it, or behind padding at the start of a video; from the frame on whose window
    is the next one that the stride takes.

    Raises StepLengthError for a step in which no window ends.
    """
    cell = operator.cell
    context = cell.num_frames or 0
    past = operator.memory.exchange(cell, x)
    skip = -operator.memory.phase(cell, x.shape[2], stride) % stride
    if skip >= x.shape[2]:
        check_rhythm(cell.name, x.shape[2], stride)
    if past is None:
        return functional.pad(x, (0, 0, 0, 0, context, 0), value=fill)[:, :, skip:]
    return torch.cat([newest(past.filled(fill), context), x], dim=2)[:, :, skip:]
