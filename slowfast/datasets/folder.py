"""Your own videos, as `tools/prepare_data.py` lists them: with one label each, or with several.

One label a video: read and sampled like Kinetics. Several labels, or labels at times: like Charades, at 24 frames a second,
but with a validation list of its own and with videos of any kind. The number of classes and where the videos lie have been
settled when the config was read; see `slowfast.config.prepared_folder`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

from fvcore.common.config import CfgNode

from slowfast.annotations.csv_reading import read_rows
from slowfast.config.prepared_folder import DATASET, FolderManifest
from slowfast.datasets.charades import FPS, sampling_rules
from slowfast.datasets.charades_csv import oddities, read_annotation
from slowfast.datasets.kinetics import build_kinetics
from slowfast.datasets.labels import IntervalLabels
from slowfast.datasets.sources import GridSource
from slowfast.datasets.video_dataset import VideoDataset
from slowfast.datasets.video_files import VideoFiles
from slowfast.registry import DATASETS
from slowfast.structures import VideoRecord

logger = logging.getLogger(__name__)

INTERVAL_LISTS = {split: f"Charades_v1_{split}.csv" for split in ("train", "val", "test")}
"""Lists of videos with several labels, in the form of Charades."""


def build_folder(cfg: CfgNode, split: str) -> VideoDataset:
    """Raises ConfigError when the folder was not prepared, DatasetError when its lists are missing or wrong."""
    folder = Path(cfg.DATA.PATH_TO_DATA_DIR)
    manifest = FolderManifest.read(folder)
    dataset = _build_intervals(cfg, split, manifest) if manifest.multi_label else build_kinetics(cfg, split)
    logger.info(
        "%s, %s: %d videos, %d classes (MODEL.NUM_CLASSES, from the folder), %s",
        folder, split, len(dataset.records), dataset.num_classes,
        "several labels a video" if manifest.multi_label else "one label a video",
    )  # fmt: skip
    return dataset


DATASETS.register(DATASET)(build_folder)


def _build_intervals(cfg: CfgNode, split: str, manifest: FolderManifest) -> VideoDataset:
    return VideoDataset.from_cfg(
        cfg,
        split,
        records=tuple(_records(cfg, Path(cfg.DATA.PATH_TO_DATA_DIR) / INTERVAL_LISTS[split])),
        class_names=manifest.classes,
        source=GridSource(FPS, VideoFiles.from_cfg(cfg)),
        rules=sampling_rules(cfg, split),
        labels=IntervalLabels(num_classes=len(manifest.classes), fps=FPS, whole_video=split != "train"),
    )


def _records(cfg: CfgNode, annotation: Path) -> Iterator[VideoRecord]:
    paths = {values["id"]: values["path"] for _, values in read_rows(annotation, ("id", "path"), strict=False)}
    rows = read_annotation(annotation, cfg.MODEL.NUM_CLASSES)
    for oddity in oddities(annotation, rows):
        logger.warning(oddity)
    for row in rows:
        yield VideoRecord(
            video_id=row.video_id,
            path=str(Path(cfg.DATA.PATH_PREFIX) / paths[row.video_id]),
            source=f"{annotation}, row {row.row}",
            actions=row.actions,
        )
