"""Evaluation of persons at annotated moments: frame mAP of what the network says about given boxes."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Self

import numpy as np
from fvcore.common.config import CfgNode

from slowfast.datasets import ClipDataset
from slowfast.engine.ava_persons import AvaTruth, Predictions
from slowfast.engine.examined import ExaminedVideos
from slowfast.engine.examining_persons import examine_persons
from slowfast.engine.inference import Metrics
from slowfast.engine.scores_file import write_detections
from slowfast.evaluation.ava import Boxes, ava_frame_map
from slowfast.structures import ClipBatch, DetectionOutput

logger = logging.getLogger(__name__)

SCORES_FILE = "detections.csv"


class AvaEvaluation:
    """An `Evaluation` of detections by one of the protocols of `slowfast.evaluation.ava`."""

    def __init__(self, truth: AvaTruth, *, dataset: ClipDataset, protocol: str, scores_file: str = SCORES_FILE) -> None:
        """scores_file: what `save` writes."""
        self._truth = truth
        self._dataset = dataset
        self._protocol = protocol
        self._scores_file = scores_file
        self.reset()

    @classmethod
    def from_cfg(cls, cfg: CfgNode, *, dataset: ClipDataset, split: str) -> Self:
        return cls(
            AvaTruth.from_cfg(cfg, videos=[record.video_id for record in dataset.records], split=split),
            dataset=dataset,
            protocol=cfg.AVA.PROTOCOL,
            scores_file=cfg.TEST.SAVE_RESULTS_PATH or SCORES_FILE,
        )

    def names(self) -> tuple[str, ...]:
        return "mAP", *(f"mAP_{group}" for group in self._dataset.class_groups)

    def reset(self) -> None:
        self._parts: list[Predictions] = []

    def add(self, batch: ClipBatch, output: DetectionOutput) -> None:
        self._parts.append(Predictions.of(output))

    def collected(self) -> Predictions:
        return Predictions.join(self._parts, self._dataset.num_classes)

    def merge(self, collected: Predictions) -> None:
        self._parts.append(collected)

    def detections(self) -> Boxes:
        """What is scored."""
        return self._truth.counted(self.collected().detections(self._truth.class_ids))

    def result(self) -> Metrics:
        truth, detections = self._truth, self.detections()
        truths = truth.counted(truth.truths)
        found = ava_frame_map(detections, truths, class_ids=truth.class_ids, excluded=truth.excluded, protocol=self._protocol)
        of_groups = {
            f"mAP_{name}": found.mean_ap([k + 1 for k in group])[0] for name, group in self._dataset.class_groups.items()
        }
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

    def examined(self) -> ExaminedVideos | None:
        """By what is said of their persons."""
        return examine_persons(self._dataset, self.collected(), self._truth, protocol=self._protocol)

    def statistics(self) -> None:
        """A box without a true person near it has scores that nothing says to be right or wrong."""
        return
