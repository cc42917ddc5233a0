"""Random erasing (Zhong et al., arXiv:1708.04896): nothing of a clip is left in some boxes, the same in all its pictures."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from fvcore.common.config import CfgNode
from numpy.typing import NDArray

AREAS = (0.02, 1 / 3)
"""Range of the share of the picture that is erased, by all boxes together."""

NARROWEST = 0.3
"""The smallest height of a box over its width, or width over its height."""

TRIES = 100
"""Boxes that are drawn for one that fits into the picture."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Erasing:
    """prob: share of clips. mode: what is seen instead, noise ("pixel"), a random colour in each box and picture ("rand"), or
    the mean colour ("const"). most: boxes of a clip, at most. mean, std: (3,), of colours from 0 to 255; noise is normal, and
    cut to that range.
    """

    prob: float
    mode: Literal["pixel", "rand", "const"]
    most: int
    mean: NDArray[np.float32]
    std: NDArray[np.float32]

    @classmethod
    def from_cfg(cls, cfg: CfgNode) -> Erasing:
        mean, std = (255 * np.array(colours, np.float32) for colours in (cfg.DATA.MEAN, cfg.DATA.STD))
        return cls(prob=cfg.AUG.RE_PROB, mode=cfg.AUG.RE_MODE, most=cfg.AUG.RE_COUNT, mean=mean, std=std)

    def __call__(self, pictures: NDArray[np.uint8], rng: np.random.Generator) -> None:
        """Changes pictures (T, H, W, 3) of a clip in place."""
        if rng.random() >= self.prob:
            return
        count = int(rng.integers(1, self.most, endpoint=True))
        for _ in range(count):
            box = random_box(*pictures.shape[1:3], count=count, rng=rng)
            if box is not None:
                top, left, height, width = box
                part = pictures[:, top : top + height, left : left + width]
                part[:] = self._fill(part.shape, rng)

    def _fill(self, shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.uint8]:
        if self.mode == "const":
            noise = np.zeros(3, np.float32)
        else:
            noise = rng.standard_normal(shape if self.mode == "pixel" else (shape[0], 1, 1, 3), np.float32)
        return np.clip(np.rint(self.mean + self.std * noise), 0, 255).astype(np.uint8)


def random_box(height: int, width: int, *, count: int, rng: np.random.Generator) -> tuple[int, int, int, int] | None:
    """top, left, height and width of one of `count` boxes; None where none fits into so small a picture."""
    for _ in range(TRIES):
        area = rng.uniform(*AREAS) * height * width / count
        aspect = math.exp(rng.uniform(math.log(NARROWEST), -math.log(NARROWEST)))
        rows, columns = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if rows < height and columns < width:
            top, left = (int(rng.integers(room, endpoint=True)) for room in (height - rows, width - columns))
            return top, left, rows, columns
    return None
