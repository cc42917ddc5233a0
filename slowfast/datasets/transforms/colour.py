"""Changes of colour. All but turned hues are affine: a chain is one small matrix a frame, applied to 8-bit pixels in one pass.

A colour is a column (R, G, B, 1) with channels from 0 to 255; a change is a matrix (4, 4). Where the reference works on floats
that may leave their range, results here are rounded and cut to whole numbers from 0 to 255.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from fvcore.common.config import CfgNode
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

GREY = np.array([0.299, 0.587, 0.114])
"""How much red, green and blue add to the brightness."""

STRENGTH = 0.4
"""Brightness, contrast and saturation are multiplied by a number from 1 - STRENGTH to 1 + STRENGTH."""

PCA_STD = 0.1

TO_BGR = np.eye(4)[[2, 1, 0, 3]]


class ColourDraw(Protocol):
    """What was decided for one clip."""

    def __call__(self, picture: NDArray[np.uint8]) -> None:
        """Changes a picture (H, W, 3) in place."""


class ColourRule(Protocol):
    def draw(self, rng: np.random.Generator) -> ColourDraw:
        """Decides for one clip."""


@dataclass(frozen=True, slots=True)
class Unchanged:
    """Colours stay, but for their order in memory if `bgr`. It is both rule and draw: nothing is random."""

    bgr: bool = False

    def draw(self, rng: np.random.Generator) -> Unchanged:
        return self

    def __call__(self, picture: NDArray[np.uint8]) -> None:
        if self.bgr:
            picture[:] = picture[..., ::-1].copy()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ColourJitter:
    """PCA jitter (Krizhevsky et al., NeurIPS 2012, sec. 4.1): a random shift along the directions in which colours vary.

    spread: (3, 3), the directions as columns, as long as colours vary along them, with channels from 0 to 1. With `full`,
    brightness, contrast and saturation change before, in random order.
    """

    spread: Matrix
    full: bool
    bgr: bool = False

    @classmethod
    def from_cfg(cls, cfg: CfgNode) -> ColourJitter:
        return cls(
            spread=np.array(cfg.AVA.TRAIN_PCA_EIGVEC) * np.array(cfg.AVA.TRAIN_PCA_EIGVAL),
            full=not cfg.AVA.TRAIN_PCA_JITTER_ONLY,
            bgr=cfg.AVA.BGR,
        )

    def draw(self, rng: np.random.Generator) -> JitterDraw:
        names = rng.permutation(["brightness", "contrast", "saturation"]).tolist() if self.full else []
        factors = rng.uniform(1 - STRENGTH, 1 + STRENGTH, len(names)).tolist()
        shift = 255 * self.spread @ rng.normal(0, PCA_STD, 3)
        return JitterDraw(steps=tuple(zip(names, factors, strict=True)), shift=shift, bgr=self.bgr)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JitterDraw:
    """steps: (name, factor) in order. shift: (3,), added in the end."""

    steps: tuple[tuple[str, float], ...]
    shift: NDArray[np.float64]
    bgr: bool

    def __call__(self, picture: NDArray[np.uint8]) -> None:
        picture[:] = cv2.transform(picture, self.matrix(_mean_colour(picture))[:3])

    def matrix(self, mean: NDArray[np.float64]) -> Matrix:
        """The whole change of a picture whose mean colour is `mean` (4,): contrast is about its mean brightness."""
        total = _chain(self.steps, mean)
        shift = np.eye(4)
        shift[:3, 3] = self.shift
        total = shift @ total
        return TO_BGR @ total if self.bgr else total


@dataclass(frozen=True, slots=True)
class PlainJitter:
    """Brightness, contrast and saturation are multiplied by factors that leave 1 by `strength` at most, in random order."""

    strength: float

    def draw(self, rng: np.random.Generator) -> JitterDraw:
        names = rng.permutation(list(_STEPS)).tolist()
        factors = rng.uniform(1 - self.strength, 1 + self.strength, len(names)).tolist()
        return JitterDraw(steps=tuple(zip(names, factors, strict=True)), shift=np.zeros(3), bgr=False)


def _brightness(factor: float, mean: NDArray[np.float64]) -> Matrix:
    return np.diag([factor, factor, factor, 1.0])


def _contrast(factor: float, mean: NDArray[np.float64]) -> Matrix:
    """Colours move to or from the grey of the picture's mean brightness."""
    matrix = _brightness(factor, mean)
    matrix[:3, 3] = (1 - factor) * (GREY @ mean[:3])
    return matrix


