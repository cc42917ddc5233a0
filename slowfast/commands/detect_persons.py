"""`tools/detect_persons.py`: boxes of the persons in the keyframes of videos, in the format of AVA's predicted boxes."""

from __future__ import annotations

import csv
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from slowfast.annotations.ava import AVA_TIMES, AvaTimes
from slowfast.datasets.ava.videos import video_files
from slowfast.datasets.decoding import decode_frames, read_index
from slowfast.datasets.errors import DecodeError
from slowfast.datasets.frame_folder import read_picture
from slowfast.errors import MissingPackageError
from slowfast.preparation.ava_media import Medium, find_media
from slowfast.runtime.atomic_files import atomic_write

logger = logging.getLogger(__name__)

Picture = NDArray[np.uint8]
FindPersons = Callable[[Picture], NDArray[np.float64]]
"""A picture (H, W, 3; RGB) -> (N, 5): x1, y1, x2, y2 in pixels, and a score in [0, 1]."""

MODEL = "COCO-Detection/faster_rcnn_X_101_32x8d_FPN_3x.yaml"
PERSON = 0
"""The class of COCO."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonDetection:
    """media: folder with ID.mp4 or ID/ID_000001.jpg. out: csv file. threshold: scores below it are left out. times: the second
    that the first pictures show, and how many there are in a second."""

    media: Path
    out: Path
    threshold: float = 0.5
    times: AvaTimes = AVA_TIMES


def detect_persons(wanted: PersonDetection, find: FindPersons | None = None) -> int:
    """Writes the boxes and returns their number. `find` finds persons; None: detectron2's detector.

    A video that cannot be read is named in the log and left out. Raises MissingPackageError, DatasetError.
    """
    find = find or detectron2_detector(wanted.threshold)
    media = find_media(wanted.media, times=wanted.times, jobs=1)
    count = 0
    with atomic_write(wanted.out) as beside, beside.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        for medium in tqdm(media, desc="Looking for persons", unit="video"):
            try:
                for second, picture in _keyframes(wanted.media, medium, wanted.times):
                    for row in _rows(medium.video_id, second, picture, find(picture), wanted.threshold):
                        rows.writerow(row)
                        count += 1
            except DecodeError as error:
                logger.warning("left out: %s", error)
    return count


def detectron2_detector(threshold: float) -> FindPersons:
    """The detector that AVA's usual boxes come from, a Faster R-CNN trained on COCO. Raises MissingPackageError without
    detectron2."""
    try:
        from detectron2 import model_zoo
        from detectron2.config import get_cfg
        from detectron2.engine import DefaultPredictor
    except ImportError as error:
        raise MissingPackageError(
            f"detectron2 finds the persons in pictures, and it cannot be imported ({error}). Install it as its page says "
            "(https://detectron2.readthedocs.io, Installation), or do without: name a csv file of boxes that you have in "
            "AVA.TRAIN_PREDICT_BOX_LISTS and AVA.TEST_PREDICT_BOX_LISTS"
        ) from None
    cfg = get_cfg()
    cfg.merge_from_file(model_zoo.get_config_file(MODEL))
    cfg.MODEL.WEIGHTS = model_zoo.get_checkpoint_url(MODEL)
    cfg.MODEL.ROI_HEADS.SCORE_THRESH_TEST = threshold
    predictor = DefaultPredictor(cfg)

    def find(picture: Picture) -> NDArray[np.float64]:
        instances = predictor(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))["instances"].to("cpu")
        instances = instances[instances.pred_classes == PERSON]
        boxes, scores = instances.pred_boxes.tensor.numpy(), instances.scores.numpy()
        return np.concatenate([boxes, scores[:, None]], axis=1).astype(np.float64)

    return find


def _keyframes(folder: Path, medium: Medium, times: AvaTimes) -> Iterator[tuple[int, Picture]]:
    """Every whole second of a video with its picture."""
    positions = range(0, medium.num_frames, times.fps)
    if medium.frames is not None:
        for number in positions:
            yield times.start + number // times.fps, read_picture(str(folder / medium.frames[number]))
        return
    path = str(video_files(folder)[medium.video_id])
    index = read_index(path)
    for number in positions:  # one at a time: a long video's pictures need not be in memory together
        frames = index.on_grid(np.array([number]), times.fps)
        yield times.start + number // times.fps, decode_frames(path, index, frames)[0]


def _rows(
    video_id: str, second: int, picture: Picture, persons: NDArray[np.float64], threshold: float
) -> Iterator[tuple[str, ...]]:
    """video, second, box in fractions, no label, score."""
    height, width = picture.shape[:2]
    for *box, score in persons[persons[:, 4] >= threshold]:
        x1, y1, x2, y2 = np.clip(np.array(box) / (width, height, width, height), 0, 1)
        if x1 < x2 and y1 < y2:
            yield (video_id, f"{second:04d}", *(f"{value:.3f}" for value in (x1, y1, x2, y2)), "", f"{score:.6f}")
