"""Something-Something v2 (Goyal et al., arXiv:1706.04261), from its json files and PySlowFast's lists of frames, or its videos.

A clip always spans the whole video, which PySlowFast cuts into as many parts as the clip has frames: a random frame of each in
training, the middle one otherwise. So DATA.SAMPLING_RATE plays no part, and temporal views would be all the same.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from fvcore.common.config import CfgNode

from slowfast.config import ConfigError
from slowfast.config.comparing import tell_without_effect
from slowfast.datasets.clip_sampling import SegmentClip
from slowfast.datasets.errors import DatasetError, OnFault, stop
from slowfast.datasets.frame_folder import open_listed
from slowfast.datasets.frame_lists import ListedFrames, has_frame_list_header, read_frame_list
from slowfast.datasets.labels import ClassLabel
from slowfast.datasets.sources import FileSource, FrameSource
from slowfast.datasets.ssv2_lists import ANNOTATION_FILES, LABEL_FILE, LabelledVideo, read_labels, read_videos
from slowfast.datasets.transforms import FixedCrops, SpatialRule, random_crops
from slowfast.datasets.video_dataset import VideoDataset
from slowfast.datasets.video_files import VideoFiles
from slowfast.registry import DATASETS
from slowfast.structures import VideoRecord

logger = logging.getLogger(__name__)

UNREAD = (
    *("DATA.PATH_LABEL_SEPARATOR", "DATA.SAMPLING_RATE", "DATA.TARGET_FPS"),
    *("DATA.USE_OFFSET_SAMPLING", "DATA.CYCLIC_LOAD", "DATA.FULL_TIME_EVAL"),
)
FPS = 30
"""Of the frame folders; the videos themselves have 12."""

FRAME_LISTS = {"train": "train.csv", "val": "val.csv", "test": "val.csv"}
VIDEO_FOLDERS = ("", "videos", "20bn-something-something-v2")
ENDINGS = (".webm", ".mp4")


def build_ssv2(cfg: CfgNode, split: str, *, class_groups: Mapping[str, tuple[int, ...]] | None = None) -> VideoDataset:
    """Frames of `train.csv` or `val.csv` where such a list is there, else videos; `test` reads what `val` reads.

    class_groups: see VideoDataset. Raises ConfigError for options that do not go with one label a video, DatasetError when
    annotation, lists or all videos are missing or wrong.
    """
    _check(cfg)
    folder = Path(cfg.DATA.PATH_TO_DATA_DIR)
    if not folder.is_dir():
        raise DatasetError(
            path=str(folder), found="there is no such folder", expected="the data set here (DATA.PATH_TO_DATA_DIR)"
        )
    labels = read_labels(folder / LABEL_FILE)
    if len(labels) != cfg.MODEL.NUM_CLASSES:
        raise ConfigError(
            key="MODEL.NUM_CLASSES", value=cfg.MODEL.NUM_CLASSES,
            why=f"{folder / LABEL_FILE} has {len(labels)} classes", right=str(len(labels)),
        )  # fmt: skip
    videos = read_videos(folder / ANNOTATION_FILES[split], labels)
    has_frames = has_frame_list_header(folder / FRAME_LISTS[split])
    records, source = (_read_frames if has_frames else _read_videos)(cfg, folder, split, videos)
    _tell(cfg, split)
    return VideoDataset.from_cfg(
        cfg,
        split,
        records=records,
        class_names=tuple(sorted(labels, key=labels.__getitem__)),
        source=source,
        rules=_sampling_rules(cfg, split),
        labels=ClassLabel(),
        class_groups=class_groups,
    )


DATASETS.register("ssv2")(build_ssv2)


def _check(cfg: CfgNode) -> None:
    if not cfg.DATA.PATH_TO_DATA_DIR:
        raise ConfigError(
            key="DATA.PATH_TO_DATA_DIR", value="", why="nothing says where the data set lies",
            right=f"the folder that holds {LABEL_FILE}, {ANNOTATION_FILES['train']} and {ANNOTATION_FILES['val']}",
        )  # fmt: skip
    if cfg.DATA.MULTI_LABEL:
        why = "Something-Something gives each video one label"
        raise ConfigError(key="DATA.MULTI_LABEL", value=True, why=why, right="False")


def _sampling_rules(cfg: CfgNode, split: str) -> tuple[SegmentClip, SpatialRule]:
    """Random frames in training alone; the random part of the picture also in validation, as in PySlowFast."""
    clips = SegmentClip(cfg.DATA.NUM_FRAMES, randomly=split == "train")
    if split != "test":
        return clips, random_crops(cfg, split)
    return clips, FixedCrops(size=cfg.DATA.TEST_CROP_SIZE, num_crops=cfg.TEST.NUM_SPATIAL_CROPS)


def _read_frames(
    cfg: CfgNode, folder: Path, split: str, videos: Sequence[LabelledVideo]
) -> tuple[tuple[VideoRecord, ...], FrameSource]:
    prefix = cfg.DATA.PATH_PREFIX or str(folder)
    listed = listed_frames(folder, split, videos, cfg.MODEL.NUM_CLASSES)
    records = tuple(_record(video, f"{prefix}/{video.video_id}") for video in videos)
    return records, open_listed(records, listed, prefix=prefix, fps=FPS, remote=VideoFiles.from_cfg(cfg).remote)


def listed_frames(
    folder: Path, split: str, videos: Sequence[LabelledVideo], num_classes: int, *, on_fault: OnFault = stop
) -> dict[str, ListedFrames]:
    """The list of frames, by video id. Raises DatasetError where an annotated video has none; `on_fault` gets wrong rows."""
    path = folder / FRAME_LISTS[split]
    listed = read_frame_list(path, num_classes, on_fault=on_fault)
    missing = [video for video in videos if video.video_id not in listed]
    if missing:
        raise DatasetError(
            path=missing[0].where,
            found=f"video {missing[0].video_id!r} has no frame in {path}, nor have {len(missing) - 1} others",
            expected=f"frames of all {len(videos)} videos",
        )
    if len(listed) > len(videos):
        logger.warning("%s: %d videos without a label are left out", path, len(listed) - len(videos))
    return listed


def _read_videos(
    cfg: CfgNode, folder: Path, split: str, videos: Sequence[LabelledVideo]
) -> tuple[tuple[VideoRecord, ...], FrameSource]:
    records = filed_records(Path(cfg.DATA.PATH_PREFIX or folder), folder, split, videos)
    return records, FileSource(VideoFiles.from_cfg(cfg))


def filed_records(root: Path, folder: Path, split: str, videos: Sequence[LabelledVideo]) -> tuple[VideoRecord, ...]:
    """Records of video files in `root`, or in the folder inside it that the archive unpacks to. Raises DatasetError."""
    for name in VIDEO_FOLDERS:
        for ending in ENDINGS:
            if any((root / name / f"{video.video_id}{ending}").is_file() for video in videos):
                return tuple(_record(video, str(root / name / f"{video.video_id}{ending}")) for video in videos)
    raise DatasetError(
        path=str(root),
        found=f"none of the {len(videos)} videos, here or in {', '.join(f'{name}/' for name in VIDEO_FOLDERS[1:])}, "
        f"and no list of frames {FRAME_LISTS[split]} in {folder}",
        expected=f"files like {videos[0].video_id}{ENDINGS[0]} (DATA.PATH_PREFIX, or DATA.PATH_TO_DATA_DIR if that is empty)",
    )


def _record(video: LabelledVideo, path: str) -> VideoRecord:
    return VideoRecord(video_id=video.video_id, path=path, source=video.where, label=video.label)


def _tell(cfg: CfgNode, split: str) -> None:
    tell_without_effect(cfg, UNREAD, "a clip spans its whole video, by the rules of Something-Something")
    if split == "train" and cfg.DATA.RANDOM_FLIP:
        logger.warning("DATA.RANDOM_FLIP mirrors clips, but classes of Something-Something tell left from right")
    if split == "val":
        logger.info("validation sees a random part of each picture, as PySlowFast does: expect less than in tests")
    if split == "test" and cfg.TEST.NUM_ENSEMBLE_VIEWS > 1:
        logger.warning(
            "TEST.NUM_ENSEMBLE_VIEWS = %d: every clip spans its whole video, so one view is taken", cfg.TEST.NUM_ENSEMBLE_VIEWS
        )
