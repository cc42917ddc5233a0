"""X3D, a small picture network grown step by step into time, depth and width (Feichtenhofer, arXiv:2004.04730, table 1)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from slowfast.config import CfgNode, ConfigError
from slowfast.models.heads import HeadSpec
from slowfast.models.init import InitSpec
from slowfast.models.layers.nonlocal_block import refuse_nonlocal_blocks
from slowfast.models.layers.norm import NormSpec
from slowfast.models.layers.pathway_chains import PathwayChains
from slowfast.models.resnet.block import BlockSpec, BlockStyle, ResBlock
from slowfast.models.staged_network import StagedNetwork
from slowfast.models.x3d_parts import X3DHead, X3DHeadSpec, X3DStem, X3DTransform, round_width
from slowfast.registry import MODELS

BASE_BLOCKS = (1, 2, 5, 3)
"""Blocks of res2 to res5 before expansion (table 1 of the paper)."""

NUM_STRIDES = 5
"""Stem and stages halve the picture once each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class X3DStage:
    """One stage. inner_channels: width between the blocks' 1x1x1 convolutions. groups: of the 3x3x3 convolutions.
    norms_strided_shortcuts: see BlockStyle."""

    num_blocks: int
    channels: int
    inner_channels: int
    groups: int
    norms_strided_shortcuts: bool = True

    @classmethod
    def from_cfg(cls, cfg: CfgNode, stage: int, base_channels: int, *, norms_strided_shortcuts: bool) -> X3DStage:
        channels = round_width(base_channels, cfg.X3D.WIDTH_FACTOR)
        inner = int(cfg.X3D.BOTTLENECK_FACTOR * channels)
        groups = inner if cfg.X3D.CHANNELWISE_3x3x3 else cfg.RESNET.NUM_GROUPS
        if inner == 0 or inner % groups:
            raise ConfigError(
                key="X3D.BOTTLENECK_FACTOR", value=cfg.X3D.BOTTLENECK_FACTOR,
                why=f"makes {inner} channels in res{stage + 2}, not a multiple of {groups or 1} groups",
                right="a factor that gives one",
            )  # fmt: skip
        num_blocks = math.ceil(cfg.X3D.DEPTH_FACTOR * BASE_BLOCKS[stage])
        return cls(
            num_blocks=num_blocks,
            channels=channels,
            inner_channels=inner,
            groups=groups,
            norms_strided_shortcuts=norms_strided_shortcuts,
        )

    def build(self, in_channels: int, *, norm: NormSpec, inplace_relu: bool) -> PathwayChains:
        """Every other block, from the first on, squeezes and excites."""
        blocks: dict[str, nn.Module] = {}
        for index in range(self.num_blocks):
            spec = BlockSpec(
                in_channels=self.channels if index else in_channels,
                out_channels=self.channels,
                inner_channels=self.inner_channels,
                temporal_kernel=3,
                stride=1 if index else 2,
                style=BlockStyle(
                    groups=self.groups,
                    inplace_relu=inplace_relu,
                    norms_strided_shortcuts=self.norms_strided_shortcuts,
                    norm=norm,
                ),
            )
            blocks[f"res{index}"] = ResBlock(spec, X3DTransform(spec, squeezes=index % 2 == 0))
        return PathwayChains([blocks])


@MODELS.register("X3D")
class X3D(StagedNetwork):
    """stem: its channels of input and output. stages: res2 to res5. crop: side of the pictures that the head is built for."""

    norms_strided_shortcuts = True

    def __init__(
        self,
        *,
        stem: tuple[int, int],
        stages: Sequence[X3DStage],
        norm: NormSpec,
        inplace_relu: bool,
        crop: int,
        head: X3DHeadSpec,
        init: InitSpec,
    ) -> None:
        parts: dict[str, nn.Module] = {"s1": PathwayChains([{"stem": X3DStem(*stem, norm=norm, inplace_relu=inplace_relu)}])}
        channels = stem[1]
        for number, stage in enumerate(stages, 2):
            parts[f"s{number}"] = stage.build(channels, norm=norm, inplace_relu=inplace_relu)
            channels = stage.channels
        window = math.ceil(crop / 2**NUM_STRIDES)
        super().__init__(
            parts, head=X3DHead(channels, stages[-1].inner_channels, window=window, spec=head, norm=norm), init=init
        )

    @classmethod
    def from_cfg(cls, cfg: CfgNode) -> X3D:
        """Raises ConfigError for an unknown variant and for options that do not fit."""
        if cfg.MODEL.ARCH != "x3d":
            raise ConfigError(key="MODEL.ARCH", value=cfg.MODEL.ARCH, why="the model X3D has no such variant", right="x3d")
        refuse_nonlocal_blocks(cfg)
        stem_channels = base = cfg.X3D.DIM_C1
        stages = []
        for stage in range(len(BASE_BLOCKS)):
            if stage or cfg.X3D.SCALE_RES2:
                base = round_width(base, 2)
            spec = X3DStage.from_cfg(cfg, stage, base, norms_strided_shortcuts=cls.norms_strided_shortcuts)
            stages.append(spec)
        return cls(
            stem=(cfg.DATA.INPUT_CHANNEL_NUM[0], round_width(stem_channels, cfg.X3D.WIDTH_FACTOR)),
            stages=stages,
            norm=NormSpec.from_cfg(cfg),
            inplace_relu=cfg.RESNET.INPLACE_RELU,
            crop=cfg.DATA.TRAIN_CROP_SIZE,
            head=X3DHeadSpec(head=HeadSpec.from_cfg(cfg), features=cfg.X3D.DIM_C5, normalises_features=cfg.X3D.BN_LIN5),
            init=InitSpec.from_cfg(cfg),
        )


@MODELS.register("PTVX3D")
class PytorchvideoX3D(X3D):
    """X3D as pytorchvideo builds it: shortcuts that stride but keep their width have no norm (48 parameters fewer in X3D-M)."""

    norms_strided_shortcuts = False
