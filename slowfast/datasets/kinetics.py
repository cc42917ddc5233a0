"""Kinetics (Kay et al., arXiv:1705.06950), or any data set that lists videos with one label each.

Sampling follows PySlowFast: frames spread over a stretch of the video as long as the clip would last at DATA.TARGET_FPS.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from fvcore.common.config import CfgNode

from slowfast.config import ConfigError
from slowfast.config.comparing import tell_without_effect
from slowfast.datasets.clip_sampling import ClipRule, CyclicSpacedClips, RandomSpacedClip, UniformSpacedClips
from slowfast.datasets.errors import DatasetError
from slowfast.datasets.kinetics_lists import CLASS_FILE, read_list, read_names
from slowfast.datasets.labels import ClassLabel
from slowfast.datasets.remote_files import is_remote
from slowfast.datasets.same_file import missing
from slowfast.datasets.sources import FileSource
from slowfast.datasets.transforms import FixedCrops, SpatialRule, random_crops
from slowfast.datasets.video_dataset import VideoDataset
from slowfast.datasets.video_files import VideoFiles
from slowfast.registry import DATASETS
from slowfast.structures import VideoRecord

logger = logging.getLogger(__name__)

LOOKED_FOR = 64
"""Videos of a list whose files are looked for, at least and twice as many at most, before hours are spent."""


def build_kinetics(cfg: CfgNode, split: str, *, class_groups: Mapping[str, tuple[int, ...]] | None = None) -> VideoDataset:
    """Videos of `train.csv`, `val.csv` or `test.csv`; names of the classes from `classes.txt`, if there is one.

    class_groups: see VideoDataset. Raises ConfigError for options that do not go with one label a video, DatasetError when
    the list is missing or wrong.
    """
    _check(cfg)
    folder = Path(cfg.DATA.PATH_TO_DATA_DIR)
    if not folder.is_dir():
        raise DatasetError(
            path=str(folder), found="there is no such folder", expected="the data set here (DATA.PATH_TO_DATA_DIR)"
        )
    records = read_list(
        folder / f"{split}.csv",
        separator=cfg.DATA.PATH_LABEL_SEPARATOR,
        num_classes=cfg.MODEL.NUM_CLASSES,
        prefix=cfg.DATA.PATH_PREFIX or str(folder),
    )
    _tell_if_absent(records, folder / f"{split}.csv")
    if split == "val":
        logger.info("validation sees one random clip a video, as PySlowFast does: expect less than in tests")
    return VideoDataset.from_cfg(
        cfg,
        split,
        records=records,
        class_names=read_names(folder / CLASS_FILE, cfg.MODEL.NUM_CLASSES),
        source=FileSource(VideoFiles.from_cfg(cfg)),
        rules=sampling_rules(cfg, split),
        labels=ClassLabel(),
        class_groups=class_groups,
    )


DATASETS.register("kinetics")(build_kinetics)


def _tell_if_absent(records: Sequence[VideoRecord], path: Path) -> None:
    """Warns when none of the listed videos is there, by looking for some of them. A single missing one is told when it is to
    be read, or before by DATA.CHECK_FILES."""
    looked_for = [records[number] for number in range(0, len(records), max(1, len(records) // LOOKED_FOR))]
    if any(is_remote(record.path) or Path(record.path).is_file() for record in looked_for):
        return
    first = records[0].path
    logger.warning(
        "%s: none of %d videos that were looked for is there (%s: %s); right would be paths of video files, with their "
        "endings, below DATA.PATH_PREFIX, or below DATA.PATH_TO_DATA_DIR if that is empty",
        path, len(looked_for), first, "this is a folder" if Path(first).is_dir() else missing(first),
    )  # fmt: skip


def sampling_rules(cfg: CfgNode, split: str) -> tuple[ClipRule, SpatialRule]:
    """Which frames, and which part of them: random in training and validation, fixed in tests."""
    tell_without_effect(cfg, ["DATA.FULL_TIME_EVAL"], "validation takes one random clip a video, by the rules of Kinetics")
    length, step, fps, views = (
        cfg.DATA.NUM_FRAMES, cfg.DATA.SAMPLING_RATE, cfg.DATA.TARGET_FPS, cfg.TEST.NUM_ENSEMBLE_VIEWS,
    )  # fmt: skip
    if split != "test":
        return RandomSpacedClip(length, step, fps), random_crops(cfg, split)
    crops = evaluation_crops(cfg)
    if cfg.DATA.CYCLIC_LOAD:
        return CyclicSpacedClips(length, step, fps, views), crops
    return UniformSpacedClips(length, step, fps, views, reach_end=cfg.DATA.USE_OFFSET_SAMPLING), crops


def evaluation_crops(cfg: CfgNode) -> FixedCrops:
    """A single crop is taken out of a picture scaled to the smallest short side of training, not to its own size."""
    size, num_crops = cfg.DATA.TEST_CROP_SIZE, cfg.TEST.NUM_SPATIAL_CROPS
    short_side = size if num_crops > 1 else max(size, cfg.DATA.TRAIN_JITTER_SCALES[0])
    return FixedCrops(size=size, num_crops=num_crops, short_side=short_side)


def _check(cfg: CfgNode) -> None:
    if not cfg.DATA.PATH_TO_DATA_DIR:
        raise ConfigError(
            key="DATA.PATH_TO_DATA_DIR", value="", why="nothing says where the data set lies",
            right="the folder that holds train.csv, val.csv and test.csv",
        )  # fmt: skip
    if not cfg.DATA.PATH_LABEL_SEPARATOR:
        raise ConfigError(
            key="DATA.PATH_LABEL_SEPARATOR", value="", why="nothing would part path and label", right="a blank, ' '"
        )
    if cfg.DATA.MULTI_LABEL:
        raise ConfigError(
            key="DATA.MULTI_LABEL", value=True, why="the lists of Kinetics give each video one label", right="False"
        )
