"""Norms, and which one follows a convolution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from slowfast.config import CfgNode

NormKind = Literal["batchnorm", "frozen_batchnorm", "sync_batchnorm"]


class FrozenBatchNorm3d(nn.Module):
    """Batch norm whose statistics and scales never change, for fine-tuning with batches too small to measure anything.

    y = weight (x - running_mean) / sqrt(running_var + eps) + bias, with all four constant, in training as in evaluation.

    They are buffers: a state dict holds them, an optimizer does not see them. Every forward folds them into one scale and one
    shift a channel (some hundred numbers, so that nothing goes stale when a state dict is loaded) and makes a single pass over
    the input.

    `F.batch_norm` in evaluation mode gives the same numbers but keeps its input for a gradient of the scales that nobody wants.
    Here autograd keeps the scale alone: a block of three convolutions saves three activations fewer, which for the
    long inputs of video is a large part of the training memory.
    """

    weight: Tensor
    bias: Tensor
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, num_features: int, *, eps: float = 1e-5) -> None:
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.register_buffer("weight", torch.ones(num_features))
        self.register_buffer("bias", torch.zeros(num_features))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))

    def forward(self, x: Tensor) -> Tensor:
        """x (B, C, T, H, W) -> the same shape, type and memory format."""
        scale = self.weight * torch.rsqrt(self.running_var + self.eps)
        shift = self.bias - self.running_mean * scale
        shape = (1, -1, 1, 1, 1)
        # Without the cast, half-precision activations would leave as float32 and double the memory.
        return torch.addcmul(shift.to(x.dtype).view(shape), x, scale.to(x.dtype).view(shape))

    def extra_repr(self) -> str:
        return f"{self.num_features}, eps={self.eps}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NormSpec:
    """A norm before its number of channels is known. momentum: weight of a new batch in the running statistics."""

    kind: NormKind = "batchnorm"
    eps: float = 1e-5
    momentum: float = 0.1

    @classmethod
    def from_cfg(cls, cfg: CfgNode) -> NormSpec:
        return cls(kind=cfg.BN.NORM_TYPE, eps=cfg.BN.EPSILON, momentum=cfg.BN.MOMENTUM)

    def build(self, channels: int) -> nn.Module:
        """The norm for (B, channels, T, H, W). `sync_batchnorm` needs GPUs once there are several processes."""
        if self.kind == "frozen_batchnorm":
            return FrozenBatchNorm3d(channels, eps=self.eps)
        batch_norm = nn.SyncBatchNorm if self.kind == "sync_batchnorm" else nn.BatchNorm3d
        return batch_norm(channels, eps=self.eps, momentum=self.momentum)
