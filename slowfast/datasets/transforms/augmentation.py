"""What training changes in a clip besides where it is cut out, as the section AUG says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from fvcore.common.config import CfgNode
from numpy.typing import NDArray

from slowfast.config.rand_augment import RandAugmentText
from slowfast.datasets.transforms.colour import ClipColours, ColourRule, PlainJitter
from slowfast.datasets.transforms.erasing import Erasing
from slowfast.datasets.transforms.rand_augment import INTERPOLATIONS, AsTheyAre, PictureRule, RandAugment


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """pictures: whole, before they are cut out. erasing: of what is cut out; None: nothing is erased. num_samples: rows that
    are made of a clip once it is decoded, each with draws of its own. spares_first: whether nothing is erased in the first.
    """

    pictures: PictureRule = field(default_factory=AsTheyAre)
    erasing: Erasing | None = None
    num_samples: int = 1
    spares_first: bool = False

    @classmethod
    def from_cfg(cls, cfg: CfgNode, split: str) -> Augmentation:
        """That of a data set's training; elsewhere nothing changes."""
        aug = cfg.AUG
        if split != "train" or not aug.ENABLE:
            return cls()
        pictures = RandAugment(
            text=RandAugmentText.read(aug.AA_TYPE),
            interpolations=INTERPOLATIONS[aug.INTERPOLATION],
            largest=cfg.DATA.TRAIN_JITTER_SCALES[1],
        ) if aug.AA_TYPE else AsTheyAre()  # fmt: skip
        return cls(
            pictures=pictures,
            erasing=Erasing.from_cfg(cfg) if aug.RE_PROB else None,
            num_samples=aug.NUM_SAMPLE,
            spares_first=aug.RE_SPLIT,
        )

    def erase(self, samples: Sequence[NDArray[np.uint8]], rng: np.random.Generator) -> None:
        """samples: the pictures (T, H, W, 3) of each row, which are changed in place."""
        if self.erasing is not None:
            for pictures in samples[int(self.spares_first) :]:
                self.erasing(pictures, rng)


def clip_colours(cfg: CfgNode, split: str) -> ColourRule:
    """How training changes colours in what is cut out; elsewhere they stay."""
    if split == "train" and cfg.AUG.ENABLE and not cfg.AUG.AA_TYPE and cfg.AUG.COLOR_JITTER:
        return PlainJitter(cfg.AUG.COLOR_JITTER)
    return ClipColours.from_cfg(cfg, split)
