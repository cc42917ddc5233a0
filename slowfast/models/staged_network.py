"""What the networks here have in common: a stem, four stages, and a head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from slowfast.config import CfgNode
from slowfast.models.init import InitSpec, init_weights
from slowfast.models.layers.checkpointing import Checkpointing, checkpointed
from slowfast.models.layers.pathway_chains import PathwayChains


class StagedNetwork(nn.Module):
    """Applies `parts` in their order, each from a list of features (one a pathway) to another, then the head.

    The names of the parts ("s1" for the stem, "s2" to "s5" for the stages, "s1_fuse" and so on) and "head" are those that
    published weights use; their order is that in which first weights are drawn.
    """

    num_pathways = 1
    checkpointing: Checkpointing = "none"
    """What training keeps the inputs of alone, and runs again when gradients need what is inside. Lateral connections count as
    blocks."""

    s1: nn.Module
    s2: nn.Module
    s3: nn.Module
    s4: nn.Module
    s5: nn.Module

    def __init__(self, parts: Mapping[str, nn.Module], *, head: nn.Module, init: InitSpec) -> None:
        super().__init__()
        self._parts = tuple(parts)
        for name, part in parts.items():
            self.add_module(name, part)
        self.head = head
        init_weights(self, init)

    @staticmethod
    def temporal_stride(cfg: CfgNode) -> int:
        """Frames of a pathway's input that become one inside the network."""
        return 1

    def forward(self, inputs: Sequence[Tensor], *rois: Tensor) -> Tensor:
        """inputs: float (B, C, T, H, W), one a pathway -> (B, K): logits in training, activated and averaged scores in
        evaluation. For detection with the boxes besides, (R, 5) -> (R, K); see `RoIHead`.

        Raises ValueError for another number of pathways.
        """
        if len(inputs) != self.num_pathways:
            wanted = "one pathway" if self.num_pathways == 1 else "two pathways, slow and fast,"
            raise ValueError(f"this network reads {wanted} but was given {len(inputs)}")
        scores: Tensor = self.head(self.features(inputs), *rois)
        return scores

    def features(self, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        """What the head is given: (B, C, T', H', W'), one a pathway."""
        features = inputs
        for name in self._parts:
            features = self.run_part(self.get_submodule(name), features)
        return features

    def run_part(self, part: nn.Module, features: Sequence[Tensor]) -> Sequence[Tensor]:
        """Features (B, C, T, H, W), one a pathway, through a part of the network."""
        result: Sequence[Tensor]
        if self.checkpointing == "none" or not (self.training and torch.is_grad_enabled()):
            result = part(features)
        elif self.checkpointing == "blocks" and isinstance(part, PathwayChains):
            result = part(features, run=checkpointed)
        else:
            result = checkpointed(part, features)
        return result
