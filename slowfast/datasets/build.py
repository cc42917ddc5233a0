"""From a config to a data set and its loader."""

from __future__ import annotations

import logging
from typing import cast

import torch
from fvcore.common.config import CfgNode

from slowfast.config import ConfigError
from slowfast.datasets.clip_dataset import ClipDataset
from slowfast.datasets.errors import DatasetError
from slowfast.datasets.lane_loader import LaneLoader, Lanes
from slowfast.datasets.lanes import EvaluationLanes, TrainingLanes
from slowfast.datasets.loader import ClipLoader
from slowfast.datasets.new_videos import of_new_videos
from slowfast.datasets.readable_whole import ReadableWhole
from slowfast.datasets.samplers import SampleOrder, SequentialOrder, ShuffledOrder
from slowfast.datasets.video_dataset import VideoDataset
from slowfast.datasets.whole_videos import WholeVideos
from slowfast.registry import DATASETS, UnknownNameError
from slowfast.runtime.main_script import leave_if_imported_again

logger = logging.getLogger(__name__)

SPLITS = ("train", "val", "test")

PIECES_OF_A_CLIP = 5
"""Of the clips that whole videos are compared with: what progressive training takes by default."""


def build_dataset(cfg: CfgNode, split: str) -> ClipDataset:
    """The data set that TRAIN.DATASET (train, val) or TEST.DATASET (test) names; of new videos, if TEST.VIDEOS tells of some.
    Raises ConfigError, DatasetError."""
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
    if split == "test" and cfg.TEST.VIDEOS:
        dataset = of_new_videos(cfg, dataset)
    if split == "train" and cfg.AUG.ENABLE and not dataset.augments:
        why = f"the data set {cfg.TRAIN.DATASET!r} does not augment its clips"
        raise ConfigError(key="AUG.ENABLE", value=True, why=why, right="False")
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
    cfg: CfgNode,
    split: str,
    *,
    batch_size: int,
    rank: int = 0,
    world_size: int = 1,
    num_workers: int = 0,
    dataset: ClipDataset | None = None,
) -> ClipLoader | LaneLoader:
    """Loader of process `rank` of `world_size`; `batch_size` is that of one process: clips, or lanes of whole videos.

    Training is shuffled and drops what does not fill a global batch; evaluation takes every sample once, in order. dataset:
    where it is not all of the split. Raises ConfigError, DatasetError.
    """
    dataset = build_dataset(cfg, split) if dataset is None else dataset
    pin_memory = cfg.DATA_LOADER.PIN_MEMORY and torch.cuda.is_available() and cfg.NUM_GPUS != 0
    if cfg.DATA.LANE_PIECES:
        videos = whole_videos(cfg, dataset, split)
        if cfg.DETECTION.ENABLE:
            _tell_of_frames(cfg, videos, clips=len(dataset))
        return LaneLoader(
            videos,
            _lanes(cfg, videos, split, batch_size=batch_size, rank=rank, world_size=world_size),
            num_workers=num_workers,
            pin_memory=pin_memory,
            max_bad_share=cfg.TRAIN.MAX_BAD_SHARE if split == "train" else 1.0,
        )
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
        pin_memory=pin_memory,
        max_bad_share=cfg.TRAIN.MAX_BAD_SHARE,
        leaves_out=split != "train" and cfg.TEST.SKIP_UNREADABLE,
    )


def whole_videos(cfg: CfgNode, dataset: ClipDataset, split: str) -> WholeVideos:
    """The data set's videos from their first frame to their last. Raises ConfigError for data sets that have none."""
    if not isinstance(dataset, ReadableWhole):
        name = cfg["TEST" if split == "test" else "TRAIN"].DATASET
        raise ConfigError(
            key="DATA.LANE_PIECES",
            value=cfg.DATA.LANE_PIECES,
            right="0, for clips",
            why=f"the samples of the data set {name} cannot be read as whole videos",
        )
    if cfg.DETECTION.ENABLE and not dataset.has_boxes:
        why = "the data set has labels of whole videos, but no boxes of persons"
        raise ConfigError(key="DETECTION.ENABLE", value=True, why=why, right="False, or a data set such as ava")
    return WholeVideos(
        dataset,
        piece_frames=cfg.DATA.NUM_FRAMES // cfg.DATA.LANE_PIECES,
        max_seconds=cfg.DATA.MAX_SECONDS,
        goes_on=split == "train" or cfg.TEST.SKIP_UNREADABLE,
    )


def _lanes(cfg: CfgNode, videos: WholeVideos, split: str, *, batch_size: int, rank: int, world_size: int) -> Lanes:
    lengths, pieces = videos.lengths, cfg.DATA.LANE_PIECES
    if split != "train":
        return EvaluationLanes(
            lengths=lengths, lanes=batch_size, pieces=pieces, rank=rank, world_size=world_size, groups=videos.shapes
        )
    lanes = TrainingLanes(lengths=lengths, lanes=batch_size, pieces=pieces, seed=cfg.RNG_SEED, rank=rank, world_size=world_size)
    if not len(lanes):
        raise DatasetError(
            path=cfg.DATA.PATH_TO_DATA_DIR,
            found=f"training videos of {sum(lengths)} pieces in all, fewer than one batch of {batch_size * world_size} lanes, "
            f"{pieces} pieces each (TRAIN.BATCH_SIZE, DATA.LANE_PIECES)",
            expected="fewer lanes, or more or longer videos",
        )
    return lanes


def _tell_of_frames(cfg: CfgNode, videos: WholeVideos, *, clips: int) -> None:
    """How many frames one pass over the videos reads, and how many clips would, one around each annotated second."""
    frames = PIECES_OF_A_CLIP * (cfg.DATA.NUM_FRAMES // cfg.DATA.LANE_PIECES)
    logger.info(
        "one pass of %d frames over %d videos instead of %d clips x %d frames (%d steps each): %.1f times fewer",
        videos.num_frames,
        len(videos.videos),
        clips,
        frames,
        PIECES_OF_A_CLIP,
        clips * frames / max(videos.num_frames, 1),
    )
