"""The entries of LongCook in the registry of data sets."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from fvcore.common.config import CfgNode

from longcook.manifest import Recipe
from longcook.script import COMPOSITES
from longcook.writing import write_longcook
from slowfast.config import ConfigError
from slowfast.datasets.ava import build_ava
from slowfast.datasets.charades import build_charades
from slowfast.datasets.clip_dataset import ClipDataset
from slowfast.datasets.kinetics import build_kinetics
from slowfast.registry import DATASETS

_MOST_PROCESSES = 8  # beyond, starting them takes longer than what they draw


@dataclass(frozen=True, slots=True)
class LongCook:
    """An entry of the registry: writes LongCook to DATA.PATH_TO_DATA_DIR if it is missing there, and reads it as what it is,
    a folder of another data set.

    Raises ConfigError when no folder is given, DatasetError when the folder holds something else.
    """

    format: str
    read: Callable[[CfgNode, str], ClipDataset]

    def __call__(self, cfg: CfgNode, split: str) -> ClipDataset:
        folder = cfg.DATA.PATH_TO_DATA_DIR
        if not folder:
            raise ConfigError(
                key="DATA.PATH_TO_DATA_DIR", value=folder, why="LongCook needs a folder to be written to", right="data/longcook"
            )
        recipe = Recipe(
            format=self.format,
            num_train=cfg.LONGCOOK.NUM_TRAIN,
            num_val=cfg.LONGCOOK.NUM_VAL,
            num_test=cfg.LONGCOOK.NUM_TEST,
            seed=cfg.LONGCOOK.SEED,
            minutes=cfg.LONGCOOK.MINUTES if self.format == "hour" else None,
            tables=cfg.LONGCOOK.TABLES if self.format == "hour" else None,
        )
        write_longcook(folder, recipe, num_processes=min(_MOST_PROCESSES, os.cpu_count() or 1))
        return self.read(cfg, split)


CLASS_GROUPS = {"atomic": tuple(range(COMPOSITES.start)), "composite": tuple(COMPOSITES)}

build_longcook = DATASETS.register("longcook")(LongCook("charades", partial(build_charades, class_groups=CLASS_GROUPS)))
build_longcook_hour = DATASETS.register("longcook_hour")(LongCook("hour", partial(build_charades, class_groups=CLASS_GROUPS)))
build_longcook_kinetics = DATASETS.register("longcook_kinetics")(LongCook("kinetics", build_kinetics))
build_longcook_ava = DATASETS.register("longcook_ava")(LongCook("ava", partial(build_ava, class_groups=CLASS_GROUPS)))
