"""Convolutions whose window is larger than what they look at, on CPUs.

There PyTorch's 3-D convolution (2.13, processors with AVX512) can go wrong where an axis is about as short as the window. In
bfloat16 a part of the weights' gradient stays unset (3 taps over 2 frames, 5 over 3 or 4, 7 over 2 to 6). In single precision a
padding of 3 or more with a stride of 2 or more makes that gradient wrong, or written beyond its memory (7 taps over
5 to 7 frames of two clips). With padding written out it is right.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Triple = tuple[int, int, int]
WIDE = 3
"""Padding from which on strided windows go wrong in single precision, too."""


def write_out_padding(model: nn.Module) -> int:
    """From now on the network's 3-D convolutions pad by themselves where PyTorch's own padding goes wrong.

    Outputs and names stay. Convolutions with a forward of their own, and those that run in 2-D already, are left alone. Returns
    how many were changed.
    """
    changed = 0
    for module in model.modules():
        if not isinstance(module, nn.Conv3d) or isinstance(module.padding, str) or not _is_plain(module):
            continue
        module.__dict__["_conv_forward"] = PaddedConvolution(
            _triple(module.stride), _triple(module.padding), _triple(module.dilation), module.groups
        )
        changed += 1
    return changed


@dataclass(frozen=True, slots=True)
class PaddedConvolution:
    """In place of `Conv3d._conv_forward`. All along time, height and width."""

    stride: Triple
    padding: Triple
    dilation: Triple
    groups: int

    def __call__(self, x: Tensor, weight: Tensor, bias: Tensor | None, padding: Triple | None = None) -> Tensor:
        """x (B, C, T, H, W), weight (C', C / groups, k, k, k) -> (B, C', T', H', W'). padding: another one than usual."""
        return conv3d(x, weight, bias, self.stride, padding or self.padding, self.dilation, self.groups)


def conv3d(
    x: Tensor, weight: Tensor, bias: Tensor | None, stride: Triple, padding: Triple, dilation: Triple, groups: int
) -> Tensor:
    """`functional.conv3d`, whose gradients are right on CPUs as well; shapes as there."""
    if x.device.type == "cpu" and any(padding) and _goes_wrong(x, weight, stride, padding, dilation):
        x, padding = F.pad(x, [pad for pad in reversed(padding) for _ in range(2)]), (0, 0, 0)
    return F.conv3d(x, weight, bias, stride, padding, dilation, groups)


def _goes_wrong(x: Tensor, weight: Tensor, stride: Triple, padding: Triple, dilation: Triple) -> bool:
    """Whether an axis is shorter than the window, in bfloat16, or hardly longer, where it is padded by 3 or more and the window
    moves by more than one. Padding costs time where the picture is tiny, so it is kept to these."""
    autocast = torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") is torch.bfloat16
    half = autocast or x.dtype is torch.bfloat16
    for size, taps, step, pad, spread in zip(x.shape[2:], weight.shape[2:], stride, padding, dilation, strict=True):
        reach = (taps - 1) * spread
        if (half and size <= reach) or (step > 1 and pad >= WIDE and size <= reach + pad):
            return True
    return False


def _is_plain(conv: nn.Conv3d) -> bool:
    own = type(conv)._conv_forward is not nn.Conv3d._conv_forward or "_conv_forward" in conv.__dict__
    return not own and conv.padding_mode == "zeros"


def _triple(value: tuple[int, ...]) -> Triple:
    return value[0], value[1], value[2]
