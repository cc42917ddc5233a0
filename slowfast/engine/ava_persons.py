"""What is true of persons at annotated moments, and what a network says of them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from fvcore.common.config import CfgNode
from numpy.typing import NDArray

from slowfast.annotations.ava import ActionClass, read_label_map
from slowfast.config import ConfigError
from slowfast.config.sections.ava import ava_file_key
from slowfast.datasets.ava.build import VALIDATED_EVERY, Folders, check_named_file
from slowfast.evaluation.ava import Boxes, merge_repeated, read_excluded, read_truths
from slowfast.evaluation.ava.frame_map import NO_SECONDS
from slowfast.structures import DetectionOutput

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class AvaTruth:
    """What detections are scored against.

    videos: their names; a number in `truths` and `excluded` (E, 2; video, second) is a place here. every: seconds that this
    does not divide are left out, on both sides.
    """

    videos: tuple[str, ...]
    classes: tuple[ActionClass, ...]
    truths: Boxes
    excluded: NDArray[np.int64]
    every: int = 1

    @classmethod
    def from_cfg(cls, cfg: CfgNode, *, videos: Sequence[str], split: str) -> Self:
        """videos: those of the data set, in its order. Raises ConfigError and AvaFileError."""
        truth_key = ava_file_key(cfg, split, "GROUNDTRUTH_FILE")
        for key in ("LABEL_MAP_FILE", truth_key):
            if not cfg.AVA[key]:
                raise ConfigError(key=f"AVA.{key}", value="", why="detections cannot be scored without", right="name of a file")
        folder = Folders.from_cfg(cfg).annotations
        exclusion_key = ava_file_key(cfg, split, "EXCLUSION_FILE")
        for key in filter(cfg.AVA.get, ("LABEL_MAP_FILE", truth_key, exclusion_key)):
            check_named_file(cfg, key, cfg.AVA[key], folder)
        classes = read_label_map(folder / cfg.AVA.LABEL_MAP_FILE)
        if classes[-1].id > cfg.MODEL.NUM_CLASSES:
            why = f"{cfg.AVA.LABEL_MAP_FILE} has the class {classes[-1].id}, {classes[-1].name}"
            raise ConfigError(key="MODEL.NUM_CLASSES", value=cfg.MODEL.NUM_CLASSES, why=why, right=f"{classes[-1].id} or more")
        numbers = {name: number for number, name in enumerate(videos)}
        truths = read_truths(folder / cfg.AVA[truth_key], numbers)
        if len(numbers) > len(videos):
            missing = f"{len(numbers) - len(videos)} videos of {cfg.AVA[truth_key]}"
            logger.warning("%s are not in the data set; what is true in them counts as missed", missing)
        exclusions = cfg.AVA[exclusion_key]
        excluded = read_excluded(folder / exclusions, numbers) if exclusions else NO_SECONDS
        every = 1 if split == "test" or cfg.AVA.FULL_TEST_ON_VAL else VALIDATED_EVERY
        return cls(videos=tuple(numbers), classes=classes, truths=truths, excluded=excluded, every=every)

    @property
    def class_ids(self) -> list[int]:
        return [action.id for action in self.classes]

    def counted(self, boxes: Boxes) -> Boxes:
        return boxes[boxes.second % self.every == 0]


@dataclass(frozen=True, slots=True)
class Predictions:
    """keys: int64 (N, 3), video, second and number of each box. scores: float32 (N, K). boxes: float64 (N, 4), fractions of
    the picture."""

    keys: NDArray[np.int64]
    scores: NDArray[np.float32]
    boxes: NDArray[np.float64]

    @classmethod
    def of(cls, output: DetectionOutput) -> Self:
        persons = output.keyframes.map(lambda tensor: tensor.cpu())
        keys = np.stack([persons.videos.numpy(), persons.seconds.numpy(), persons.numbers.numpy()], axis=1)
        return cls(keys, output.scores.float().cpu().numpy(), persons.original.numpy())

    @classmethod
    def join(cls, parts: Sequence[Predictions], num_classes: int) -> Self:
        return cls(
            np.concatenate([np.zeros((0, 3), np.int64), *(part.keys for part in parts)]),
            np.concatenate([np.zeros((0, num_classes), np.float32), *(part.scores for part in parts)]),
            np.concatenate([np.zeros((0, 4)), *(part.boxes for part in parts)]),
        )

    def merged(self) -> Predictions:
        """One for each box, in order of the keys: the mean of its scores."""
        merged = merge_repeated(self.keys, self.scores, self.boxes)
        scores, boxes = merged.scores.astype(np.float32, copy=False), merged.boxes.astype(np.float64, copy=False)
        return Predictions(merged.keys, scores, boxes)

    def detections(self, class_ids: Sequence[int]) -> Boxes:
        """One row for each merged box and each of the classes, in order."""
        merged, ids = self.merged(), np.asarray(class_ids)
        return Boxes(
            video=np.repeat(merged.keys[:, 0], len(ids)),
            second=np.repeat(merged.keys[:, 1], len(ids)),
            box=np.repeat(merged.boxes, len(ids), axis=0),
            label=np.tile(ids, len(merged.keys)),
            score=merged.scores[:, ids - 1].ravel(),
        )
