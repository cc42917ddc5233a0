"""From a config to a data set and its loader."""

from __future__ import annotations

from typing import cast

import torch
from fvcore.common.config import CfgNode

from slowfast.config import ConfigError
from slowfast.datasets.clip_dataset import ClipDataset
from slowfast.datasets.errors import DatasetError
from slowfast.datasets.loader import ClipLoader
from slowfast.datasets.samplers import SampleOrder, SequentialOrder, ShuffledOrder
from slowfast.datasets.video_dataset import VideoDataset
from slowfast.registry import DATASETS, UnknownNameError
from slowfast.runtime.main_script import leave_if_imported_again

SPLITS = ("train", "val", "test")


def build_dataset(cfg: CfgNode, split: str) -> ClipDataset:
    """The data set that TRAIN.DATASET (train, val) or TEST.DATASET (test) names. Raises ConfigError, DatasetError."""
    leave_if_imported_again()
    assert split in SPLITS, split
    section = "TEST" if split == "test" else "TRAIN"
    check_clip_length(cfg)
    try:
        build = DATASETS.get(cfg[section].DATASET)
    except UnknownNameError as error:
        raise ConfigError(
            key=f"{section}.DATASET", value=cfg[section].DATASET, why=str(error), right=f"one of {', '.join(DATASETS)}"
        ) from None
    dataset = cast(ClipDataset, build(cfg, split))  # as the registry asks; its place below this part keeps the type out of it
    if cfg.DATA.CHECK_FILES and isinstance(dataset, VideoDataset):
        dataset.check_files()
    dataset.time_limit_sec = cfg.DATA_LOADER.VIDEO_TIMEOUT_SEC
    return dataset


def check_clip_length(cfg: CfgNode) -> None:
    """Raises ConfigError where the length of a clip was left to a project, and none said it."""
    if cfg.DATA.NUM_FRAMES < 1:
        raise ConfigError(
            key="DATA.NUM_FRAMES", value=cfg.DATA.NUM_FRAMES, why="no project derives the length of a clip", right="at least 1"
        )


def build_loader(
    cfg: CfgNode, split: str, *, batch_size: int, rank: int = 0, world_size: int = 1, num_workers: int = 0
) -> ClipLoader:
    """Loader of process `rank` of `world_size`; `batch_size` is that of one process.

    Training is shuffled and drops what does not fill a global batch; evaluation takes every sample once, in order. Raises
    ConfigError, DatasetError.
    """
    dataset = build_dataset(cfg, split)
    order: SampleOrder
    if split == "train":
        order = ShuffledOrder(
            num_samples=len(dataset), batch_size=batch_size, seed=cfg.RNG_SEED, rank=rank, world_size=world_size
        )
        if not len(order):
            raise DatasetError(
                path=cfg.DATA.PATH_TO_DATA_DIR,
                found=f"{len(dataset)} training samples, fewer than one batch of {batch_size * world_size}",
                expected=f"TRAIN.BATCH_SIZE {max(len(dataset) // world_size, 1) * world_size} or less",
            )
    else:
        order = SequentialOrder(
            num_samples=len(dataset), batch_size=batch_size, rank=rank, world_size=world_size, breaks=dataset.breaks
        )
    return ClipLoader(
        dataset=dataset,
        order=order,
        num_workers=num_workers,
        pin_memory=cfg.DATA_LOADER.PIN_MEMORY and torch.cuda.is_available() and cfg.NUM_GPUS != 0,
        max_bad_share=cfg.TRAIN.MAX_BAD_SHARE,
        leaves_out=split != "train" and cfg.TEST.SKIP_UNREADABLE,
    )
