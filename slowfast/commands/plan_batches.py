"""Batches of the configured shape whose content is made up: noise as frames, classes and persons that say nothing."""

from __future__ import annotations

import dataclasses

import torch
from fvcore.common.config import CfgNode

from slowfast.engine.clip_shapes import shape_of_batch
from slowfast.structures import ClipBatch, Keyframes, LaneBatch


def made_batch(cfg: CfgNode, *, clips: int, frames: int | None = None) -> ClipBatch | LaneBatch:
    """What a training by this config learns from, on the host: `clips` samples at the crop of training, each with
    AUG.NUM_SAMPLE rows; in detection a person a clip, or a person a piece of each lane.

    frames: of a clip; None: as configured.
    """
    rows, side = clips * max(1, cfg.AUG.NUM_SAMPLE), cfg.DATA.TRAIN_CROP_SIZE
    batch = shape_of_batch(cfg, side=side, size=rows)
    _, colours, configured, height, width = batch.frames.shape
    shape = (rows, colours, frames or configured, height, width)
    noise = torch.randint(0, 256, shape, dtype=torch.uint8)
    if isinstance(batch, LaneBatch):
        people = (_persons(cfg, rows, side),) * batch.num_pieces if cfg.DETECTION.ENABLE else None
        return dataclasses.replace(batch, frames=noise, keyframes=people)
    classes = cfg.MODEL.NUM_CLASSES
    several = bool(cfg.DATA.MULTI_LABEL or cfg.DETECTION.ENABLE)
    seconds = torch.arange(shape[2]) * (cfg.DATA.SAMPLING_RATE / cfg.DATA.TARGET_FPS)
    return dataclasses.replace(
        batch,
        frames=noise,
        times=seconds.expand(rows, -1),
        labels=torch.zeros(rows, classes) if several else torch.zeros(rows, dtype=torch.int64),
        frame_labels=torch.zeros(rows, shape[2], classes, dtype=torch.bool) if cfg.DATA.MULTI_LABEL else None,
        keyframes=_persons(cfg, rows, side) if cfg.DETECTION.ENABLE else None,
    )


def _persons(cfg: CfgNode, clips: int, side: int) -> Keyframes:
    """One in each clip, as large as the picture."""
    numbers = torch.arange(clips)
    return Keyframes(
        clips=numbers,
        seconds=torch.zeros_like(numbers),
        main=torch.ones(clips, dtype=torch.bool),
        boxes=torch.tensor([[0.0, 0.0, side, side]]).repeat(clips, 1),
        original=torch.tensor([[0.0, 0.0, 1.0, 1.0]], dtype=torch.float64).repeat(clips, 1),
        labels=torch.zeros(clips, cfg.MODEL.NUM_CLASSES),
        videos=torch.zeros_like(numbers),
        numbers=torch.zeros_like(numbers),
    )
