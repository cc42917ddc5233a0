"""RandAugment for clips: some random operations, the same for all pictures of a clip (Cubuk et al., arXiv:1909.13719)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

from slowfast.config.rand_augment import MOST, RandAugmentText
from slowfast.datasets.transforms.geometry import scale_short_side
from slowfast.datasets.transforms.operations import OPERATIONS, WEIGHTS, Picture

APPLIED = 0.5
"""Share of the drawn operations that are carried out."""

INTERPOLATIONS = {
    "bicubic": (cv2.INTER_CUBIC,),
    "bilinear": (cv2.INTER_LINEAR,),
    "random": (cv2.INTER_LINEAR, cv2.INTER_CUBIC),
}
"""Of operations that move pixels, by AUG.INTERPOLATION."""


class PictureDraw(Protocol):
    """What was decided for one clip."""

    def __call__(self, picture: Picture) -> Picture:
        """A picture (H, W, 3) before it is cut out -> what takes its place, of the same shape of view. The picture stays."""


class PictureRule(Protocol):
    def draw(self, rng: np.random.Generator) -> PictureDraw:
        """Decides for one clip."""


@dataclass(frozen=True, slots=True)
class AsTheyAre:
    """Pictures stay. It is both rule and draw: nothing is random."""

    def draw(self, rng: np.random.Generator) -> AsTheyAre:
        return self

    def __call__(self, picture: Picture) -> Picture:
        return picture


@dataclass(frozen=True, slots=True, kw_only=True)
class RandAugment:
    """text: which operations, how many and how strong. interpolations: see INTERPOLATIONS. largest: short side, in pixels, that
    larger pictures are reduced to before, as nobody sees more of them."""

    text: RandAugmentText
    interpolations: tuple[int, ...]
    largest: int

    def draw(self, rng: np.random.Generator) -> RandAugmentDraw:
        text, names = self.text, list(OPERATIONS)
        weights = np.array([WEIGHTS.get(name, 0.0) for name in names]) if text.weighted else None
        chosen = rng.choice(names, text.count, replace=weights is None, p=None if weights is None else weights / weights.sum())
        steps = []
        for name in chosen.tolist():
            applied, negative = (rng.random(2) < (APPLIED, 0.5)).tolist()
            magnitude = min(max(rng.normal(text.magnitude, text.spread), 0.0), MOST) / MOST
            interpolation = self.interpolations[int(rng.integers(len(self.interpolations)))]
            strength = OPERATIONS[name].strength_at(magnitude, -1 if negative else 1, increasing=text.increasing)
            if applied:
                steps.append((name, strength, interpolation))
        return RandAugmentDraw(steps=tuple(steps), largest=self.largest)


@dataclass(frozen=True, slots=True, kw_only=True)
class RandAugmentDraw:
    """steps: (operation, strength, interpolation), one after the other."""

    steps: tuple[tuple[str, float, int], ...]
    largest: int

    def __call__(self, picture: Picture) -> Picture:
        if not self.steps:
            return picture
        height, width = picture.shape[:2]
        if min(height, width) > self.largest:
            rows, columns = scale_short_side(height, width, self.largest)
            picture = np.asarray(cv2.resize(picture, (columns, rows), interpolation=cv2.INTER_AREA), np.uint8)
        for name, strength, interpolation in self.steps:
            picture = OPERATIONS[name].change(picture, strength, interpolation)
        return picture
