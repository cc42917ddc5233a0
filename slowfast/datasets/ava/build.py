"""From a config to the data set AVA (Gu et al., arXiv:1705.08421), or one in its format."""

from __future__ import annotations

import dataclasses
import filecmp
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from fvcore.common.config import CfgNode

from slowfast.annotations.ava import AvaFileError, AvaTimes, read_label_map
from slowfast.config import ConfigError
from slowfast.config.comparing import tell_without_effect
from slowfast.config.sections.ava import ava_file_key
from slowfast.datasets.ava.box_lists import BoxLists, Ignored, num_behind, read_persons
from slowfast.datasets.ava.dataset import AvaDataset, AvaRules
from slowfast.datasets.ava.persons import Persons
from slowfast.datasets.ava.videos import AvaVideos, filed_videos, listed_videos, stated_lengths
from slowfast.datasets.clip_sampling import KeyframeClip
from slowfast.datasets.errors import DatasetError
from slowfast.datasets.transforms import ColourJitter, ColourRule, FixedCrops, RandomCrop, SpatialRule, Unchanged, WholePicture
from slowfast.datasets.video_files import VideoFiles
from slowfast.registry import DATASETS

logger = logging.getLogger(__name__)

UNREAD = (
    *("DATA.PATH_PREFIX", "DATA.PATH_LABEL_SEPARATOR", "DATA.CHECK_FILES", "DATA.TARGET_FPS", "DATA.INV_UNIFORM_SAMPLE"),
    *("DATA.USE_OFFSET_SAMPLING", "DATA.CYCLIC_LOAD", "DATA.FULL_TIME_EVAL", "DATA.ENSEMBLE_METHOD"),
)
VALIDATED_EVERY = 4
"""While training, only seconds divisible by this are validated, to save time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Folders:
    """Where pictures, frame lists and annotations lie. frames may be a URI."""

    frames: str
    lists: Path
    annotations: Path

    @classmethod
    def from_cfg(cls, cfg: CfgNode) -> Folders:
        """Folders that are not given lie in DATA.PATH_TO_DATA_DIR. Raises ConfigError."""
        root = cfg.DATA.PATH_TO_DATA_DIR
        needed = ["ANNOTATION_DIR"] if cfg.AVA.VIDEO_DIR else ["FRAME_DIR", "FRAME_LIST_DIR", "ANNOTATION_DIR"]
        missing = [key for key in needed if not cfg.AVA[key]]
        if missing and not root:
            raise ConfigError(
                key=f"AVA.{missing[0]}", value="", why="nothing says where this folder is",
                right="the folder, or DATA.PATH_TO_DATA_DIR, with frames/, frame_lists/ and annotations/ in it",
            )  # fmt: skip
        return cls(
            frames=cfg.AVA.FRAME_DIR or f"{root}/frames",
            lists=Path(cfg.AVA.FRAME_LIST_DIR or f"{root}/frame_lists"),
            annotations=Path(cfg.AVA.ANNOTATION_DIR or f"{root}/annotations"),
        )


def check_named_file(cfg: CfgNode, key: str, name: str, folder: Path) -> None:
    """Raises ConfigError, which names the option, where a file that is named in the section AVA is not in its folder."""
    if not (folder / name).is_file():
        empty = ", or empty: all seconds count" if key.endswith("EXCLUSION_FILE") else ""
        raise ConfigError(
            key=f"AVA.{key}", value=cfg.AVA[key], why=f"there is no such file, {folder / name}",
            right=f"the name of a file in {folder}{empty}",
        )  # fmt: skip


def build_ava(cfg: CfgNode, split: str, *, class_groups: Mapping[str, tuple[int, ...]] | None = None) -> AvaDataset:
    """One sample for each second of the split that has a box: annotated and detected ones in training, else detected ones.

    class_groups: see ClipDataset; by default AVA's poses, actions on objects, and on other persons. Raises ConfigError when
    options do not go together, DatasetError when lists are missing or wrong, or nothing in them counts.
    """
    if not cfg.DETECTION.ENABLE:
        raise ConfigError(
            key="DETECTION.ENABLE", value=False, why="the data set ava has persons in boxes to classify, not whole clips",
            right="True, with MODEL.LOSS_FUNC bce and MODEL.HEAD_ACT sigmoid",
        )  # fmt: skip
    tell_without_effect(cfg, unread(cfg), "AVA has options of its own (AVA.*), and one view of each annotated second")
    folders, times = Folders.from_cfg(cfg), AvaTimes.from_cfg(cfg)
    if cfg.AVA.LABEL_MAP_FILE:
        check_named_file(cfg, "LABEL_MAP_FILE", cfg.AVA.LABEL_MAP_FILE, folders.annotations)
    class_names, categories = read_classes(folders.annotations, cfg.AVA.LABEL_MAP_FILE, cfg.MODEL.NUM_CLASSES)
    files = VideoFiles.from_cfg(cfg)
    if cfg.AVA.VIDEO_DIR:
        videos = filed_videos(Path(cfg.AVA.VIDEO_DIR), files, fps=times.fps)
    else:
        key = ava_file_key(cfg, split, "LISTS")
        if not cfg.AVA[key]:
            raise ConfigError(key=f"AVA.{key}", value=[], why="nothing says which frames there are", right="names of csv files")
        for name in cfg.AVA[key]:
            check_named_file(cfg, key, name, folders.lists)
        videos = listed_videos([folders.lists / name for name in cfg.AVA[key]], folders.frames, files, fps=times.fps)
    lists = _box_lists(cfg, split, folders.annotations)
    persons, ignored = read_persons(lists, videos.numbers)
    used = np.unique(persons.videos)
    if cfg.AVA.VIDEO_DIR:  # the folder may hold the videos of all splits
        videos = stated_lengths(videos.only(used.tolist()), fps=times.fps)
        persons = dataclasses.replace(persons, videos=np.searchsorted(used, persons.videos))
    _tell(split, videos, persons, ignored, behind=num_behind(persons, videos.lengths, lists))
    return AvaDataset(
        records=videos.records,
        persons=persons,
        class_names=class_names,
        source=videos.source,
        rules=rules_of(cfg, split),
        seed=cfg.RNG_SEED,
        replaces=split == "train",
        one_video_a_batch=split == "test",
        class_groups=categories if class_groups is None else class_groups,
    )


DATASETS.register("ava")(build_ava)


def unread(cfg: CfgNode) -> list[str]:
    """Options of other data sets that this one does not read, but for those that ask for what it does anyway."""
    keys = [*UNREAD, *(["TEST.NUM_ENSEMBLE_VIEWS"] if cfg.TEST.NUM_ENSEMBLE_VIEWS > 1 else [])]
    return [key for key in keys if key != "DATA.TARGET_FPS" or cfg.DATA.TARGET_FPS != cfg.AVA.FPS]


def read_classes(folder: Path, file: str, num_classes: int) -> tuple[tuple[str, ...], dict[str, tuple[int, ...]]]:
    """Names of all classes, and the numbers of the scored ones by category. Class k is action k + 1.

    Classes that the label map does not list are trained but not scored; they are called "action 2" and so on.
    """
    names = [f"action {number + 1}" for number in range(num_classes)]
    categories: dict[str, tuple[int, ...]] = {}
    try:
        actions = read_label_map(folder / file) if file else ()
    except AvaFileError as error:
        raise DatasetError(path=str(error.path), row=error.row, found=error.found, expected=error.right) from error
    for action in actions:
        if action.id > num_classes:
            raise DatasetError(
                path=str(folder / file), found=f"action {action.id}", expected=f"one of 1 .. {num_classes} (MODEL.NUM_CLASSES)"
            )
        names[action.id - 1] = action.name
        categories[action.category] = (*categories.get(action.category, ()), action.id - 1)
    return tuple(names), categories


def rules_of(cfg: CfgNode, split: str) -> AvaRules:
    """Which frames, which part of them, in which colours. Only training has anything random."""
    place = cfg.AVA.CENTER_FRAME
    if place >= cfg.DATA.NUM_FRAMES:
        raise ConfigError(
            key="AVA.CENTER_FRAME", value=place, why=f"clips have {cfg.DATA.NUM_FRAMES} frames (DATA.NUM_FRAMES)",
            right=f"0 to {cfg.DATA.NUM_FRAMES - 1}, or -1",
        )  # fmt: skip
    clips = KeyframeClip(cfg.DATA.NUM_FRAMES, cfg.DATA.SAMPLING_RATE, None if place < 0 else place)
    view: SpatialRule
    colours: ColourRule = Unchanged(cfg.AVA.BGR)
    if split == "train":
        # The inverse of the short side is drawn uniformly here, whatever DATA.INV_UNIFORM_SAMPLE says of other data sets.
        view = dataclasses.replace(RandomCrop.from_cfg(cfg), inverse=True)
        colours = ColourJitter.from_cfg(cfg) if cfg.AVA.TRAIN_USE_COLOR_AUGMENTATION else colours
    elif split == "val":
        view = FixedCrops(size=cfg.DATA.TEST_CROP_SIZE, flip=cfg.AVA.TEST_FORCE_FLIP)
    else:
        view = WholePicture(short_side=cfg.DATA.TEST_CROP_SIZE, flip=cfg.AVA.TEST_FORCE_FLIP)
    return AvaRules(clips=clips, view=view, colours=colours, times=AvaTimes.from_cfg(cfg), lead_sec=cfg.AVA.LEAD_SECONDS)


def _box_lists(cfg: CfgNode, split: str, folder: Path) -> BoxLists:
    detected = ava_file_key(cfg, split, "PREDICT_BOX_LISTS")
    keys = ["TRAIN_GT_BOX_LISTS", detected] if split == "train" else [detected]
    for key in keys:
        for name in cfg.AVA[key]:
            check_named_file(cfg, key, name, folder)
    files = {key: tuple(folder / name for name in cfg.AVA[key]) for key in keys}
    if not any(files.values()):
        raise ConfigError(key=f"AVA.{keys[0]}", value=[], why="nothing says where the boxes are", right="names of csv files")
    truths, detections = files.get("TRAIN_GT_BOX_LISTS", ()), files[detected]
    return BoxLists(
        truths=truths,
        detections=tuple(path for path in detections if not _is_among(path, truths)),
        threshold=cfg.AVA.DETECTION_SCORE_THRESH,
        num_classes=cfg.MODEL.NUM_CLASSES,
        every=VALIDATED_EVERY if split == "val" and not cfg.AVA.FULL_TEST_ON_VAL else 1,
        drop_flat=split == "train",
        times=AvaTimes.from_cfg(cfg),
    )


def _is_among(path: Path, truths: Sequence[Path]) -> bool:
    """Whether a list of detected boxes is one of annotated boxes, which PySlowFast's settings name a second time.

    Nothing is lost without it: each of its persons is there already. Its last column holds persons, not scores.
    """
    same = [truth for truth in truths if path.is_file() and truth.is_file() and filecmp.cmp(path, truth, shallow=False)]
    if same:
        logger.info("%s is left out of AVA.TRAIN_PREDICT_BOX_LISTS: it is in AVA.TRAIN_GT_BOX_LISTS (%s)", path, same[0].name)
    return bool(same)


def _tell(split: str, videos: AvaVideos, persons: Persons, ignored: Ignored, *, behind: int) -> None:
    """What a user should know about the lists before hours are spent on them."""
    logger.info("AVA, %s: %d seconds of %d videos, %d persons", split, len(persons), len(videos.records), len(persons.boxes))
    without_boxes = len(videos.records) - len(np.unique(persons.videos))
    counts = {
        "rows are outside of the annotated seconds and left out": ignored.outside_time,
        "rows are about videos that are not there and left out": ignored.unknown_videos,
        f"rows have boxes without area {'and are left out' if split == 'train' else 'that nothing can match'}": ignored.flat,
        "videos have no box, so no sample": without_boxes,
        "seconds lie behind the end of their videos, whose last frames are repeated": behind,
    }
    for what, count in counts.items():
        if count:
            logger.warning("AVA, %s: %d %s", split, count, what)
