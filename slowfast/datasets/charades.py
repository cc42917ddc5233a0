"""Charades (Sigurdsson et al., arXiv:1604.01753) from its original csv files and videos.

The published figures stem from frames taken out at 24 a second, so clips are sampled on that grid, whatever the rate of the
videos. Labels are those of the intervals in the csv files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from fvcore.common.config import CfgNode

from slowfast.config import ConfigError
from slowfast.datasets.charades_csv import CLASS_FILE, CharadesRow, read_annotation, read_class_names
from slowfast.datasets.clip_sampling import ClipRule, RandomStridedClip, UniformStridedClips
from slowfast.datasets.errors import DatasetError
from slowfast.datasets.labels import IntervalLabels
from slowfast.datasets.sources import GridSource
from slowfast.datasets.transforms import FixedCrops, RandomCrop, SpatialRule
from slowfast.datasets.video_dataset import VideoDataset
from slowfast.registry import DATASETS
from slowfast.structures import VideoRecord

FPS = 24
ANNOTATION_FILES = {"train": "Charades_v1_train.csv", "val": "Charades_v1_test.csv", "test": "Charades_v1_test.csv"}
VIDEO_FOLDERS = ("", "videos", "Charades_v1_480", "Charades_v1")


@DATASETS.register("charades")
def build_charades(cfg: CfgNode, split: str, *, class_groups: Mapping[str, tuple[int, ...]] | None = None) -> VideoDataset:
    """Charades, or any data set in its format: `val` and `test` both read the test list. class_groups: see VideoDataset.

    Raises ConfigError when no folder is given, DatasetError when the annotation or all videos are missing or wrong.
    """
    if not cfg.DATA.PATH_TO_DATA_DIR:
        raise ConfigError(
            key="DATA.PATH_TO_DATA_DIR", value="", why="nothing says where the data set lies",
            right=f"the folder that holds {ANNOTATION_FILES['train']} and {ANNOTATION_FILES['test']}",
        )  # fmt: skip
    folder = Path(cfg.DATA.PATH_TO_DATA_DIR)
    if not folder.is_dir():
        raise DatasetError(
            path=str(folder), found="there is no such folder", expected="the data set here (DATA.PATH_TO_DATA_DIR)"
        )
    num_classes = cfg.MODEL.NUM_CLASSES
    annotation = folder / ANNOTATION_FILES[split]
    rows = read_annotation(annotation, num_classes)
    video_folder = find_video_folder(Path(cfg.DATA.PATH_PREFIX or folder), [row.video_id for row in rows])
    clips, crops = sampling_rules(cfg, split)
    return VideoDataset(
        records=tuple(_records(rows, annotation, video_folder)),
        class_names=read_class_names(folder / CLASS_FILE, num_classes),
        source=GridSource(FPS),
        clips=clips,
        crops=crops,
        labels=IntervalLabels(num_classes=num_classes, fps=FPS, whole_video=split != "train"),
        seed=cfg.RNG_SEED,
        replaces=split == "train",
        class_groups=class_groups,
    )


def sampling_rules(cfg: CfgNode, split: str) -> tuple[ClipRule, SpatialRule]:
    """Which frames, and which part of them: random in training, fixed in tests.

    Validation takes fixed views with one crop, but random clips as in training where DATA.FULL_TIME_EVAL is off.
    """
    length, step, views = cfg.DATA.NUM_FRAMES, cfg.DATA.SAMPLING_RATE, cfg.TEST.NUM_ENSEMBLE_VIEWS
    if split == "train" or (split == "val" and not cfg.DATA.FULL_TIME_EVAL):
        return RandomStridedClip(length, step), RandomCrop.from_cfg(cfg)
    if split == "val":
        return UniformStridedClips(length, step, views), FixedCrops(size=cfg.DATA.TRAIN_CROP_SIZE)
    crops = FixedCrops(size=cfg.DATA.TEST_CROP_SIZE, num_crops=cfg.TEST.NUM_SPATIAL_CROPS)
    return UniformStridedClips(length, step, views), crops


def find_video_folder(folder: Path, video_ids: Sequence[str]) -> Path:
    """`folder`, or the one inside it that archives of Charades unpack to, whichever has the first video that is found."""
    for name in VIDEO_FOLDERS:
        if any((folder / name / f"{video_id}.mp4").is_file() for video_id in video_ids):
            return folder / name
    raise DatasetError(
        path=str(folder),
        found=f"none of the {len(video_ids)} listed videos, here or in {', '.join(f'{name}/' for name in VIDEO_FOLDERS[1:])}",
        expected=f"files like {video_ids[0]}.mp4 (DATA.PATH_PREFIX, or DATA.PATH_TO_DATA_DIR if that is empty)",
    )


def _records(rows: Sequence[CharadesRow], annotation: Path, video_folder: Path) -> Iterator[VideoRecord]:
    for row in rows:
        yield VideoRecord(
            video_id=row.video_id,
            path=str(video_folder / f"{row.video_id}.mp4"),
            source=f"{annotation}, row {row.row}",
            actions=row.actions,
        )
