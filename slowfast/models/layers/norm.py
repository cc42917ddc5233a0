"""Which norm follows a convolution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import nn

from slowfast.config import CfgNode
from slowfast.models.layers.frozen_batch_norm import FrozenBatchNorm3d

NormKind = Literal["batchnorm", "frozen_batchnorm", "sync_batchnorm"]


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
