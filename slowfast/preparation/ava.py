"""A folder in the format of AVA, checked, and given the frame lists that training reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from fvcore.common.config import CfgNode

from slowfast.annotations.ava import (
    AVA_TIMES,
    NUM_ACTIONS,
    AvaTimes,
    read_label_map,
)
from slowfast.config import ConfigError, load_config
from slowfast.datasets.ava.build import check_named_file, read_classes
from slowfast.datasets.errors import DatasetError
from slowfast.datasets.frame_lists import HEADER, has_frame_list_header
from slowfast.preparation.ava_checks import TRUTHS, CheckedList, Known, check_list
from slowfast.preparation.ava_media import Medium, find_media

SPLITS = {"train": ("train",), "val": ("val", "test")}
"""Words in the names of a split's lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AvaFolder:
    """media: videos with their frames. lists: every csv file of the annotation. problems: (where, what is wrong) besides."""

    media: tuple[Medium, ...]
    lists: tuple[CheckedList, ...]
    problems: tuple[tuple[str, str], ...]

    @property
    def is_usable(self) -> bool:
        """Whether nothing was found that stops training or tests."""
        return not self.problems and not any(finding.stops for checked in self.lists for finding in checked.findings)

    def split(self, name: str) -> list[Medium]:
        """Videos with frames that the lists of a split name."""
        ids = _videos_of(name, self.lists)
        return [medium for medium in self.media if medium.video_id in ids and medium.num_frames]


@dataclass(frozen=True, slots=True, kw_only=True)
class AvaOptions:
    """What training is told besides the files. threshold: AVA.DETECTION_SCORE_THRESH. num_classes: MODEL.NUM_CLASSES. cfg:
    names the files that training will look for; None: that is not to be checked."""

    times: AvaTimes = AVA_TIMES
    threshold: float = 0.9
    num_classes: int = NUM_ACTIONS
    cfg: CfgNode | None = None

    @classmethod
    def from_overrides(cls, overrides: Sequence[object]) -> Self:
        """KEY VALUE and so on, as training is given them. Raises ConfigError."""
        cfg = load_config(overrides=["DETECTION.ENABLE", True, "MODEL.NUM_CLASSES", NUM_ACTIONS, *overrides])
        return cls(
            times=AvaTimes.from_cfg(cfg),
            threshold=cfg.AVA.DETECTION_SCORE_THRESH,
            num_classes=cfg.MODEL.NUM_CLASSES,
            cfg=cfg,
        )


AS_AVA = AvaOptions()


def look_at_ava(media_folder: Path, annotations: Path, *, jobs: int, options: AvaOptions = AS_AVA) -> AvaFolder:
    """Checks pictures or videos, and all csv files and label maps of the annotation. Raises DatasetError for none."""
    tables = [path for path in sorted(annotations.rglob("*.csv")) if not has_frame_list_header(path)]
    if not tables:
        raise DatasetError(path=str(annotations), found="no csv file", expected="lists of boxes like ava_train_v2.2.csv")
    actions, problems = _read_label_maps(sorted(annotations.rglob("*.pbtxt")), options.num_classes)
    problems += _absent(annotations, options.cfg)
    media = find_media(media_folder, times=options.times, jobs=jobs)
    usable = [medium for medium in media if medium.num_frames]
    known = Known(
        {medium.video_id: number for number, medium in enumerate(usable)},
        np.array([medium.num_frames for medium in usable], np.int64),
        actions,
        options.times,
        options.threshold,
        options.num_classes,
    )
    lists = tuple(check_list(path, known) for path in tables)
    problems += [(medium.video_id, medium.problem) for medium in media if medium.problem]
    both = sorted(_videos_of("train", lists) & _videos_of("val", lists))
    if both:
        problems.append((both[0], f"in lists of training and of tests ({len(both)} such videos)"))
    return AvaFolder(media=tuple(media), lists=lists, problems=tuple(problems))


def frame_list(media: Sequence[Medium]) -> Iterator[str]:
    """Lines of a list of frames."""
    yield f"{HEADER}\n"
    for number, medium in enumerate(media):
        assert medium.frames is not None, "video files need no list"
        for frame in range(len(medium.frames)):
            yield f'{medium.video_id} {number} {frame} {medium.frames[frame]} ""\n'


def _read_label_maps(paths: Sequence[Path], num_classes: int) -> tuple[frozenset[int], list[tuple[str, str]]]:
    """The actions that any map names, and what is wrong with the maps."""
    actions: set[int] = set()
    problems = []
    for path in paths:
        try:
            read_classes(path.parent, path.name, num_classes)
            actions |= {action.id for action in read_label_map(path)}
        except DatasetError as error:
            problems.append((str(path), f"{error.found}; expected {error.expected}"))
    return frozenset(actions), problems


def _absent(annotations: Path, cfg: CfgNode | None) -> Iterator[tuple[str, str]]:
    """Files that training will look for and not find, unless it is told of others."""
    if cfg is None:
        return
    keys = ["TRAIN_GT_BOX_LISTS", "TRAIN_PREDICT_BOX_LISTS", "TEST_PREDICT_BOX_LISTS", "VAL_PREDICT_BOX_LISTS"]
    named = [(key, name) for key in keys for name in cfg.AVA[key]]
    if cfg.AVA.LABEL_MAP_FILE:
        named.append(("LABEL_MAP_FILE", cfg.AVA.LABEL_MAP_FILE))
    for key, name in named:
        try:
            check_named_file(cfg, key, name, annotations)
        except ConfigError as error:
            yield str(annotations / name), str(error)


def _videos_of(split: str, lists: Sequence[CheckedList]) -> set[str]:
    """By the annotated boxes of a split, or by any list of it if there are none."""
    named = [checked for checked in lists if any(word in checked.path.name.lower() for word in SPLITS[split])]
    truths = [checked for checked in named if checked.kind == TRUTHS]
    return set().union(*(checked.videos for checked in truths or named))