def _saturation(factor: float, mean: NDArray[np.float64]) -> Matrix:
    """Colours move to or from their own grey."""
    matrix = _brightness(factor, mean)
    matrix[:3, :3] += (1 - factor) * GREY
    return matrix


_STEPS = {"brightness": _brightness, "contrast": _contrast, "saturation": _saturation}


def _mean_colour(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    return np.array([*cv2.mean(picture)[:3], 1.0])


def _chain(steps: Sequence[tuple[str, float]], mean: NDArray[np.float64]) -> Matrix:
    """Steps (name, factor), one after the other, of a picture whose mean colour is `mean` (4,)."""
    total = np.eye(4)
    for name, factor in steps:
        total = _STEPS[name](factor, total @ mean) @ total
    return total


HUES = 256
"""Steps of the full circle of hues, as OpenCV's 8-bit HSV_FULL counts them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipColours:
    """Brightness, contrast, saturation and hue change in random order, and some clips turn grey before.

    As for self-supervised networks, and where they are fine-tuned (Chen et al., arXiv:2002.05709, app. A). strengths: how far
    the factors of the first three leave 1 at most. hue: how far hues are turned at most, in shares of the full circle. grey:
    share of clips.
    """

    strengths: tuple[float, float, float]
    hue: float
    grey: float

    @classmethod
    def from_cfg(cls, cfg: CfgNode, split: str) -> ColourRule:
        """The rule of a data set's training, and no change elsewhere."""
        if split != "train" or not cfg.DATA.SSL_COLOR_JITTER:
            return Unchanged()
        brightness, contrast, saturation = cfg.DATA.SSL_COLOR_BRI_CON_SAT
        return cls(strengths=(brightness, contrast, saturation), hue=cfg.DATA.SSL_COLOR_HUE, grey=cfg.DATA.COLOR_RND_GRAYSCALE)

    def draw(self, rng: np.random.Generator) -> ClipColoursDraw:
        steps: list[tuple[str, float]] = [("saturation", 0.0)] if rng.random() < self.grey else []
        drawn = {
            name: float(rng.uniform(1 - strength, 1 + strength)) for name, strength in zip(_STEPS, self.strengths, strict=True)
        }
        drawn["hue"] = float(rng.uniform(-self.hue, self.hue))
        steps += [(name, drawn[name]) for name in rng.permutation(list(drawn)).tolist()]
        return ClipColoursDraw(tuple(steps))


@dataclass(frozen=True, slots=True)
class ClipColoursDraw:
    """steps: (name, factor) in order; that of "hue" is an angle, in shares of the full circle."""

    steps: tuple[tuple[str, float], ...]

    def __call__(self, picture: NDArray[np.uint8]) -> None:
        where = [name for name, _ in self.steps].index("hue")
        _apply(self.steps[:where], picture)
        _turn_hue(self.steps[where][1], picture)
        _apply(self.steps[where + 1 :], picture)


def _apply(steps: Sequence[tuple[str, float]], picture: NDArray[np.uint8]) -> None:
    if steps:
        picture[:] = cv2.transform(picture, _chain(steps, _mean_colour(picture))[:3])


def _turn_hue(angle: float, picture: NDArray[np.uint8]) -> None:
    hsv = cv2.cvtColor(picture, cv2.COLOR_RGB2HSV_FULL)
    hsv[..., 0] += np.uint8(round(angle * HUES) % HUES)  # runs over at the end of the circle, as it should
    picture[:] = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB_FULL)
