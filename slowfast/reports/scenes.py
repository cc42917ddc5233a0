"""Pictures of some annotated seconds, with what persons do and what the network says of them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from fvcore.common.config import CfgNode
from numpy.typing import NDArray
from torch import nn

from slowfast.annotations.ava import START_SECOND
from slowfast.datasets import ClipDataset, SampleKey
from slowfast.datasets.collate import collate
from slowfast.engine.ava_evaluation import AvaTruth, Predictions
from slowfast.engine.steps import EvalStep
from slowfast.evaluation.ava import Boxes, merge_repeated
from slowfast.registry import EXAMPLES
from slowfast.reports.examples import file_name, spread_evenly
from slowfast.structures import ClipBatch, DetectionOutput
from slowfast.visualization import BoxedPerson, Scene, draw_scene

logger = logging.getLogger(__name__)

SAME_PERSON = 0.5
"""Overlap from which a detected box and a true one are taken for the same person."""


@EXAMPLES.register("detection")
def draw_scenes(cfg: CfgNode, *, model: nn.Module, step: EvalStep, dataset: ClipDataset, device: torch.device) -> None:
    """Writes OUTPUT_DIR/scenes/*.png, REPORT.NUM_TIMELINES of them. The model is in evaluation mode and gradients are off."""
    wanted = spread_evenly(len(dataset), cfg.REPORT.NUM_TIMELINES)
    if not wanted:
        return
    truth = AvaTruth.from_cfg(cfg, videos=[record.video_id for record in dataset.records], split="test")
    for sample in wanted:
        batch = collate([dataset[SampleKey(0, sample)]])
        output = step(model, batch.to(device))
        assert isinstance(output, DetectionOutput), "scenes show scores of persons"
        predictions = Predictions.of(output)
        scene = build_scene(
            batch, predictions, truth, start=dataset.start_second, mirrored=cfg.AVA.TEST_FORCE_FLIP, bgr=cfg.AVA.BGR
        )
        path = Path(cfg.OUTPUT_DIR) / "scenes" / f"{file_name(scene.title)}.png"
        draw_scene(scene, path)
        logger.info("drew %s", path)


def build_scene(
    batch: ClipBatch, predictions: Predictions, truth: AvaTruth, *, start: int = START_SECOND, mirrored: bool, bgr: bool
) -> Scene:
    """The own moment of the only clip of a batch; of `predictions` those of that moment are shown.

    start: the second that the video begins with. mirrored, bgr: how the frames differ from the picture that the boxes were
    drawn in.
    """
    assert batch.keyframes is not None
    video, second = int(batch.videos[0]), int(batch.keyframes.seconds[batch.keyframes.main][0])
    frame = int((batch.times[0] - (second - start)).abs().argmin())
    picture = batch.frames[0, :, frame].permute(1, 2, 0).numpy()
    picture = np.ascontiguousarray(picture[:, :: -1 if mirrored else 1, :: -1 if bgr else 1])

    merged = merge_repeated(predictions.keys, predictions.scores, predictions.boxes)
    here = (merged.keys[:, :2] == (video, second)).all(axis=1)
    true = truth.truths[(truth.truths.video == video) & (truth.truths.second == second) & (truth.truths.label > 0)]
    names = {action.id: action.name for action in truth.classes}
    persons = match_persons(merged.boxes[here], merged.scores[here], true, names)
    height, width = picture.shape[:2]
    return Scene(
        title=f"{truth.videos[video]}, second {second}",
        picture=picture,
        persons=tuple(_in_pixels(person, height, width) for person in persons),
    )


def match_persons(
    boxes: NDArray[np.float64], scores: NDArray[np.floating], true: Boxes, names: dict[int, str]
) -> list[BoxedPerson]:
    """Detected persons (R, 4), (R, K) with what the person does who overlaps them most, then true ones that nobody found.

    names: of the classes to show, by id.
    """
    true_boxes, person_of = np.unique(true.box, axis=0, return_inverse=True)
    done = [
        tuple(names[label] for label in true.label[person_of.reshape(-1) == p].tolist() if label in names)
        for p in range(len(true_boxes))
    ]
    overlap = _overlaps(boxes, true_boxes)
    persons = []
    for row, box in enumerate(boxes):
        best = int(overlap[row].argmax()) if len(true_boxes) else -1
        known = done[best] if len(true_boxes) and overlap[row, best] >= SAME_PERSON else ()
        said = {name: float(scores[row, number - 1]) for number, name in names.items()}
        persons.append(BoxedPerson(box=_four(box), true=known, scores=said))
    found = (overlap >= SAME_PERSON).any(axis=0)
    return persons + [BoxedPerson(box=_four(true_boxes[p]), true=done[p]) for p in np.flatnonzero(~found)]


def _overlaps(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intersection over union, (R, 4) and (S, 4) -> (R, S); 0 for two boxes without area."""
    size = np.minimum(first[:, None, 2:], second[None, :, 2:]) - np.maximum(first[:, None, :2], second[None, :, :2])
    intersection = size.clip(min=0).prod(axis=2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (first, second)]
    union = areas[0][:, None] + areas[1][None] - intersection
    return np.asarray(np.divide(intersection, union, out=np.zeros_like(intersection), where=union > 0))


def _in_pixels(person: BoxedPerson, height: int, width: int) -> BoxedPerson:
    x1, y1, x2, y2 = person.box
    return BoxedPerson(box=(x1 * width, y1 * height, x2 * width, y2 * height), true=person.true, scores=person.scores)


def _four(box: Sequence[float] | NDArray[np.float64]) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = map(float, box)
    return x1, y1, x2, y2
