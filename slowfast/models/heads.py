"""From the features of all pathways to one row of class scores a clip."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from slowfast.config import CfgNode, ConfigError
from slowfast.models.layers.pools import PoolMode, SpatialPool, TemporalPool

Activation = Literal["softmax", "sigmoid"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadSpec:
    """What the classifier does with features. dropout: share of features that training drops. detaches: whether the
    classifier learns alone, and no gradient reaches the features."""

    num_classes: int
    spatial_pool: PoolMode = "avg"
    temporal_pool: PoolMode = "avg"
    dropout: float = 0.0
    activation: Activation = "softmax"
    detaches: bool = False

    @classmethod
    def from_cfg(cls, cfg: CfgNode) -> HeadSpec:
        """Raises ConfigError where boxes are to be classified, and for a loss that does not take logits, which is what the head
        gives in training."""
        if cfg.DETECTION.ENABLE:
            raise ConfigError(
                key="DETECTION.ENABLE", value=True,
                why=f"the model {cfg.MODEL.MODEL_NAME} has a head for whole clips alone, none for boxes",
                right="False, or MODEL.MODEL_NAME ResNet or SlowFast",
            )  # fmt: skip
        if cfg.MODEL.LOSS_FUNC == "bce":
            why = "it wants probabilities, but this head hands logits to the loss"
            raise ConfigError(key="MODEL.LOSS_FUNC", value="bce", why=why, right="bce_logit")
        spatial, temporal = cfg.MODEL.FINAL_POOL
        return cls(
            num_classes=cfg.MODEL.NUM_CLASSES,
            spatial_pool=spatial,
            temporal_pool=temporal,
            dropout=cfg.MODEL.DROPOUT_RATE,
            activation=cfg.MODEL.HEAD_ACT,
            detaches=cfg.MODEL.DETACH_FINAL_FC,
        )

    def build(self, *, channels: Sequence[int], windows: Sequence[int]) -> ClassificationHead:
        """The head for features of these channels, with a pooling window of that side for each pathway."""
        return ClassificationHead(channels=channels, windows=windows, spec=self)


def activated(logits: Tensor, activation: Activation) -> Tensor:
    """Scores of the same shape, in float32 at least; classes stand last."""
    precise = logits.to(torch.promote_types(logits.dtype, torch.float32))
    return precise.softmax(-1) if activation == "softmax" else precise.sigmoid()


class PositionHead(nn.Module, ABC):
    """Classifies every position that its pooling leaves, and averages: logits in training, activated scores in evaluation.

    On a map of the size that the network is trained with one position is left; larger maps have several.
    """

    def __init__(self, activation: Activation) -> None:
        super().__init__()
        self.activation = activation

    @abstractmethod
    def position_logits(self, features: Sequence[Tensor]) -> Tensor:
        """One (B, C, T, H, W) a pathway -> (B, t, h, w, K), the logits of each position that pooling leaves."""

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """One (B, C, T, H, W) a pathway -> (B, K): logits in training, activated scores in evaluation."""
        logits = self.position_logits(features)
        scores = logits if self.training else self.activate(logits)
        return scores.mean((1, 2, 3))

    def activate(self, logits: Tensor) -> Tensor:
        """Scores of the same shape; classes stand last."""
        return activated(logits, self.activation)


class ClassificationHead(PositionHead):
    """Pools each pathway, joins them, and classifies what is left.

    channels, windows: features of each pathway, and the side of its map for the crop that the network is trained with.
    """

    def __init__(self, *, channels: Sequence[int], windows: Sequence[int], spec: HeadSpec) -> None:
        super().__init__(spec.activation)
        self.spatial_pools = nn.ModuleList(SpatialPool(mode=spec.spatial_pool, window=window) for window in windows)
        self.temporal_pools = nn.ModuleList(
            TemporalPool(mode=spec.temporal_pool, pathway=pathway) for pathway in range(len(channels))
        )
        self.dropout = nn.Dropout(spec.dropout)
        self.detaches = spec.detaches
        self.projection = nn.Linear(sum(channels), spec.num_classes)

    def position_logits(self, features: Sequence[Tensor]) -> Tensor:
        pooled = [
            temporal_pool(spatial_pool(x))
            for x, spatial_pool, temporal_pool in zip(features, self.spatial_pools, self.temporal_pools, strict=True)
        ]
        joined = torch.cat(pooled, 1).permute(0, 2, 3, 4, 1)
        logits: Tensor = self.projection(self.dropout(joined.detach() if self.detaches else joined))
        return logits
