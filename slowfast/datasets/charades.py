"""Charades (Sigurdsson et al., arXiv:1604.01753), from its original csv files and videos or from PySlowFast's lists of frames.

The published figures stem from frames taken out at 24 a second, so clips of videos are sampled on that grid, whatever their
own rate, and both ways give the same samples. Labels are those of the intervals in the csv files, or of the rows of the lists.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from fvcore.common.config import CfgNode

from slowfast.config import ConfigError
from slowfast.config.comparing import tell_without_effect
from slowfast.datasets.charades_csv import CLASS_FILE, CharadesRow, oddities, read_annotation, read_class_names
from slowfast.datasets.clip_sampling import ClipRule, RandomStridedClip, UniformStridedClips
from slowfast.datasets.errors import DatasetError
from slowfast.datasets.frame_folder import open_listed
from slowfast.datasets.frame_lists import HEADER, has_frame_list_header, read_frame_list
from slowfast.datasets.labels import IntervalLabels
from slowfast.datasets.sources import FrameSource, GridSource
from slowfast.datasets.transforms import FixedCrops, SpatialRule, random_crops
from slowfast.datasets.video_dataset import VideoDataset
from slowfast.datasets.video_files import VideoFiles
from slowfast.registry import DATASETS
from slowfast.structures import VideoRecord

logger = logging.getLogger(__name__)

FPS = 24
VALIDATION_FILE = "Charades_v1_val.csv"
"""Read in validation where a folder holds it; Charades itself has only a training and a test list."""

ANNOTATION_FILES = {"train": "Charades_v1_train.csv", "val": "Charades_v1_test.csv", "test": "Charades_v1_test.csv"}
FRAME_LISTS = {"train": "train.csv", "val": "val.csv", "test": "val.csv"}
VIDEO_FOLDERS = ("", "videos", "Charades_v1_480", "Charades_v1")

Reader = Callable[[CfgNode, Path, str], tuple[Sequence[VideoRecord], FrameSource]]


def build_charades(cfg: CfgNode, split: str, *, class_groups: Mapping[str, tuple[int, ...]] | None = None) -> VideoDataset:
    """Charades, or any data set in its format. class_groups: see VideoDataset.

    `val` reads VALIDATION_FILE where the folder holds one, else the test list, as PySlowFast does.
    Raises ConfigError when no folder is given, DatasetError when annotation or all videos are missing or wrong.
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
    records, source = choose_reader(folder, split)(cfg, folder, split)
    return VideoDataset.from_cfg(
        cfg,
        split,
        records=records,
        class_names=read_class_names(folder / CLASS_FILE, cfg.MODEL.NUM_CLASSES),
        source=source,
        rules=sampling_rules(cfg, split),
        labels=IntervalLabels(num_classes=cfg.MODEL.NUM_CLASSES, fps=FPS, whole_video=split != "train"),
        class_groups=class_groups,
    )


DATASETS.register("charades")(build_charades)


def annotation_file(folder: Path, split: str) -> Path:
    """The csv file with the intervals of a split."""
    own = folder / VALIDATION_FILE
    return own if split == "val" and own.exists() else folder / ANNOTATION_FILES[split]


def choose_reader(folder: Path, split: str) -> Reader:
    """By what the folder holds; the original annotation goes before lists of frames. Raises DatasetError for neither."""
    annotation, frame_list = annotation_file(folder, split), folder / FRAME_LISTS[split]
    if annotation.exists():
        return _read_videos
    if has_frame_list_header(frame_list):
        return _read_frames
    if frame_list.exists():
        found = f"{frame_list.name} is no list of frames, and there is no {annotation.name}{_why_not(frame_list)}"
    else:
        found = f"neither {annotation.name} nor {frame_list.name} is here"
    raise DatasetError(
        path=str(folder), found=found, expected=f"{annotation.name}, or {frame_list.name} with the header {HEADER!r}"
    )


def _why_not(frame_list: Path) -> str:
    """What keeps a file from being read as a list of frames, but for a header that is no such list's."""
    try:
        read_frame_list(frame_list, 0)
    except DatasetError as error:
        return "" if error.row == 1 and "the first line" in error.found else f" ({error.found})"
    return ""


def _read_videos(cfg: CfgNode, folder: Path, split: str) -> tuple[Sequence[VideoRecord], FrameSource]:
    annotation = annotation_file(folder, split)
    rows = read_annotation(annotation, cfg.MODEL.NUM_CLASSES)
    for oddity in oddities(annotation, rows):
        logger.warning(oddity)
    video_folder = find_video_folder(Path(cfg.DATA.PATH_PREFIX or folder), [row.video_id for row in rows])
    return tuple(_video_records(rows, annotation, video_folder)), GridSource(FPS, VideoFiles.from_cfg(cfg))


def _read_frames(cfg: CfgNode, folder: Path, split: str) -> tuple[Sequence[VideoRecord], FrameSource]:
    path = folder / FRAME_LISTS[split]
    videos = read_frame_list(path, cfg.MODEL.NUM_CLASSES)
    prefix = cfg.DATA.PATH_PREFIX or str(folder)
    records = tuple(
        VideoRecord(video_id=name, path=f"{prefix}/{name}", source=f"{path}, row {video.row}", actions=video.actions(FPS))
        for name, video in videos.items()
    )
    return records, open_listed(records, videos, prefix=prefix, fps=FPS, remote=VideoFiles.from_cfg(cfg).remote)


def sampling_rules(cfg: CfgNode, split: str) -> tuple[ClipRule, SpatialRule]:
    """Which frames, and which part of them: random in training, fixed in tests.

    Validation takes fixed views with one crop, but random clips as in training where DATA.FULL_TIME_EVAL is off.
    """
    ignored = ["DATA.CYCLIC_LOAD", "DATA.USE_OFFSET_SAMPLING", *(["DATA.TARGET_FPS"] if cfg.DATA.TARGET_FPS != FPS else [])]
    tell_without_effect(cfg, ignored, f"clips are taken at {FPS} frames a second, by the rules of Charades")
    tell_without_effect(cfg, ["DATA.PATH_LABEL_SEPARATOR"], "these lists are csv files with a header, in the form of Charades")
    length, step, views = cfg.DATA.NUM_FRAMES, cfg.DATA.SAMPLING_RATE, cfg.TEST.NUM_ENSEMBLE_VIEWS
    if split == "train" or (split == "val" and not cfg.DATA.FULL_TIME_EVAL):
        return RandomStridedClip(length, step), random_crops(cfg, split)
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


def _video_records(rows: Sequence[CharadesRow], annotation: Path, video_folder: Path) -> Iterator[VideoRecord]:
    for row in rows:
        yield VideoRecord(
            video_id=row.video_id,
            path=str(video_folder / f"{row.video_id}.mp4"),
            source=f"{annotation}, row {row.row}",
            actions=row.actions,
        )
