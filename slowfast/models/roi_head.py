"""From the features of all pathways to one row of class scores for each box: the head of action detection.

After Feichtenhofer et al. (arXiv:1812.03982, sec. 5): a box at one moment is looked at over the whole clip.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from slowfast.config import CfgNode, ConfigError
from slowfast.models.heads import Activation, HeadSpec, activated
from slowfast.models.layers.pools import PoolMode, TemporalPool
from slowfast.models.layers.roi_align import roi_align
from slowfast.models.resnet.pathway import PathwaySpec


@dataclass(frozen=True, slots=True, kw_only=True)
class RoIHeadSpec:
    """What the classifier of boxes does with features.

    stride: pixels of the input for each cell of the features. resolution: bins on each side that a box is cut into.
    aligned: see `roi_align`. dropout: share of features that training drops. detaches: whether features get no gradient.
    """

    num_classes: int
    stride: int
    resolution: int
    aligned: bool = True
    temporal_pool: PoolMode = "avg"
    dropout: float = 0.0
    activation: Activation = "sigmoid"
    detaches: bool = False

    @classmethod
    def from_cfg(cls, cfg: CfgNode) -> RoIHeadSpec:
        """Raises ConfigError for a loss that does not go with the scores."""
        if cfg.MODEL.LOSS_FUNC == "bce" and cfg.MODEL.HEAD_ACT != "sigmoid":
            why = "MODEL.LOSS_FUNC bce trains each class by itself, as sigmoid scores them"
            raise ConfigError(key="MODEL.HEAD_ACT", value=cfg.MODEL.HEAD_ACT, why=why, right="sigmoid")
        return cls(
            num_classes=cfg.MODEL.NUM_CLASSES,
            stride=cfg.DETECTION.SPATIAL_SCALE_FACTOR,
            resolution=cfg.DETECTION.ROI_XFORM_RESOLUTION,
            aligned=cfg.DETECTION.ALIGNED,
            temporal_pool=cfg.MODEL.FINAL_POOL[1],
            dropout=cfg.MODEL.DROPOUT_RATE,
            activation=cfg.MODEL.HEAD_ACT,
            detaches=cfg.MODEL.DETACH_FINAL_FC,
        )

    def build(self, *, channels: Sequence[int], windows: Sequence[int]) -> RoIHead:
        """windows: not needed, as boxes say what to pool."""
        return RoIHead(channels=channels, spec=self)


class RoIHead(nn.Module):
    """Pools each pathway over time, cuts the boxes out, takes the maximum over each, joins the pathways and classifies.

    channels: features of each pathway.
    """

    def __init__(self, *, channels: Sequence[int], spec: RoIHeadSpec) -> None:
        super().__init__()
        self.spec = spec
        self.temporal_pools = nn.ModuleList(
            TemporalPool(mode=spec.temporal_pool, pathway=pathway) for pathway in range(len(channels))
        )
        self.dropout = nn.Dropout(spec.dropout)
        self.projection = nn.Linear(sum(channels), spec.num_classes)

    def forward(self, features: Sequence[Tensor], rois: Tensor) -> Tensor:
        """One (B, C, T, H, W) a pathway, rois float (R, 5) -> (R, K): logits in training, activated scores in evaluation.

        rois: number of the clip, then x1, y1, x2, y2 in pixels of the input. Without any box all but the classifier still runs.
        """
        pooled = [self._of_boxes(pool(x), rois) for pool, x in zip(self.temporal_pools, features, strict=True)]
        joined = torch.cat(pooled, 1)
        logits: Tensor = self.projection(self.dropout(joined.detach() if self.spec.detaches else joined))
        return logits if self.training else activated(logits, self.spec.activation)

    def _of_boxes(self, pooled: Tensor, rois: Tensor) -> Tensor:
        """pooled (B, C, 1, H, W) -> (R, C), the largest value of each channel in each box."""
        bins = (self.spec.resolution, self.spec.resolution)
        cut = roi_align(pooled.squeeze(2), rois, bins, spatial_scale=1 / self.spec.stride, aligned=self.spec.aligned)
        return cut.amax((2, 3))


def head_from_cfg(cfg: CfgNode, pathways: Sequence[PathwaySpec]) -> HeadSpec | RoIHeadSpec:
    """The head of boxes where detection is enabled, else that of clips.

    Raises ConfigError when the boxes would be cut out of another place than they mark.
    """
    if not cfg.DETECTION.ENABLE:
        return HeadSpec.from_cfg(cfg)
    for pathway in pathways:
        if pathway.stride != cfg.DETECTION.SPATIAL_SCALE_FACTOR:
            raise ConfigError(
                key="DETECTION.SPATIAL_SCALE_FACTOR", value=cfg.DETECTION.SPATIAL_SCALE_FACTOR,
                why=f"a cell of the last stage is {pathway.stride} pixels wide (4 times the RESNET.SPATIAL_STRIDES)",
                right=f"{pathway.stride}, or other strides: published settings have a stride of 1 and a dilation of 2 in res5",
            )  # fmt: skip
    return RoIHeadSpec.from_cfg(cfg)
