"""Random crops by their share of the picture's area and their shape (Szegedy et al., arXiv:1409.4842, sec. 6)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from fvcore.common.config import CfgNode

from slowfast.datasets.transforms.geometry import ViewBox

TRIES = 10
"""Crops that are drawn before the middle of the picture is taken: some shapes do not fit into some pictures."""

Range = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class RelativeCrop:
    """Training: a part of the picture, scaled to a square of side `size`, mirrored half the time if `flip`.

    areas: range of its share of the picture's area, uniform. aspects: range of its width over its height, whose logarithm is
    uniform.
    """

    areas: Range
    aspects: Range
    size: int
    flip: bool
    num_crops: int = 1

    @classmethod
    def from_cfg(cls, cfg: CfgNode) -> RelativeCrop:
        return cls(
            areas=tuple(cfg.DATA.TRAIN_JITTER_SCALES_RELATIVE),
            aspects=tuple(cfg.DATA.TRAIN_JITTER_ASPECT_RELATIVE),
            size=cfg.DATA.TRAIN_CROP_SIZE,
            flip=cfg.DATA.RANDOM_FLIP,
        )

    def draw(self, crop: int, rng: np.random.Generator) -> RelativeDraw:
        areas = rng.uniform(*self.areas, TRIES)
        aspects = np.exp(rng.uniform(math.log(self.aspects[0]), math.log(self.aspects[1]), TRIES))
        down, across, side = rng.random(3).tolist()
        return RelativeDraw(
            tries=tuple(zip(areas.tolist(), aspects.tolist(), strict=True)),
            aspects=self.aspects,
            size=self.size,
            down=down,
            across=across,
            flip=self.flip and side < 0.5,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RelativeDraw:
    """tries: (share of the area, width over height), of which the first that fits is taken. down, across: where it lies, in
    [0, 1) of the room for it."""

    tries: tuple[Range, ...]
    aspects: Range
    size: int
    down: float
    across: float
    flip: bool

    def box(self, height: int, width: int) -> ViewBox:
        top, left, rows, columns = self.part(height, width)
        scale_y, scale_x = self.size / rows, self.size / columns
        return ViewBox(
            scaled=(height * scale_y, width * scale_x),
            top=top * scale_y,
            left=left * scale_x,
            shape=(self.size, self.size),
            flip=self.flip,
        )

    def part(self, height: int, width: int) -> tuple[int, int, int, int]:
        """top, left, height and width of the part that is shown, in whole pixels of the picture."""
        for area, aspect in self.tries:
            rows, columns = (round(math.sqrt(area * height * width * factor)) for factor in (1 / aspect, aspect))
            if 0 < rows <= height and 0 < columns <= width:
                return (
                    math.floor(self.down * (height - rows + 1)),
                    math.floor(self.across * (width - columns + 1)),
                    rows,
                    columns,
                )
        return self._middle(height, width)

    def _middle(self, height: int, width: int) -> tuple[int, int, int, int]:
        """The largest part in the middle of the picture whose shape is allowed."""
        narrowest, widest = self.aspects
        rows, columns = height, width
        if width < narrowest * height:
            rows = max(1, round(width / narrowest))
        elif width > widest * height:
            columns = max(1, round(height * widest))
        return (height - rows) // 2, (width - columns) // 2, rows, columns
