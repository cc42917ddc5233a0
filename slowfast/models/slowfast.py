"""SlowFast networks (Feichtenhofer et al., arXiv:1812.03982).

Two pathways read the same clip: Slow sees few frames with many channels, Fast sees alpha times as many frames with beta_inv
times fewer channels. After the stem and each stage but the last, Fast features are handed over to Slow.
"""

from __future__ import annotations

from torch import nn

from slowfast.config import CfgNode, ConfigError
from slowfast.models.heads import HeadSpec
from slowfast.models.init import InitSpec
from slowfast.models.layers.pathway_chains import PathwayChains
from slowfast.models.resnet.lateral import FuseFastToSlow, LateralSpec
from slowfast.models.resnet.pathway import PathwayShape, PathwaySpec
from slowfast.models.resnet.stage import build_stage
from slowfast.models.roi_head import RoIHeadSpec, head_from_cfg
from slowfast.models.staged_network import StagedNetwork
from slowfast.registry import MODELS

SLOW_KERNELS = ((1,), (1,), (1,), (3,), (3,))
FAST_KERNELS = ((5,), (3,), (3,), (3,), (3,))
"""Temporal kernels of the stem and of res2 to res5 (table 1)."""


@MODELS.register("SlowFast")
class SlowFast(StagedNetwork):
    """crop: side of the pictures that the head is built for."""

    num_pathways = 2

    def __init__(
        self,
        *,
        slow: PathwaySpec,
        fast: PathwaySpec,
        lateral: LateralSpec,
        crop: int,
        head: HeadSpec | RoIHeadSpec,
        init: InitSpec,
    ) -> None:

        def fuse(fast_channels: int) -> FuseFastToSlow:
            return FuseFastToSlow(fast_channels, spec=lateral, norm=fast.style.norm, inplace_relu=fast.style.inplace_relu)

        pathways = (slow, fast)
        parts: dict[str, nn.Module] = {
            "s1": PathwayChains([{"stem": pathway.build_stem()} for pathway in pathways]),
            "s1_fuse": fuse(fast.stem_channels),
        }
        for number, stages in enumerate(zip(slow.stages, fast.stages, strict=True), 2):
            parts[f"s{number}"] = build_stage(stages)
            if number < 5:  # behind the last stage the head joins the pathways
                parts[f"s{number}_fuse"] = fuse(stages[1].out_channels)
        super().__init__(
            parts,
            head=head.build(
                channels=[pathway.out_channels for pathway in pathways],
                windows=[pathway.map_size(crop) for pathway in pathways],
            ),
            init=init,
        )

    @classmethod
    def from_cfg(cls, cfg: CfgNode) -> SlowFast:
        """Raises ConfigError for an unknown variant and for options that do not fit."""
        if cfg.MODEL.ARCH != "slowfast":
            raise ConfigError(
                key="MODEL.ARCH", value=cfg.MODEL.ARCH, why="the model SlowFast has no such variant", right="slowfast"
            )
        width, beta_inv = cfg.RESNET.WIDTH_PER_GROUP, cfg.SLOWFAST.BETA_INV
        inner_width = width * cfg.RESNET.NUM_GROUPS
        slow_shape = PathwayShape(
            number=0,
            num_pathways=2,
            temporal_kernels=SLOW_KERNELS,
            width=width,
            inner_width=inner_width,
            lateral_width=width // beta_inv * cfg.SLOWFAST.FUSION_CONV_CHANNEL_RATIO,
        )
        fast_shape = PathwayShape(
            number=1,
            num_pathways=2,
            temporal_kernels=FAST_KERNELS,
            width=width // beta_inv,
            inner_width=inner_width // beta_inv,
        )
        slow, fast = PathwaySpec.from_cfg(cfg, slow_shape), PathwaySpec.from_cfg(cfg, fast_shape)
        return cls(
            slow=slow,
            fast=fast,
            lateral=LateralSpec(
                alpha=cfg.SLOWFAST.ALPHA,
                channel_ratio=cfg.SLOWFAST.FUSION_CONV_CHANNEL_RATIO,
                kernel=cfg.SLOWFAST.FUSION_KERNEL_SZ,
                normalises=cfg.SLOWFAST.FUSION_BN,
                rectifies=cfg.SLOWFAST.FUSION_RELU,
            ),
            crop=cfg.DATA.TRAIN_CROP_SIZE,
            head=head_from_cfg(cfg, [slow, fast]),
            init=InitSpec.from_cfg(cfg),
        )
