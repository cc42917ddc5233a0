"""Pictures of some annotated seconds, with what persons do and what the network says of them."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from fvcore.common.config import CfgNode
from numpy.typing import NDArray
from torch import nn

from slowfast.datasets import ClipDataset, SampleKey
from slowfast.datasets.ava import AvaDataset
from slowfast.datasets.build import whole_videos
from slowfast.datasets.collate import collate
from slowfast.datasets.lanes import LaneKey, Piece
from slowfast.datasets.whole_videos import Picture, WholeVideos, collate_lanes
from slowfast.engine.ava_persons import AvaTruth, Predictions
from slowfast.engine.person_matching import NOBODY, match_boxes
from slowfast.engine.steps import EvalStep
from slowfast.evaluation.ava import Boxes
from slowfast.registry import EXAMPLES
from slowfast.reports.examples import file_name, spread_evenly
from slowfast.runtime.progress import with_bar
from slowfast.structures import ClipBatch, DetectionOutput, LaneBatch
from slowfast.visualization import BoxedPerson, Scene, draw_scene

logger = logging.getLogger(__name__)


@EXAMPLES.register("detection")
def draw_scenes(cfg: CfgNode, *, model: nn.Module, step: EvalStep, dataset: ClipDataset, device: torch.device) -> None:
    """Writes OUTPUT_DIR/scenes/*.png, REPORT.NUM_TIMELINES of them. The model is in evaluation mode and gradients are off."""
    wanted = spread_evenly(len(dataset), cfg.REPORT.NUM_TIMELINES)
    if not wanted:
        return
    truth = AvaTruth.from_cfg(cfg, videos=[record.video_id for record in dataset.records], split="test")
    for sample in with_bar(wanted, "drawing"):
        batch = collate([dataset[SampleKey(0, sample)]])
        output = step(model, batch.to(device))
        assert isinstance(output, DetectionOutput), "scenes show scores of persons"
        assert batch.keyframes is not None
        moment = int(batch.videos[0]), int(batch.keyframes.seconds[batch.keyframes.main][0])
        _draw(cfg, build_scene(moment, _picture(cfg, dataset, batch, moment[1]), Predictions.of(output), truth))


@EXAMPLES.register("whole_detection")
def draw_scenes_of_whole_videos(
    cfg: CfgNode, *, model: nn.Module, step: EvalStep, dataset: ClipDataset, device: torch.device
) -> None:
    """The same, of videos that are read whole: at every moment the network has seen all that is before."""
    assert isinstance(dataset, AvaDataset), "whole videos with persons are those of AVA"
    videos, persons = whole_videos(cfg, dataset, "test"), dataset.persons
    truth = AvaTruth.from_cfg(cfg, videos=[record.video_id for record in dataset.records], split="test")
    samples = spread_evenly(len(dataset), cfg.REPORT.NUM_TIMELINES)
    wanted = {(int(persons.videos[sample]), int(persons.seconds[sample])) for sample in samples}
    shown = dict(wanted)
    for place in with_bar([place for place, video in enumerate(videos.videos) if video in shown], "drawing"):
        for batch, predictions in _predicted(videos, place, model, step, cfg.DATA.LANE_PIECES, device):
            for moment in sorted(wanted & set(map(tuple, predictions.keys[:, :2].tolist()))):
                _draw(cfg, build_scene(moment, _picture(cfg, dataset, batch, moment[1]), predictions, truth))


def _predicted(
    videos: WholeVideos, place: int, model: nn.Module, step: EvalStep, pieces: int, device: torch.device
) -> Iterator[tuple[LaneBatch, Predictions]]:
    """A pass over one video; pieces: that are read at once."""
    for first in range(0, videos.lengths[place], pieces):
        numbers = range(first, first + pieces)
        key = LaneKey(0, tuple(Piece(0, place, number) if number < videos.lengths[place] else None for number in numbers))
        batch = collate_lanes([videos[key]], videos)
        output = step(model, batch.to(device))
        assert isinstance(output, DetectionOutput), "scenes show scores of persons"
        yield batch, Predictions.of(output)


def _draw(cfg: CfgNode, scene: Scene) -> None:
    path = Path(cfg.OUTPUT_DIR) / "scenes" / f"{file_name(scene.title)}.png"
    draw_scene(scene, path)
    logger.info("drew %s", path)


def _picture(cfg: CfgNode, dataset: ClipDataset, batch: ClipBatch | LaneBatch, second: int) -> Picture:
    return shown_picture(batch, second - dataset.start_second, mirrored=cfg.AVA.TEST_FORCE_FLIP, bgr=cfg.AVA.BGR)


def shown_picture(batch: ClipBatch | LaneBatch, second: float, *, mirrored: bool, bgr: bool) -> Picture:
    """The frame of the first clip, or lane, that is nearest to a second of its video, as its boxes were drawn in it.

    mirrored, bgr: how frames differ from that."""
    away = (batch.times[0] - second).abs()
    if isinstance(batch, LaneBatch):
        away = away.masked_fill(~batch.valid[0], torch.inf)
    picture = batch.frames[0, :, int(away.argmin())].permute(1, 2, 0).numpy()
    return np.ascontiguousarray(picture[:, :: -1 if mirrored else 1, :: -1 if bgr else 1])


def build_scene(moment: tuple[int, int], picture: Picture, predictions: Predictions, truth: AvaTruth) -> Scene:
    """What is true and what is predicted at a moment (video, second), which `picture` shows."""
    video, second = moment
    merged = predictions.merged()
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
    matched = match_boxes(boxes, true)
    done = [tuple(names[label] for label in labels if label in names) for labels in matched.done]
    persons = []
    for box, person, said in zip(boxes, matched.person_of.tolist(), scores, strict=True):
        by_name = {name: float(said[number - 1]) for number, name in names.items()}
        persons.append(BoxedPerson(box=_four(box), true=() if person == NOBODY else done[person], scores=by_name))
    return persons + [BoxedPerson(box=_four(matched.true_boxes[person]), true=done[person]) for person in matched.missed]


def _in_pixels(person: BoxedPerson, height: int, width: int) -> BoxedPerson:
    x1, y1, x2, y2 = person.box
    return BoxedPerson(box=(x1 * width, y1 * height, x2 * width, y2 * height), true=person.true, scores=person.scores)


def _four(box: Sequence[float] | NDArray[np.float64]) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = map(float, box)
    return x1, y1, x2, y2
