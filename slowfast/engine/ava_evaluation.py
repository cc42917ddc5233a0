"""Evaluation of persons at annotated moments: frame mAP of what the network says about given boxes."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from fvcore.common.config import CfgNode
from numpy.typing import NDArray

from slowfast.annotations.ava import ActionClass, read_label_map
from slowfast.config import ConfigError
from slowfast.config.sections.ava import ava_file_key
from slowfast.datasets import ClipDataset
from slowfast.datasets.ava.build import VALIDATED_EVERY, Folders, check_named_file
from slowfast.engine.inference import Metrics
from slowfast.engine.scores_file import write_detections
from slowfast.evaluation.ava import Boxes, ava_frame_map, merge_repeated, read_excluded, read_truths
from slowfast.evaluation.ava.frame_map import NO_SECONDS
from slowfast.structures import ClipBatch, DetectionOutput

logger = logging.getLogger(__name__)

SCORES_FILE = "detections.csv"


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

    def detections(self, class_ids: Sequence[int]) -> Boxes:
        """One row for each box and each of the classes, in order; predictions of the same box become their mean first."""
        merged = merge_repeated(self.keys, self.scores, self.boxes)
        ids = np.asarray(class_ids)
        return Boxes(
            video=np.repeat(merged.keys[:, 0], len(ids)),
            second=np.repeat(merged.keys[:, 1], len(ids)),
            box=np.repeat(merged.boxes, len(ids), axis=0),
            label=np.tile(ids, len(merged.keys)),
            score=merged.scores[:, ids - 1].ravel(),
        )


class AvaEvaluation:
    """An `Evaluation` of detections by one of the protocols of `slowfast.evaluation.ava`."""

    def __init__(
        self,
        truth: AvaTruth,
        *,
        num_classes: int,
        class_groups: Mapping[str, tuple[int, ...]],
        protocol: str,
        scores_file: str = SCORES_FILE,
    ) -> None:
        """num_classes: of the network. class_groups: see ClipDataset. scores_file: what `save` writes."""
        self._truth = truth
        self._class_groups = class_groups
        self._num_classes = num_classes
        self._protocol = protocol
        self._scores_file = scores_file
        self.reset()

    @classmethod
    def from_cfg(cls, cfg: CfgNode, *, dataset: ClipDataset, split: str) -> Self:
        return cls(
            AvaTruth.from_cfg(cfg, videos=[record.video_id for record in dataset.records], split=split),
            num_classes=cfg.MODEL.NUM_CLASSES,
            class_groups=dataset.class_groups,
            protocol=cfg.AVA.PROTOCOL,
            scores_file=cfg.TEST.SAVE_RESULTS_PATH or SCORES_FILE,
        )

    def reset(self) -> None:
        self._parts: list[Predictions] = []

    def add(self, batch: ClipBatch, output: DetectionOutput) -> None:
        self._parts.append(Predictions.of(output))

    def collected(self) -> Predictions:
        return Predictions.join(self._parts, self._num_classes)

    def merge(self, collected: Predictions) -> None:
        self._parts.append(collected)

    def detections(self) -> Boxes:
        """What is scored."""
        return self._truth.counted(self.collected().detections(self._truth.class_ids))

    def result(self) -> Metrics:
        truth, detections = self._truth, self.detections()
        truths = truth.counted(truth.truths)
        found = ava_frame_map(detections, truths, class_ids=truth.class_ids, excluded=truth.excluded, protocol=self._protocol)
        of_groups = {f"mAP_{name}": found.mean_ap([k + 1 for k in group])[0] for name, group in self._class_groups.items()}
        names = [action.name for action in truth.classes]
        return Metrics(
            values={name: 100 * float(value) for name, value in {"mAP": found.mean_ap()[0], **of_groups}.items()},
            counts={
                "num_videos": len(np.unique(detections.video)),
                "num_boxes": len(detections) // len(names),
                "num_truths": int(found.num_truths.sum()),
            },
            per_class_ap=tuple(zip(names, found.ap[0].tolist(), strict=True)),
            support=tuple(found.num_truths.tolist()),
        )

    def save(self, folder: Path) -> None:
        """The detections in AVA's format, as other evaluators read them; scored again, they give the same figures."""
        path = folder / self._scores_file
        write_detections(path, self.detections(), videos=self._truth.videos)
        logger.info("wrote %s", path)

    def examined(self) -> None:
        """Persons are judged, not videos."""
        return

    def statistics(self) -> None:
        """A box without a true person near it has scores that nothing says to be right or wrong."""
        return
