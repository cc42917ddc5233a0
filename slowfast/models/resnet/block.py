"""Residual blocks with a temporal kernel (He et al., arXiv:1512.03385; Feichtenhofer et al., arXiv:1812.03982, table 1)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from torch import Tensor, nn

from slowfast.models.layers.norm import NormSpec

Transform = Literal["bottleneck_transform", "basic_transform"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockStyle:
    """What all blocks of a network share. stride_in_1x1: a bottleneck strides in its first convolution, not in its second.
    norms_strided_shortcuts: whether shortcuts that stride but keep their width have a norm; those that widen always have."""

    transform: Transform = "bottleneck_transform"
    groups: int = 1
    stride_in_1x1: bool = False
    inplace_relu: bool = True
    norms_strided_shortcuts: bool = True
    norm: NormSpec = field(default_factory=NormSpec)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockSpec:
    """One block. inner_channels: width of a bottleneck. stride and dilation are spatial; time is never strided."""

    in_channels: int
    out_channels: int
    inner_channels: int
    temporal_kernel: int = 1
    stride: int = 1
    dilation: int = 1
    style: BlockStyle = field(default_factory=BlockStyle)


class Bottleneck(nn.Module):
    """T x 1 x 1, 1 x 3 x 3, 1 x 1 x 1, each with its norm."""

    norms_of: ClassVar = {"a": "a_bn", "b": "b_bn", "c": "c_bn"}

    def __init__(self, spec: BlockSpec) -> None:
        super().__init__()
        style, inner = spec.style, spec.inner_channels
        stride_a, stride_b = (spec.stride, 1) if style.stride_in_1x1 else (1, spec.stride)
        self.a = nn.Conv3d(
            spec.in_channels,
            inner,
            (spec.temporal_kernel, 1, 1),
            stride=(1, stride_a, stride_a),
            padding=(spec.temporal_kernel // 2, 0, 0),
            bias=False,
        )
        self.a_bn = style.norm.build(inner)
        self.a_relu = nn.ReLU(style.inplace_relu)
        self.b = nn.Conv3d(
            inner,
            inner,
            (1, 3, 3),
            stride=(1, stride_b, stride_b),
            padding=(0, spec.dilation, spec.dilation),
            dilation=(1, spec.dilation, spec.dilation),
            groups=style.groups,
            bias=False,
        )
        self.b_bn = style.norm.build(inner)
        self.b_relu = nn.ReLU(style.inplace_relu)
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
        x = self.b_relu(self.b_bn(self.b(x)))
        out: Tensor = self.c_bn(self.c(x))
        return out


class BasicTransform(nn.Module):
    """T x 3 x 3, 1 x 3 x 3, each with its norm; both as wide as the block's output."""

    norms_of: ClassVar = {"a": "a_bn", "b": "b_bn"}

    def __init__(self, spec: BlockSpec) -> None:
        super().__init__()
        style = spec.style
        self.a = nn.Conv3d(
            spec.in_channels,
            spec.out_channels,
            (spec.temporal_kernel, 3, 3),
            stride=(1, spec.stride, spec.stride),
            padding=(spec.temporal_kernel // 2, 1, 1),
            bias=False,
        )
        self.a_bn = style.norm.build(spec.out_channels)
        self.a_relu = nn.ReLU(style.inplace_relu)
        self.b = nn.Conv3d(spec.out_channels, spec.out_channels, (1, 3, 3), padding=(0, 1, 1), bias=False)
        self.b_bn = style.norm.build(spec.out_channels)

    @property
    def final_conv(self) -> nn.Module:
        return self.b

    @property
    def final_norm(self) -> nn.Module:
        return self.b_bn

    def forward(self, x: Tensor) -> Tensor:
        x = self.a_relu(self.a_bn(self.a(x)))
        out: Tensor = self.b_bn(self.b(x))
        return out


class ResBlock(nn.Module):
    """relu(branch1(x) + branch2(x)); branch1 is a projection where the shape changes and the identity elsewhere.

    branch2: a residual function of the caller's own, in place of the one that the style names.
    """

    norms_of: ClassVar = {"branch1": "branch1_bn"}

    def __init__(self, spec: BlockSpec, branch2: nn.Module | None = None) -> None:
        super().__init__()
        self.projects = spec.in_channels != spec.out_channels or spec.stride != 1
        if self.projects:
            stride = (1, spec.stride, spec.stride)
            self.branch1 = nn.Conv3d(spec.in_channels, spec.out_channels, 1, stride=stride, bias=False)
            normed = spec.style.norms_strided_shortcuts or spec.in_channels != spec.out_channels
            self.branch1_bn: nn.Module = spec.style.norm.build(spec.out_channels) if normed else nn.Identity()
        self.branch2 = _transform(spec) if branch2 is None else branch2
        self.relu = nn.ReLU(spec.style.inplace_relu)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, C, T, H, W) -> (B, C', T, H/stride, W/stride), sizes rounded up."""
        shortcut = self.branch1_bn(self.branch1(x)) if self.projects else x
        out: Tensor = self.relu(shortcut + self.branch2(x))
        return out


def _transform(spec: BlockSpec) -> nn.Module:
    return Bottleneck(spec) if spec.style.transform == "bottleneck_transform" else BasicTransform(spec)
