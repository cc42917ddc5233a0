"""What a network will really see: clips as the loader delivers them, drawn on a sheet."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fvcore.common.config import CfgNode
from numpy.typing import NDArray
from torch import Tensor

from slowfast.config import ConfigError
from slowfast.datasets import ClipDataset, SampleKey, build_loader
from slowfast.datasets.build import SPLITS
from slowfast.datasets.collate import collate
from slowfast.engine.steps import Parts, parts_of
from slowfast.engine.tasks import build_eval_step, build_train_step
from slowfast.structures import ClipBatch, Keyframes
from slowfast.visualization import ContactRow, draw_contact_sheet

logger = logging.getLogger(__name__)


def draw_sheet(cfg: CfgNode, *, split: str, num_clips: int, path: Path) -> None:
    """Draws some clips of a split into a PNG file: in training the first ones of epoch 0, augmented as they will be; else
    clips of videos spread over the list. Raises ConfigError, DatasetError, DecodeError."""
    if split not in SPLITS:
        raise ConfigError(key="--split", value=split, why="there is no such split", right=", ".join(SPLITS))
    cfg = _of_clips(cfg)
    step = build_train_step(cfg) if split == "train" else build_eval_step(cfg)
    with build_loader(cfg, split, batch_size=1) as loader:
        dataset = loader.dataset
        # Samples and their order do not depend on the size of batches.
        batches: Iterator[Any] = loader.batches(0) if split == "train" else _spread(dataset, num_clips)
        clips = list(itertools.islice(batches, num_clips))
    rows = [contact_row(batch, dataset, parts=parts_of(step, batch.num_frames)) for batch in clips]
    _tell_of_stills(clips)
    draw_contact_sheet(rows, path, title=f"{cfg[_section(split)].DATASET}, {split}: {len(rows)} of {len(dataset)} clips")
    logger.info("drew %s", path)


def _of_clips(cfg: CfgNode) -> CfgNode:
    """Of whole videos clips are drawn that are as long as what a batch reads of each."""
    clips = cfg.clone()
    clips.defrost()
    clips.DATA.LANE_PIECES = 0
    return clips


def _tell_of_stills(clips: Sequence[ClipBatch]) -> None:
    """Warns of clips that are mostly one still picture, as their videos are over before they are full."""
    still = [clip for clip in clips if (clip.times[0].diff() <= 0).float().mean() > 0.5]
    if still:
        logger.warning(
            "in %d of %d clips most frames repeat the one before, as the clips are longer than their videos; right would be "
            "a smaller DATA.SAMPLING_RATE, or fewer frames", len(still), len(clips),
        )  # fmt: skip


def contact_row(batch: ClipBatch, dataset: ClipDataset, *, parts: Parts) -> ContactRow:
    """The only clip of a batch. Where frames or annotated seconds have labels, each part shows those that are on in it."""
    height, width = batch.frames.shape[3:]
    return ContactRow(
        name=batch.names[0],
        pictures=_pictures(batch),
        times=batch.times[0].numpy(),
        parts=parts,
        labels=_labels(batch, dataset, parts),
        note=f"{width} x {height}, view {int(batch.views[0])}",
        boxes={frame: keyframes.boxes.numpy() for frame, keyframes in _keyframes(batch, dataset.start_second)},
    )


def _keyframes(batch: ClipBatch, start_second: int) -> Iterator[tuple[int, Keyframes]]:
    """(frame nearest to it, persons) of each annotated second that the clip shows."""
    if batch.keyframes is None:
        return
    for second in sorted(set(batch.keyframes.seconds.tolist())):
        frame = int((batch.times[0] - (second - start_second)).abs().argmin())
        yield frame, batch.keyframes[batch.keyframes.seconds == second]


def _labels(batch: ClipBatch, dataset: ClipDataset, parts: Parts) -> tuple[tuple[str, ...], ...]:
    class_names = dataset.class_names
    if batch.frame_labels is not None:
        frames = batch.frame_labels[0]
        return tuple(_names(frames[start:stop].any(dim=0), class_names) for start, stop in parts)
    if batch.keyframes is not None:
        done = [(frame, persons.labels.any(dim=0)) for frame, persons in _keyframes(batch, dataset.start_second)]
        nothing = torch.zeros(len(class_names), dtype=torch.bool)
        in_parts = ([labels for frame, labels in done if start <= frame < stop] for start, stop in parts)
        return tuple(_names(torch.stack([nothing, *labels]).any(dim=0), class_names) for labels in in_parts)
    label = batch.labels[0]
    if label.ndim:
        return (_names(label > 0, class_names),)
    return ((class_names[int(label)],),)


def _names(is_on: Tensor, class_names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(class_names[number] for number in is_on.nonzero().flatten().tolist())


def _pictures(batch: ClipBatch) -> NDArray[np.uint8]:
    """(T, H, W, 3)"""
    pictures: NDArray[np.uint8] = batch.frames[0].permute(1, 2, 3, 0).numpy()
    return pictures


def _spread(dataset: ClipDataset, count: int) -> Iterator[ClipBatch]:
    """Batches of one clip, of videos spread over the data set."""
    count = min(count, len(dataset))
    for number in range(count):
        yield collate([dataset[SampleKey(0, (2 * number + 1) * len(dataset) // (2 * count))]])


def _section(split: str) -> str:
    return "TEST" if split == "test" else "TRAIN"
