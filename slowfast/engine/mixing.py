"""Clips of a batch mixed with each other: mixup (Zhang et al., arXiv:1710.09412) and CutMix (Yun et al., arXiv:1905.04899).

Row i of B is mixed with row B - 1 - i, with one share and one box for the whole batch, all frames and all pathways. Numbers are
drawn on the host, so no device is waited for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from fvcore.common.config import CfgNode
from torch import Tensor

from slowfast.config import ConfigError
from slowfast.models.losses import LabelError
from slowfast.runtime import distributed
from slowfast.runtime.random_state import iteration_generator
from slowfast.structures import ClipBatch

MIX_STREAM = 4
"""Keeps these random numbers apart from others of the same iteration."""

Box = tuple[int, int, int, int]
"""top, bottom, left, right, in pixels; bottom and right are no longer within."""


class Mix(Protocol):
    """What was decided for one batch."""

    def inputs(self, inputs: list[Tensor]) -> list[Tensor]:
        """inputs: float (B, C, T, H, W) of each pathway, of all frames or some; nobody else may need them any more."""

    def labels(self, labels: Tensor) -> Tensor:
        """What a loss is given for the labels of the batch."""


class MixRule(Protocol):
    def draw(self, batch: ClipBatch) -> Mix:
        """Decides for a batch, by the job's seed and the number of the iteration alone."""


@dataclass(frozen=True, slots=True)
class Unmixed:
    """Every clip stays as it is, with its label. It is both rule and decision: nothing is random."""

    def draw(self, batch: ClipBatch) -> Unmixed:
        return self

    def inputs(self, inputs: list[Tensor]) -> list[Tensor]:
        return inputs

    def labels(self, labels: Tensor) -> Tensor:
        return labels


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixing:
    """alpha, cutmix_alpha: of the beta distributions that shares of mixup and of CutMix are drawn from; 0: never. prob: share
    of batches that are mixed. switch_prob: share of those that CutMix mixes, where both may. smoothing: part of a label that
    all classes share evenly, whether a batch is mixed or not.
    """

    alpha: float
    cutmix_alpha: float
    prob: float
    switch_prob: float
    smoothing: float
    num_classes: int

    @classmethod
    def from_cfg(cls, cfg: CfgNode) -> MixRule:
        """The rule of a training on clips. Raises ConfigError where a process has one clip, which has none to be mixed with."""
        mixup = cfg.MIXUP
        if not mixup.ENABLE:
            return Unmixed()
        rule = cls(
            alpha=mixup.ALPHA,
            cutmix_alpha=mixup.CUTMIX_ALPHA,
            prob=mixup.PROB,
            switch_prob=mixup.SWITCH_PROB,
            smoothing=mixup.LABEL_SMOOTH_VALUE,
            num_classes=cfg.MODEL.NUM_CLASSES,
        )
        world = distributed.world_size()
        if rule.mixes and cfg.TRAIN.BATCH_SIZE * cfg.AUG.NUM_SAMPLE // world == 1:
            why = f"a batch of one clip{f' in each of {world} processes' if world > 1 else ''} has none to be mixed with"
            right = f"{2 * world} or more; or MIXUP.PROB 0, to smooth labels alone"
            raise ConfigError(key="TRAIN.BATCH_SIZE", value=cfg.TRAIN.BATCH_SIZE, why=f"{why} (MIXUP.ENABLE)", right=right)
        return rule

    @property
    def mixes(self) -> bool:
        return self.prob > 0 and (self.alpha > 0 or self.cutmix_alpha > 0)

    def draw(self, batch: ClipBatch) -> BatchMix:
        return self.decide(*batch.frames.shape[-2:], rng=iteration_generator(MIX_STREAM))

    def decide(self, height: int, width: int, *, rng: np.random.Generator) -> BatchMix:
        """Of clips of this size, in pixels."""
        share, box = 1.0, None
        if self.mixes and rng.random() < self.prob:
            cuts = self.cutmix_alpha > 0 and (self.alpha == 0 or rng.random() < self.switch_prob)
            alpha = self.cutmix_alpha if cuts else self.alpha
            share = float(rng.beta(alpha, alpha))
            if cuts:
                box = random_box(height, width, 1 - share, rng)
                share = 1 - (box[1] - box[0]) * (box[3] - box[2]) / (height * width)
        return BatchMix(share=share, box=box, smoothing=self.smoothing, num_classes=self.num_classes)


def random_box(height: int, width: int, area: float, rng: np.random.Generator) -> Box:
    """A box with this share of the picture's area and its shape. Its centre is anywhere, and what lies outside is cut off."""
    half_height, half_width = (int(side * math.sqrt(area)) // 2 for side in (height, width))
    y, x = int(rng.integers(height)), int(rng.integers(width))
    return max(y - half_height, 0), min(y + half_height, height), max(x - half_width, 0), min(x + half_width, width)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchMix:
    """share: of a clip in what becomes of it; the rest is of its partner. box: where the partner is seen alone; None: the
    partner shines through everywhere."""

    share: float
    box: Box | None
    smoothing: float
    num_classes: int

    def inputs(self, inputs: list[Tensor]) -> list[Tensor]:
        return inputs if self.share == 1 else [self._mixed(frames) for frames in inputs]

    def _mixed(self, frames: Tensor) -> Tensor:
        if self.box is None:
            return torch.lerp(frames.flip(0), frames, self.share)
        top, bottom, left, right = self.box
        part = frames[..., top:bottom, left:right]
        part.copy_(part.flip(0))
        return frames

    def labels(self, labels: Tensor) -> Tensor:
        """int64 (B,) -> float32 (B, K), rows that sum to 1. Raises LabelError for other labels."""
        if labels.is_floating_point() or labels.ndim != 1:
            raise LabelError(
                f"MIXUP mixes clips with one class number each, not labels of shape {tuple(labels.shape)}; "
                "right would be MIXUP.ENABLE False, or a data set with one label a video"
            )
        off = self.smoothing / self.num_classes
        own = torch.full((len(labels), self.num_classes), off, device=labels.device)
        own.scatter_(1, labels[:, None], 1 - self.smoothing + off)
        return own if self.share == 1 else torch.lerp(own.flip(0), own, self.share)
