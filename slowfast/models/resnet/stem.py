"""The first layer of a pathway."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from slowfast.models.layers.norm import NormSpec


class ResNetStem(nn.Module):
    """A T x 7 x 7 convolution and a 1 x 3 x 3 max pooling; each halves height and width, neither touches the frame rate.

    pads_pool: whether the pooling pads the picture.
    """

    norms_of: ClassVar = {"conv": "bn"}

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        temporal_kernel: int,
        norm: NormSpec,
        inplace_relu: bool,
        pads_pool: bool = True,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv3d(
            in_channels,
            out_channels,
            (temporal_kernel, 7, 7),
            stride=(1, 2, 2),
            padding=(temporal_kernel // 2, 3, 3),
            bias=False,
        )
        self.bn = norm.build(out_channels)
        self.relu = nn.ReLU(inplace_relu)
        self.pool_layer = nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1) if pads_pool else 0)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, C, T, H, W) -> (B, C', T, H/4, W/4), sizes rounded up; one less without padding."""
        out: Tensor = self.pool_layer(self.relu(self.bn(self.conv(x))))
        return out
