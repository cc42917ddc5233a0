"""A built network's convolutions and pools run in 2-D, on tensors with channels last.

Nearly all convolutions of video networks look along space alone (1 x k x k) or along time alone (k x 1 x 1). With tensors
stored as B, T, H, W, C, (B, C, T, H, W) seen as (B T, C, H, W) and as (B, C, T, H W) are free views, in the form that kernels
for pictures are best at. Convolutions along both stay 3-D, in the same form; those of one point are products of matrices. Clips
of tiny pictures go back to the usual order on a CPU.

All of it hangs on objects that modules carry beside their parameters; without them (`run_in_3d`) a network is what it was.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from slowfast.config import CfgNode
from slowfast.models.layers.layout import CHANNELS_LAST
from slowfast.models.layers.pools import PoolMode, SpatialPool
from slowfast.models.small_windows import conv3d, write_out_padding

Triple = tuple[int, int, int]
TINY = 16
"""Points of a picture up to which a CPU's kernels for channels last lose: 3 x 3 convolutions of 256 and 512 channels do at
4 x 4, by factors up to 5, and win at 7 x 7 (benchmarks/README.md)."""
BLOCK = 16
"""Channels below which PyTorch (2.13, AVX512, two threads or more) writes beyond its memory in the gradient of 2-D
convolutions of single points that move by more than one, with channels last."""


def runs_in_2d(cfg: CfgNode) -> bool:
    """Whether networks of this config run in 2-D: as MODEL.EXECUTION says; left to us, on CPUs, where it was as fast or faster
    at every size that was measured. On GPUs it was not measured."""
    if cfg.MODEL.EXECUTION != "auto":
        return bool(cfg.MODEL.EXECUTION == "2d")
    return cfg.NUM_GPUS == 0 or (cfg.NUM_GPUS == -1 and not torch.cuda.is_available())


def run_in_2d(model: nn.Module) -> int:
    """From now on the network's convolutions and pools keep channels last, and run in 2-D where they can. Returns how many.

    Modules, classes, parameters and their names stay; copies and pickles run in 2-D as well. A network that is given a memory
    (`pgt.progressive`), before or after, keeps that in the same form. What convolves or pools in a way of its own, or pads by
    other than a number of zeros, is left alone and works as it is.
    """
    changed = 0
    for module in model.modules():
        if isinstance(module, nn.Conv3d):
            if (flat := _flat_convolution(module)) is not None:
                module.__dict__["_conv_forward"] = flat
                changed += 1
        elif (pool := _flat_pool(module)) is not None and "forward" not in module.__dict__:
            module.__dict__["forward"] = pool
            changed += 1
    return changed


def run_in_3d(model: nn.Module) -> None:
    """Undoes `run_in_2d`."""
    for module in model.modules():
        for name in ("_conv_forward", "forward"):
            if isinstance(module.__dict__.get(name), FlatConvolution | FlatMaxPool | FlatSpatialPool):
                del module.__dict__[name]
    write_out_padding(model)


def is_tiny(x: Tensor) -> bool:
    """Whether x (B, C, T, H, W) is better stored as usual, and convolved in 3-D."""
    return x.device.type == "cpu" and x.shape[3] * x.shape[4] <= TINY


@dataclass(frozen=True, slots=True)
class FlatConvolution:
    """In place of `Conv3d._conv_forward`. All along time, height and width."""

    stride: Triple
    padding: Triple
    dilation: Triple
    groups: int

    def __call__(self, x: Tensor, weight: Tensor, bias: Tensor | None, padding: Triple | None = None) -> Tensor:
        """x (B, C, T, H, W), weight (C', C / groups, k, k, k) -> (B, C', T', H', W'), stored with channels last, or as usual if
        it is tiny.

        padding: another one than usual.
        """
        pad, stride, dilation = padding or self.padding, self.stride, self.dilation
        if is_tiny(x):
            return conv3d(x.contiguous(), weight, bias, stride, pad, dilation, self.groups)
        x = x.contiguous(memory_format=CHANNELS_LAST)  # of the network's input; behind that, nothing is to be done
        of_points = weight.shape[2:] == (1, 1, 1) and pad == (0, 0, 0) and self.groups == 1
        if of_points and (stride == (1, 1, 1) or x.shape[1] < BLOCK):
            points = x[:, :, :: stride[0], :: stride[1], :: stride[2]]
            y = F.linear(points.movedim(1, -1), weight.flatten(1), bias).movedim(-1, 1)
        elif weight.shape[2] == stride[0] == 1 and pad[0] == 0:
            y = F.conv2d(_by_frames(x), weight.squeeze(2), bias, stride[1:], pad[1:], dilation[1:], self.groups)
            y = _clip_of(y, x)
        elif weight.shape[3:] == stride[1:] == (1, 1) and pad[1:] == (0, 0):
            y = F.conv2d(x.flatten(3), weight.squeeze(4), bias, (stride[0], 1), (pad[0], 0), (dilation[0], 1), self.groups)
            y = y.view(*y.shape[:3], *x.shape[3:])
        else:
            y = conv3d(x, weight, bias, stride, pad, dilation, self.groups)
        return y.contiguous() if is_tiny(y) else y.contiguous(memory_format=CHANNELS_LAST)


@dataclass(frozen=True, slots=True)
class FlatMaxPool:
    """In place of the forward of a `MaxPool3d` that pools each frame by itself. Of the picture's height and width."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]
    ceil_mode: bool

    def __call__(self, x: Tensor) -> Tensor:
        """x (B, C, T, H, W) -> (B, C, T, H', W')."""
        y = F.max_pool2d(_by_frames(x), self.kernel, self.stride, self.padding, self.dilation, self.ceil_mode)
        return _clip_of(y, x)


@dataclass(frozen=True, slots=True)
class FlatSpatialPool:
    """In place of the forward of a `SpatialPool`."""

    mode: PoolMode
    window: int

    def __call__(self, x: Tensor) -> Tensor:
        """x (B, C, T, H, W) -> (B, C, T, H', W')."""
        window = min(self.window, x.shape[3]), min(self.window, x.shape[4])
        if is_tiny(x):
            return (F.avg_pool3d if self.mode == "avg" else F.max_pool3d)(x, (1, *window), stride=1)
        pool = F.avg_pool2d if self.mode == "avg" else F.max_pool2d
        return _clip_of(pool(_by_frames(x), window, stride=1), x)


def _by_frames(x: Tensor) -> Tensor:
    """(B, C, T, H, W) -> (B T, C, H, W); a view where channels are last."""
    return x.transpose(1, 2).flatten(0, 1)


def _clip_of(frames: Tensor, x: Tensor) -> Tensor:
    """The other way round: (B T, C', H', W') made of x (B, C, T, H, W) -> (B, C', T, H', W')."""
    batch, _, time = x.shape[:3]
    last = frames.permute(0, 2, 3, 1)  # by rows of channels, so that a single frame has strides that tell channels are last
    return last.reshape(batch, time, *last.shape[1:]).permute(0, 4, 1, 2, 3)


def _flat_convolution(conv: nn.Conv3d) -> FlatConvolution | None:
    own = type(conv)._conv_forward is not nn.Conv3d._conv_forward
    if own or conv.padding_mode != "zeros" or isinstance(conv.padding, str):
        return None
    return FlatConvolution(_triple(conv.stride), _triple(conv.padding), _triple(conv.dilation), conv.groups)


def _flat_pool(pool: nn.Module) -> FlatMaxPool | FlatSpatialPool | None:
    if type(pool) is SpatialPool:
        return FlatSpatialPool(pool.mode, pool.window)
    if type(pool) is not nn.MaxPool3d or pool.return_indices:
        return None
    kernel, stride, padding, dilation = map(_triple, (pool.kernel_size, pool.stride, pool.padding, pool.dilation))
    if (kernel[0], stride[0], padding[0]) != (1, 1, 0):
        return None
    return FlatMaxPool(kernel[1:], stride[1:], padding[1:], dilation[1:], pool.ceil_mode)


def _triple(value: int | tuple[int, ...]) -> Triple:
    return (value, value, value) if isinstance(value, int) else (value[0], value[1], value[2])
