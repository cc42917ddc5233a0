"""SlowFast networks (Feichtenhofer et al., arXiv:1812.03982).

Two pathways read the same clip: Slow sees few frames with many channels, Fast sees alpha times as many frames with beta_inv
times fewer channels. After the stem and each stage but the last, Fast features are handed over to Slow.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from slowfast.config import CfgNode, ConfigError
from slowfast.models.heads import HeadSpec
from slowfast.models.init import InitSpec, init_weights
from slowfast.models.layers.pathway_chains import PathwayChains
from slowfast.models.resnet.lateral import FuseFastToSlow, LateralSpec
from slowfast.models.resnet.pathway import PathwayShape, PathwaySpec
from slowfast.models.resnet.stage import build_stage
from slowfast.models.roi_head import RoIHeadSpec, head_from_cfg
from slowfast.registry import MODELS

SLOW_KERNELS = ((1,), (1,), (1,), (3,), (3,))
FAST_KERNELS = ((5,), (3,), (3,), (3,), (3,))
"""Temporal kernels of the stem and of res2 to res5 (table 1)."""


@MODELS.register("SlowFast")
class SlowFast(nn.Module):
    """crop: side of the pictures that the head is built for."""

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
        super().__init__()

        def fuse(fast_channels: int) -> FuseFastToSlow:
            return FuseFastToSlow(fast_channels, spec=lateral, norm=fast.style.norm, inplace_relu=fast.style.inplace_relu)

        pathways = (slow, fast)
        self.s1 = PathwayChains([{"stem": pathway.build_stem()} for pathway in pathways])
        self.s1_fuse = fuse(fast.stem_channels)
        self.s2 = build_stage([pathway.stages[0] for pathway in pathways])
        self.s2_fuse = fuse(fast.stages[0].out_channels)
        self.s3 = build_stage([pathway.stages[1] for pathway in pathways])
        self.s3_fuse = fuse(fast.stages[1].out_channels)
        self.s4 = build_stage([pathway.stages[2] for pathway in pathways])
        self.s4_fuse = fuse(fast.stages[2].out_channels)
        self.s5 = build_stage([pathway.stages[3] for pathway in pathways])
        self.head = head.build(
            channels=[pathway.out_channels for pathway in pathways],
            windows=[pathway.map_size(crop) for pathway in pathways],
        )
        init_weights(self, init)

    @staticmethod
    def temporal_stride(cfg: CfgNode) -> int:
        return 1

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

    def forward(self, inputs: Sequence[Tensor], *rois: Tensor) -> Tensor:
        """inputs: slow (B, C, T, H, W) and fast (B, C, alpha * T, H, W), float -> (B, K).

        Logits in training, activated and averaged scores in evaluation. For detection with the boxes besides, (R, 5) -> (R, K);
        see `RoIHead`.
        """
        if len(inputs) != 2:
            raise ValueError(f"this network reads two pathways, slow and fast, but was given {len(inputs)}")
        x = self.s1_fuse(self.s1(inputs))
        x = self.s2_fuse(self.s2(x))
        x = self.s3_fuse(self.s3(x))
        x = self.s4_fuse(self.s4(x))
        scores: Tensor = self.head(self.s5(x), *rois)
        return scores
