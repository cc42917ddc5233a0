"""The entry of LongCook in the registry of data sets."""

from __future__ import annotations

import os

from fvcore.common.config import CfgNode

from slowfast.config import ConfigError
from slowfast.datasets.charades import build_charades
from slowfast.datasets.longcook.script import COMPOSITES
from slowfast.datasets.longcook.writing import write_longcook
from slowfast.datasets.video_dataset import VideoDataset
from slowfast.registry import DATASETS

_MOST_PROCESSES = 8  # beyond, starting them takes longer than what they draw


@DATASETS.register("longcook")
def build_longcook(cfg: CfgNode, split: str) -> VideoDataset:
    """Writes LongCook to DATA.PATH_TO_DATA_DIR if it is missing there, and reads it as what it is: a Charades folder.

    Raises ConfigError when no folder is given, DatasetError when the folder holds something else.
    """
    folder = cfg.DATA.PATH_TO_DATA_DIR
    if not folder:
        raise ConfigError(
            key="DATA.PATH_TO_DATA_DIR", value=folder, why="LongCook needs a folder to be written to", right="data/longcook"
        )
    write_longcook(
        folder,
        num_train=cfg.LONGCOOK.NUM_TRAIN,
        num_test=cfg.LONGCOOK.NUM_TEST,
        seed=cfg.LONGCOOK.SEED,
        num_processes=min(_MOST_PROCESSES, os.cpu_count() or 1),
    )
    groups = {"atomic": tuple(range(COMPOSITES.start)), "composite": tuple(COMPOSITES)}
    dataset: VideoDataset = build_charades(cfg, split, class_groups=groups)
    return dataset
