"""The parts of X3D that other networks do not have: stem, residual function and head (arXiv:2004.04730)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from slowfast.models.heads import HeadSpec, PositionHead
from slowfast.models.layers.norm import NormSpec
from slowfast.models.layers.pools import SpatialPool, TemporalPool
from slowfast.models.layers.squeeze_excite import SqueezeExcite
from slowfast.models.resnet.block import BlockSpec

SQUEEZE_RATIO = 1 / 16
"""Channels between the two layers of squeeze and excitation, for each channel that they scale."""


def round_width(channels: int, factor: float) -> int:
    """The multiple of 8 next to channels * factor; at least 8, and the one above where that would lose more than a tenth."""
    wanted = channels * factor
    rounded = max(8, int(wanted + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * wanted else rounded


class X3DStem(nn.Module):
    """A 1 x 3 x 3 convolution that halves height and width, then a 5 x 1 x 1 one on each channel by itself."""

    norms_of: ClassVar = {"conv": "bn"}

    def __init__(self, in_channels: int, out_channels: int, *, norm: NormSpec, inplace_relu: bool) -> None:
        super().__init__()
        self.conv_xy = nn.Conv3d(in_channels, out_channels, (1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1), bias=False)
        self.conv = nn.Conv3d(out_channels, out_channels, (5, 1, 1), padding=(2, 0, 0), groups=out_channels, bias=False)
        self.bn = norm.build(out_channels)
        self.relu = nn.ReLU(inplace_relu)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, C, T, H, W) -> (B, C', T, H/2, W/2), sizes rounded up."""
        out: Tensor = self.relu(self.bn(self.conv(self.conv_xy(x))))
        return out


class X3DTransform(nn.Module):
    """1 x 1 x 1, T x 3 x 3 in groups, 1 x 1 x 1, each with its norm; the middle one is squeezed and excited where asked."""

    norms_of: ClassVar = {"a": "a_bn", "b": "b_bn", "c": "c_bn"}

    def __init__(self, spec: BlockSpec, *, squeezes: bool) -> None:
        super().__init__()
        style, inner = spec.style, spec.inner_channels
        self.a = nn.Conv3d(spec.in_channels, inner, 1, bias=False)
        self.a_bn = style.norm.build(inner)
        self.a_relu = nn.ReLU(style.inplace_relu)
        self.b = nn.Conv3d(
            inner,
            inner,
            (spec.temporal_kernel, 3, 3),
            stride=(1, spec.stride, spec.stride),
            padding=(spec.temporal_kernel // 2, 1, 1),
            groups=style.groups,
            bias=False,
        )
        self.b_bn = style.norm.build(inner)
        self.se: nn.Module = SqueezeExcite(inner, round_width(inner, SQUEEZE_RATIO)) if squeezes else nn.Identity()
        self.b_swish = nn.SiLU()
        self.c = nn.Conv3d(inner, spec.out_channels, 1, bias=False)
        self.c_bn = style.norm.build(spec.out_channels)

    @property
    def final_conv(self) -> nn.Module:
        return self.c

    @property
    def final_norm(self) -> nn.Module:
        return self.c_bn

    def forward(self, x: Tensor) -> Tensor:
        x = self.a_relu(self.a_bn(self.a(x)))
        x = self.b_swish(self.se(self.b_bn(self.b(x))))
        out: Tensor = self.c_bn(self.c(x))
        return out


@dataclass(frozen=True, slots=True, kw_only=True)
class X3DHeadSpec:
    """features: channels that the classifier reads. normalises_features: whether they pass a norm first."""

    head: HeadSpec
    features: int
    normalises_features: bool = False


class X3DHead(PositionHead):
    """Widens the features, pools them, widens them again and classifies what is left.

    channels: of the last stage. pooled_channels: at the pooling. window: side of the last map for the crop of the training.
    """

    norms_of: ClassVar = {"conv_5": "conv_5_bn", "lin_5": "lin_5_bn"}

    def __init__(self, channels: int, pooled_channels: int, *, window: int, spec: X3DHeadSpec, norm: NormSpec) -> None:
        head = spec.head
        super().__init__(head.activation)
        self.conv_5 = nn.Conv3d(channels, pooled_channels, 1, bias=False)
        self.conv_5_bn = norm.build(pooled_channels)
        self.spatial_pool = SpatialPool(mode=head.spatial_pool, window=window)
        self.temporal_pool = TemporalPool(mode=head.temporal_pool, pathway=0)
        self.lin_5 = nn.Conv3d(pooled_channels, spec.features, 1, bias=False)
        self.lin_5_bn: nn.Module = norm.build(spec.features) if spec.normalises_features else nn.Identity()
        self.dropout = nn.Dropout(head.dropout)
        self.detaches = head.detaches
        self.projection = nn.Linear(spec.features, head.num_classes)

    def position_logits(self, features: Sequence[Tensor]) -> Tensor:
        x = F.relu(self.conv_5_bn(self.conv_5(features[0])))
        x = self.temporal_pool(self.spatial_pool(x))
        x = F.relu(self.lin_5_bn(self.lin_5(x)))
        x = x.detach() if self.detaches else x
        logits: Tensor = self.projection(self.dropout(x.permute(0, 2, 3, 4, 1)))
        return logits
