"""RegNets inflated over time: RegNet3D of progressive training (Pang et al., arXiv:2103.11313).

The 2-D networks are those of Radosavovic et al. (arXiv:2003.13678): a stem and four stages of bottlenecks whose 3x3
convolutions work in groups; RegNetY squeezes and excites them as well. Over time, the first convolution of every block of
the last two stages sees three frames.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from slowfast.config import CfgNode, ConfigError
from slowfast.models.heads import HeadSpec
from slowfast.models.init import InitSpec
from slowfast.models.layers.nonlocal_block import refuse_nonlocal_blocks
from slowfast.models.layers.norm import NormSpec
from slowfast.models.layers.pathway_chains import PathwayChains
from slowfast.models.layers.squeeze_excite import SqueezeExcite
from slowfast.models.resnet.block import BlockSpec, BlockStyle, Bottleneck, ResBlock
from slowfast.models.staged_network import StagedNetwork
from slowfast.registry import MODELS

NUM_STRIDES = 5
"""Stem and stages halve the picture once each."""

STEM_CHANNELS = 32

SQUEEZE_RATIO = 1 / 4
"""Channels between the two layers of squeeze and excitation, for each channel of the block's input."""

TEMPORAL_KERNELS = (1, 1, 3, 3)
"""Of the first convolution of the blocks, by stage."""


@dataclass(frozen=True, slots=True)
class RegNetSize:
    """Blocks and channels of the four stages, and channels of one group; a stage narrower than that is one group."""

    depths: tuple[int, int, int, int]
    widths: tuple[int, int, int, int]
    group_width: int
    squeezes: bool = False


SIZES = {
    "200M": RegNetSize((1, 1, 4, 7), (24, 56, 152, 368), 8),
    "400M": RegNetSize((1, 2, 7, 12), (32, 64, 160, 384), 16),
    "800M": RegNetSize((1, 3, 7, 5), (64, 128, 288, 672), 16),
    "1.6G": RegNetSize((2, 4, 10, 2), (72, 168, 408, 912), 24),
    "4G": RegNetSize((2, 5, 14, 2), (80, 240, 560, 1360), 40),
    "8G": RegNetSize((2, 5, 15, 1), (80, 240, 720, 1920), 120),
    "Y-400M": RegNetSize((1, 3, 6, 6), (48, 104, 208, 440), 8, squeezes=True),
    "Y-1.6G": RegNetSize((2, 6, 17, 2), (48, 120, 336, 888), 24, squeezes=True),
}
"""By multiply-adds of the 2-D network, as the paper lists its best models; names without a letter are RegNetX."""


def size_from_cfg(cfg: CfgNode) -> RegNetSize:
    """Raises ConfigError for a size that is not in the table."""
    name = cfg.REGNET.DEPTH.removeprefix("X-")
    if name not in SIZES:
        raise ConfigError(
            key="REGNET.DEPTH",
            value=cfg.REGNET.DEPTH,
            why="no RegNet of that size is known",
            right=f"one of {', '.join(SIZES)}",
        )
    return SIZES[name]


class RegNetStem(nn.Module):
    """A 1 x 3 x 3 convolution that halves height and width."""

    norms_of: ClassVar = {"conv": "bn"}

    def __init__(self, in_channels: int, *, norm: NormSpec, inplace_relu: bool) -> None:
        super().__init__()
        self.conv = nn.Conv3d(in_channels, STEM_CHANNELS, (1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1), bias=False)
        self.bn = norm.build(STEM_CHANNELS)
        self.relu = nn.ReLU(inplace_relu)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, C, T, H, W) -> (B, C', T, H/2, W/2), sizes rounded up."""
        out: Tensor = self.relu(self.bn(self.conv(x)))
        return out


class SqueezedBottleneck(Bottleneck):
    """The bottleneck of RegNetY: squeeze and excitation in front of its last convolution."""

    norms_of: ClassVar = {"a": "a_bn", "b": "b_bn", "c": "c_bn"}

    def __init__(self, spec: BlockSpec) -> None:
        super().__init__(spec)
        self.se = SqueezeExcite(spec.inner_channels, round(spec.in_channels * SQUEEZE_RATIO))

    def forward(self, x: Tensor) -> Tensor:
        x = self.a_relu(self.a_bn(self.a(x)))
        x = self.se(self.b_relu(self.b_bn(self.b(x))))
        out: Tensor = self.c_bn(self.c(x))
        return out


@MODELS.register("RegNet3D")
class RegNet3D(StagedNetwork):
    """crop: side of the pictures that the head is built for."""

    def __init__(
        self,
        size: RegNetSize,
        *,
        input_channels: int,
        norm: NormSpec,
        inplace_relu: bool,
        crop: int,
        head: HeadSpec,
        init: InitSpec,
    ) -> None:
        parts: dict[str, nn.Module] = {
            "s1": PathwayChains([{"stem": RegNetStem(input_channels, norm=norm, inplace_relu=inplace_relu)}])
        }
        for stage in range(len(size.depths)):
            parts[f"s{stage + 2}"] = _stage(size, stage, norm=norm, inplace_relu=inplace_relu)
        super().__init__(
            parts, head=head.build(channels=[size.widths[-1]], windows=[math.ceil(crop / 2**NUM_STRIDES)]), init=init
        )

    @classmethod
    def from_cfg(cls, cfg: CfgNode) -> RegNet3D:
        """Raises ConfigError for an unknown variant or size."""
        if cfg.MODEL.ARCH != "regnet3d":
            raise ConfigError(
                key="MODEL.ARCH", value=cfg.MODEL.ARCH, why="the model RegNet3D has no such variant", right="regnet3d"
            )
        refuse_nonlocal_blocks(cfg)
        return cls(
            size_from_cfg(cfg),
            input_channels=cfg.DATA.INPUT_CHANNEL_NUM[0],
            norm=NormSpec.from_cfg(cfg),
            inplace_relu=cfg.RESNET.INPLACE_RELU,
            crop=cfg.DATA.TRAIN_CROP_SIZE,
            head=HeadSpec.from_cfg(cfg),
            init=InitSpec.from_cfg(cfg),
        )


def _stage(size: RegNetSize, stage: int, *, norm: NormSpec, inplace_relu: bool) -> PathwayChains:
    width = size.widths[stage]
    style = BlockStyle(groups=max(1, width // size.group_width), inplace_relu=inplace_relu, norm=norm)
    blocks: dict[str, nn.Module] = {}
    for index in range(size.depths[stage]):
        spec = BlockSpec(
            in_channels=width if index else (size.widths[stage - 1] if stage else STEM_CHANNELS),
            out_channels=width,
            inner_channels=width,
            temporal_kernel=TEMPORAL_KERNELS[stage],
            stride=1 if index else 2,
            style=style,
        )
        blocks[f"res{index}"] = ResBlock(spec, SqueezedBottleneck(spec) if size.squeezes else Bottleneck(spec))
    return PathwayChains([blocks])
