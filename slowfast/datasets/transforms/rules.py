"""Spatial rules: which part of the picture a clip shows.

A rule draws before any picture is known; the draw becomes a place once a picture comes. So a clip takes the same random
numbers from its generator whatever the size of its video, and pictures that change size in mid-video are no special case.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from fvcore.common.config import CfgNode
from numpy.typing import NDArray

from slowfast.datasets.transforms.colour import ColourDraw, Unchanged
from slowfast.datasets.transforms.geometry import ViewBox, render, scale_short_side, uniform_crop
from slowfast.datasets.transforms.rand_augment import AsTheyAre, PictureDraw
from slowfast.datasets.transforms.relative_crop import RelativeCrop


class ViewDraw(Protocol):
    """What was decided for one clip."""

    def box(self, height: int, width: int) -> ViewBox:
        """The part that is shown of pictures of this size."""


class SpatialRule(Protocol):
    @property
    def num_crops(self) -> int:
        """Views that are taken from the same frames."""

    def draw(self, crop: int, rng: np.random.Generator) -> ViewDraw:
        """Decides for one clip; `crop` is in [0, num_crops)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomCrop:
    """Training: random short side between `smallest` and `largest`, random square of side `size`, mirrored half the time.

    With `inverse` the inverse of the short side is uniform, not the side itself (Charades).
    """

    smallest: int
    largest: int
    size: int
    inverse: bool
    flip: bool
    num_crops: int = 1

    @classmethod
    def from_cfg(cls, cfg: CfgNode) -> RandomCrop:
        smallest, largest = cfg.DATA.TRAIN_JITTER_SCALES
        return cls(
            smallest=smallest,
            largest=largest,
            size=cfg.DATA.TRAIN_CROP_SIZE,
            inverse=cfg.DATA.INV_UNIFORM_SAMPLE,
            flip=cfg.DATA.RANDOM_FLIP,
        )

    def draw(self, crop: int, rng: np.random.Generator) -> RandomDraw:
        if self.inverse:
            short_side = round(1.0 / rng.uniform(1.0 / self.largest, 1.0 / self.smallest))
        else:
            short_side = round(rng.uniform(self.smallest, self.largest))
        down, across, side = rng.random(3).tolist()
        return RandomDraw(short_side=short_side, size=self.size, down=down, across=across, flip=self.flip and side < 0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomDraw:
    """down, across: where the square lies, in [0, 1) of the room for it."""

    short_side: int
    size: int
    down: float
    across: float
    flip: bool

    def box(self, height: int, width: int) -> ViewBox:
        """The last of the possible offsets is never taken; that is PySlowFast's rule."""
        scaled = scale_short_side(height, width, self.short_side)
        top = math.floor(self.down * (scaled[0] - self.size))
        left = math.floor(self.across * (scaled[1] - self.size))
        return ViewBox(scaled=scaled, top=top, left=left, shape=(self.size, self.size), flip=self.flip)


def random_crops(cfg: CfgNode, split: str) -> SpatialRule:
    """Crops by shares of the picture where training asks for them, and by its short side elsewhere."""
    if split == "train" and cfg.DATA.TRAIN_JITTER_SCALES_RELATIVE:
        return RelativeCrop.from_cfg(cfg)
    return RandomCrop.from_cfg(cfg)


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedCrops:
    """Evaluation: short side `short_side` (by default `size`), then the middle square of side `size` (one crop) or three
    along the long side. `flip`: all mirrored."""

    size: int
    num_crops: int = 1
    short_side: int | None = None
    flip: bool = False

    def draw(self, crop: int, rng: np.random.Generator) -> FixedDraw:
        short_side = self.size if self.short_side is None else self.short_side
        return FixedDraw(short_side=short_side, size=self.size, crop=1 if self.num_crops == 1 else crop, flip=self.flip)


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedDraw:
    """crop: 0, 1, 2 as in `uniform_crop`."""

    short_side: int
    size: int
    crop: int
    flip: bool

    def box(self, height: int, width: int) -> ViewBox:
        scaled = scale_short_side(height, width, self.short_side)
        top, left = uniform_crop(*scaled, self.size, self.crop)
        return ViewBox(scaled=scaled, top=top, left=left, shape=(self.size, self.size), flip=self.flip)


@dataclass(frozen=True, slots=True, kw_only=True)
class WholePicture:
    """Tests of AVA: the whole picture, scaled to short side `short_side`. It is both rule and draw: nothing is random."""

    short_side: int
    flip: bool = False
    num_crops: int = 1

    def draw(self, crop: int, rng: np.random.Generator) -> WholePicture:
        return self

    def box(self, height: int, width: int) -> ViewBox:
        scaled = scale_short_side(height, width, self.short_side)
        return ViewBox(scaled=scaled, top=0, left=0, shape=scaled, flip=self.flip)


@dataclass(frozen=True, slots=True)
class SeveralViews:
    """Shows every frame in several ways of equal size, one below the other, so that it is decoded once for all of them."""

    views: tuple[CropFrames, ...]

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        rows, columns = self.views[0].output_size(height, width)
        return len(self.views) * rows, columns

    def __call__(self, image: NDArray[np.uint8], out: NDArray[np.uint8]) -> None:
        for view, part in zip(self.views, np.split(out, len(self.views)), strict=True):
            view(image, part)

    def parts(self, pictures: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
        """What was written of a clip, (T, H of all views, W, 3), as pictures (T, H, W, 3) of each view; no copies."""
        return np.split(pictures, len(self.views), axis=1)


@dataclass(frozen=True, slots=True)
class CropFrames:
    """Shows every frame of a clip through the same draws; what `decode_frames` wants as a transform. whole: what changes
    pictures before they are cut out; colours: those that are seen."""

    draw: ViewDraw
    colours: ColourDraw = field(default_factory=Unchanged)
    whole: PictureDraw = field(default_factory=AsTheyAre)

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        return self.draw.box(height, width).shape

    def __call__(self, image: NDArray[np.uint8], out: NDArray[np.uint8]) -> None:
        image = self.whole(image)
        render(image, self.draw.box(*image.shape[:2]), out)
        self.colours(out)
