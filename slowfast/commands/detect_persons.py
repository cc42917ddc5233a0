"""`tools/detect_persons.py`: boxes of the persons in the keyframes of videos, in the format of AVA's predicted boxes."""

from __future__ import annotations

import csv
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from slowfast.annotations.ava import AVA_TIMES, AvaTimes
from slowfast.config import load_config
from slowfast.datasets.ava.videos import video_files
from slowfast.datasets.decoding import decode_frames, read_index
from slowfast.datasets.errors import DecodeError
from slowfast.datasets.frame_folder import read_picture
from slowfast.preparation.ava_media import Medium, find_media
from slowfast.preparation.persons import Detector, FindPersons, Picture, as_fractions, find_detector
from slowfast.runtime.atomic_files import atomic_write
from slowfast.runtime.device import local_processes, uses_gpu

logger = logging.getLogger(__name__)


__all__ = ["Detector", "PersonDetection", "detect_persons", "settings_of"]

ANY, CPU = Detector(), torch.device("cpu")


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonDetection:
    """media: folder with ID.mp4 or ID/ID_000001.jpg. out: csv file. threshold: scores below it are left out. times: the second
    that the first pictures show, and how many there are in a second. detector: what finds persons, on `device`."""

    media: Path
    out: Path
    threshold: float = 0.5
    times: AvaTimes = AVA_TIMES
    detector: Detector = ANY
    device: torch.device = CPU


def settings_of(overrides: Sequence[str]) -> tuple[AvaTimes, torch.device]:
    """The seconds that pictures show, and where to compute (NUM_GPUS), by options of the training. Raises ConfigError."""
    cfg = load_config(overrides=["DETECTION.ENABLE", True, *overrides])
    local_processes(cfg)  # refuses GPUs that are not there
    return AvaTimes.from_cfg(cfg), torch.device("cuda" if uses_gpu(cfg) else "cpu")


def detect_persons(wanted: PersonDetection, find: FindPersons | None = None) -> int:
    """Writes the boxes and returns their number. `find` finds persons; None: the detector that is wanted does.

    A video that cannot be read is named in the log and left out. Raises MissingPackageError, DetectorError, DatasetError.
    """
    find = find or find_detector(wanted.detector, wanted.threshold, wanted.device)
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
    for *corners, score in as_fractions(persons, picture, threshold).tolist():
        yield (video_id, f"{second:04d}", *(f"{value:.3f}" for value in corners), "", f"{score:.6f}")
