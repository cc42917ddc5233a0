"""Video networks with one pathway: C2D, I3D and Slow.

C2D and I3D as in Wang et al. (arXiv:1711.07971, sec. 4 and table 1), Slow as in Feichtenhofer et al. (arXiv:1812.03982,
table 1). They are the same ResNet with other temporal kernels; C2D and I3D halve the frame rate behind res2.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from slowfast.config import CfgNode, ConfigError
from slowfast.models.heads import HeadSpec
from slowfast.models.init import InitSpec
from slowfast.models.layers.pathway_chains import PathwayChains
from slowfast.models.resnet.pathway import PathwayShape, PathwaySpec
from slowfast.models.resnet.stage import build_stage
from slowfast.models.roi_head import RoIHeadSpec, head_from_cfg
from slowfast.models.staged_network import StagedNetwork
from slowfast.registry import MODELS

TEMPORAL_KERNELS = {
    "c2d": ((1,), (1,), (1,), (1,), (1,)),
    "i3d": ((5,), (3,), (3, 1), (3, 1), (1, 3)),
    "slow": ((1,), (1,), (1,), (3,), (3,)),
}
TEMPORAL_KERNELS |= {f"{arch}_nopool": TEMPORAL_KERNELS[arch] for arch in ("c2d", "i3d")}
"""By variant, for the stem and res2 to res5: kernels that the blocks take in turns."""

TEMPORAL_POOL = {"c2d": 2, "i3d": 2}
"""Frames that become one between res2 and res3, where any do."""


@MODELS.register("ResNet")
class ResNet(StagedNetwork):
    """temporal_pool: frames that become one between res2 and res3. crop: side of the pictures that the head is built for."""

    pathway0_pool: nn.Module

    def __init__(
        self, pathway: PathwaySpec, *, temporal_pool: int, crop: int, head: HeadSpec | RoIHeadSpec, init: InitSpec
    ) -> None:
        pool = nn.MaxPool3d((temporal_pool, 1, 1), (temporal_pool, 1, 1)) if temporal_pool > 1 else nn.Identity()
        res2, res3, res4, res5 = (build_stage([stage]) for stage in pathway.stages)
        super().__init__(
            {
                "s1": PathwayChains([{"stem": pathway.build_stem()}]),
                "s2": res2,
                "pathway0_pool": pool,
                "s3": res3,
                "s4": res4,
                "s5": res5,
            },
            head=head.build(channels=[pathway.out_channels], windows=[pathway.map_size(crop)]),
            init=init,
        )

    @staticmethod
    def temporal_stride(cfg: CfgNode) -> int:
        return TEMPORAL_POOL.get(cfg.MODEL.ARCH, 1)

    @classmethod
    def from_cfg(cls, cfg: CfgNode) -> ResNet:
        """Raises ConfigError for an unknown variant and for options that do not fit it."""
        arch = cfg.MODEL.ARCH
        if arch not in TEMPORAL_KERNELS:
            raise ConfigError(
                key="MODEL.ARCH", value=arch,
                why="the model ResNet has no such variant", right=f"one of {', '.join(TEMPORAL_KERNELS)}",
            )  # fmt: skip
        shape = PathwayShape(
            number=0,
            num_pathways=1,
            temporal_kernels=TEMPORAL_KERNELS[arch],
            width=cfg.RESNET.WIDTH_PER_GROUP,
            inner_width=cfg.RESNET.WIDTH_PER_GROUP * cfg.RESNET.NUM_GROUPS,
        )
        pathway = PathwaySpec.from_cfg(cfg, shape)
        return cls(
            pathway,
            temporal_pool=TEMPORAL_POOL.get(arch, 1),
            crop=cfg.DATA.TRAIN_CROP_SIZE,
            head=head_from_cfg(cfg, [pathway]),
            init=InitSpec.from_cfg(cfg),
        )

    def features(self, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        [x] = self.run_part(self.s2, self.run_part(self.s1, inputs))
        features: Sequence[Tensor] = [self.pathway0_pool(x)]
        for part in (self.s3, self.s4, self.s5):
            features = self.run_part(part, features)
        return features
