"""Lateral connections of SlowFast networks (Feichtenhofer et al., arXiv:1812.03982, sec. 3.4, "time-strided convolution").

B batch, C slow channels, T slow frames, A alpha (fast frames for each slow one), D fast channels, R channel ratio.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from slowfast.models.layers.norm import NormSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class LateralSpec:
    """alpha: fast frames for each slow one. channel_ratio: channels made of each fast channel. kernel: frames it looks at.
    normalises, rectifies: whether a norm, and a rectifier, follow the convolution."""

    alpha: int
    channel_ratio: int
    kernel: int
    normalises: bool = True
    rectifies: bool = True


class FuseFastToSlow(nn.Module):
    """Brings the Fast features to the Slow frame rate and appends them to the Slow channels; Fast itself passes unchanged."""

    norms_of: ClassVar = {"conv_f2s": "bn"}

    def __init__(self, fast_channels: int, *, spec: LateralSpec, norm: NormSpec, inplace_relu: bool) -> None:
        super().__init__()
        fused = fast_channels * spec.channel_ratio
        self.conv_f2s = nn.Conv3d(
            fast_channels,
            fused,
            (spec.kernel, 1, 1),
            stride=(spec.alpha, 1, 1),
            padding=(spec.kernel // 2, 0, 0),
            bias=False,
        )
        self.bn: nn.Module = norm.build(fused) if spec.normalises else nn.Identity()
        self.relu: nn.Module = nn.ReLU(inplace_relu) if spec.rectifies else nn.Identity()

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """[slow (B, C, T, H, W), fast (B, D, A*T, H, W)] -> [(B, C + R*D, T, H, W), fast].

        Raises ValueError when the fast frames do not come to one for each slow frame.
        """
        slow, fast = features
        fused = self.fuse(slow, fast)
        if fused.shape[2] != slow.shape[2]:
            raise ValueError(
                f"{fast.shape[2]} fast frames make {fused.shape[2]} at the slow frame rate, but the slow pathway has "
                f"{slow.shape[2]}; it wants SLOWFAST.ALPHA times fewer frames than the fast one"
            )
        return [torch.cat((slow, fused), 1), fast]

    def fuse(self, slow: Tensor, fast: Tensor) -> Tensor:
        """The fast features at the slow frame rate, (B, R*D, T, H, W)."""
        fused: Tensor = self.relu(self.bn(self.conv_f2s(fast)))
        return fused
