"""Lateral connections of SlowFast networks (Feichtenhofer et al., arXiv:1812.03982, sec. 3.4, "time-strided convolution").

B batch, C slow channels, T slow frames, A alpha (fast frames for each slow one), D fast channels, R channel ratio.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from slowfast.models.layers.norm import NormSpec


class FuseFastToSlow(nn.Module):
    """Brings the Fast features to the Slow frame rate and appends them to the Slow channels; Fast itself passes unchanged."""

    def __init__(
        self, fast_channels: int, *, channel_ratio: int, kernel: int, alpha: int, norm: NormSpec, inplace_relu: bool
    ) -> None:
        super().__init__()
        fused = fast_channels * channel_ratio
        self.conv_f2s = nn.Conv3d(
            fast_channels, fused, (kernel, 1, 1), stride=(alpha, 1, 1), padding=(kernel // 2, 0, 0), bias=False
        )
        self.bn = norm.build(fused)
        self.relu = nn.ReLU(inplace_relu)

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """[slow (B, C, T, H, W), fast (B, D, A*T, H, W)] -> [(B, C + R*D, T, H, W), fast].

        Raises ValueError when the fast frames do not come to one for each slow frame.
        """
        slow, fast = features
        fused = self.relu(self.bn(self.conv_f2s(fast)))
        if fused.shape[2] != slow.shape[2]:
            raise ValueError(
                f"{fast.shape[2]} fast frames make {fused.shape[2]} at the slow frame rate, but the slow pathway has "
                f"{slow.shape[2]}; it wants SLOWFAST.ALPHA times fewer frames than the fast one"
            )
        return [torch.cat((slow, fused), 1), fast]
