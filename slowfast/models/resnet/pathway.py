"""What one pathway of a ResNet looks like, from stem to last stage, and how the config says so."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from slowfast.config import CfgNode, ConfigError
from slowfast.models.layers.nonlocal_block import NonLocalSpec
from slowfast.models.layers.norm import NormSpec
from slowfast.models.resnet.block import BlockStyle
from slowfast.models.resnet.stage import StageSpec
from slowfast.models.resnet.stem import ResNetStem

STAGE_BLOCKS = {18: (2, 2, 2, 2), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
"""Blocks of each stage, by depth (He et al., table 1)."""

STEM_STRIDE = 4

EXPANSION = 4
"""Output channels of a stage for each channel of the stem's width; the same for both kinds of block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PathwayShape:
    """Which pathway of how many, and what sets it apart from the others.

    temporal_kernels: for the stem and each of the four stages, kernels that its blocks take in turns.
    width: channels of the stem. inner_width: channels inside the first stage's bottlenecks.
    lateral_width: channels that the stem's lateral connection adds; it grows from stage to stage as the width does.
    """

    number: int
    num_pathways: int
    temporal_kernels: Sequence[Sequence[int]]
    width: int
    inner_width: int
    lateral_width: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PathwaySpec:
    """One pathway. stages: res2 to res5."""

    input_channels: int
    stem_channels: int
    stem_kernel: int
    pads_stem_pool: bool
    style: BlockStyle
    stages: tuple[StageSpec, ...]

    @classmethod
    def from_cfg(cls, cfg: CfgNode, shape: PathwayShape) -> PathwaySpec:
        """Raises ConfigError for options that do not fit the pathway."""
        style = BlockStyle(
            transform=cfg.RESNET.TRANS_FUNC,
            groups=cfg.RESNET.NUM_GROUPS,
            stride_in_1x1=cfg.RESNET.STRIDE_1X1,
            inplace_relu=cfg.RESNET.INPLACE_RELU,
            norm=NormSpec.from_cfg(cfg),
        )
        return cls(
            input_channels=_of_pathway(cfg.DATA.INPUT_CHANNEL_NUM, "DATA.INPUT_CHANNEL_NUM", shape),
            stem_channels=shape.width,
            stem_kernel=shape.temporal_kernels[0][0],
            pads_stem_pool=cfg.RESNET.STEM_POOL_PAD,
            style=style,
            stages=tuple(_stage_from_cfg(cfg, stage, shape, style) for stage in range(4)),
        )

    @property
    def out_channels(self) -> int:
        return self.stages[-1].out_channels

    @property
    def stride(self) -> int:
        """Pixels of the input, on each side, for each cell of the last stage's map."""
        return STEM_STRIDE * math.prod(stage.stride for stage in self.stages)

    def build_stem(self) -> nn.Module:
        return ResNetStem(
            self.input_channels,
            self.stem_channels,
            temporal_kernel=self.stem_kernel,
            norm=self.style.norm,
            inplace_relu=self.style.inplace_relu,
            pads_pool=self.pads_stem_pool,
        )

    def map_size(self, crop: int) -> int:
        """Side of the last stage's map for a square input: every stride rounds up, as what is padded does."""
        crop = -(-crop // 2)
        crop = -(-crop // 2) if self.pads_stem_pool else (crop - 1) // 2
        for stage in self.stages:
            crop = -(-crop // stage.stride)
        return crop


def _stage_from_cfg(cfg: CfgNode, stage: int, shape: PathwayShape, style: BlockStyle) -> StageSpec:
    def option(key: str) -> Any:
        section, _, name = key.partition(".")
        return _of_pathway(cfg[section][name][stage], key, shape)

    num_blocks = STAGE_BLOCKS[cfg.RESNET.DEPTH][stage]
    growth = 2**stage
    locations = option("NONLOCAL.LOCATION")
    if any(not 0 <= block < num_blocks for block in locations):
        raise ConfigError(
            key="NONLOCAL.LOCATION", value=cfg.NONLOCAL.LOCATION,
            why=f"stage {stage + 1} of 4 has {num_blocks} blocks", right=f"block numbers 0 to {num_blocks - 1}",
        )  # fmt: skip
    expanded = shape.width * EXPANSION * growth
    return StageSpec(
        in_channels=(shape.width + shape.lateral_width) * (EXPANSION * growth // 2 if stage else 1),
        out_channels=expanded,
        inner_channels=shape.inner_width * growth,
        temporal_kernels=_block_kernels(cfg, stage, shape, option("RESNET.NUM_BLOCK_TEMP_KERNEL"), num_blocks),
        stride=option("RESNET.SPATIAL_STRIDES"),
        dilation=option("RESNET.SPATIAL_DILATIONS"),
        style=style,
        nonlocal_after=frozenset(locations),
        nonlocal_spec=NonLocalSpec(
            instantiation=cfg.NONLOCAL.INSTANTIATION,
            pool=tuple(option("NONLOCAL.POOL")),
            groups=option("NONLOCAL.GROUP"),
            normalises=cfg.NONLOCAL.USE_BN,
        ),
    )


def _block_kernels(cfg: CfgNode, stage: int, shape: PathwayShape, num_temporal: int, num_blocks: int) -> tuple[int, ...]:
    """The stage's kernels in turns for the first `num_temporal` blocks, 1 for the rest."""
    if not 0 <= num_temporal <= num_blocks:
        raise ConfigError(
            key="RESNET.NUM_BLOCK_TEMP_KERNEL", value=cfg.RESNET.NUM_BLOCK_TEMP_KERNEL,
            why=f"stage {stage + 1} of 4 has {num_blocks} blocks at depth {cfg.RESNET.DEPTH}, not {num_temporal}",
            right=str([[blocks] for blocks in STAGE_BLOCKS[cfg.RESNET.DEPTH]]),
        )  # fmt: skip
    pattern = shape.temporal_kernels[stage + 1]
    return tuple(pattern[block % len(pattern)] if block < num_temporal else 1 for block in range(num_blocks))


def _of_pathway(values: list[Any], key: str, shape: PathwayShape) -> Any:
    """The entry of a pathway. A single entry serves all pathways; the defaults of some options have one to spare."""
    if len(values) == 1:
        return values[0]
    spare = key in ("DATA.INPUT_CHANNEL_NUM", "NONLOCAL.POOL") and len(values) > shape.num_pathways
    if len(values) != shape.num_pathways and not spare:
        raise ConfigError(
            key=key, value=values,
            why=f"{len(values)} entries for {shape.num_pathways} pathways", right="one entry a pathway, or one for all",
        )  # fmt: skip
    return values[shape.number]
