"""Clips that have a shape and no content, and networks that are run on them: nothing is computed, so any size takes no time."""

from __future__ import annotations

import torch
from fvcore.common.config import CfgNode

from slowfast.structures import ClipBatch, Keyframes, LaneBatch


def shape_of_batch(cfg: CfgNode, *, side: int, size: int = 1) -> ClipBatch | LaneBatch:
    """What training and tests by this config read: clips, or lanes of whole videos."""
    return shape_of_lanes(cfg, side=side, lanes=size) if cfg.DATA.LANE_PIECES else shape_of_clips(cfg, side=side, clips=size)


def shape_of_clips(cfg: CfgNode, *, side: int, clips: int = 1) -> ClipBatch:
    """Clips of `side` x `side` pixels: their frames are on the device "meta", the little around them is real."""
    frames = cfg.DATA.NUM_FRAMES
    seconds = torch.arange(frames) * (cfg.DATA.SAMPLING_RATE / cfg.DATA.TARGET_FPS)
    return ClipBatch(
        frames=torch.empty((clips, 3, frames, side, side), dtype=torch.uint8, device="meta"),
        times=seconds.expand(clips, -1),
        labels=torch.zeros((clips, cfg.MODEL.NUM_CLASSES)),
        frame_labels=None,
        videos=torch.arange(clips),
        views=torch.zeros(clips, dtype=torch.int64),
        names=("shape",) * clips,
        keyframes=_one_person(cfg, side) if cfg.DETECTION.ENABLE else None,
    )


def shape_of_lanes(cfg: CfgNode, *, side: int, lanes: int = 1) -> LaneBatch:
    """The same for whole videos: all lanes begin one, which goes on."""
    frames, pieces = cfg.DATA.NUM_FRAMES, cfg.DATA.LANE_PIECES
    numbers = torch.arange(pieces).expand(lanes, -1)
    labels = torch.zeros((lanes, pieces, cfg.MODEL.NUM_CLASSES)) if cfg.DATA.MULTI_LABEL else torch.zeros_like(numbers)
    return LaneBatch(
        frames=torch.empty((lanes, 3, frames, side, side), dtype=torch.uint8, device="meta"),
        times=torch.zeros((lanes, frames)),
        frame_sec=torch.ones((lanes, pieces)),
        video_sec=torch.full((lanes, pieces), float(frames), dtype=torch.float64),
        valid=torch.ones((lanes, frames), dtype=torch.bool),
        begins=numbers == 0,
        labels=labels,
        videos=torch.zeros_like(numbers),
        views=torch.zeros_like(numbers),
        pieces=numbers,
        names=("shape",),
        keyframes=(_one_person(cfg, side),) * pieces if cfg.DETECTION.ENABLE else None,
    )


def _one_person(cfg: CfgNode, side: int) -> Keyframes:
    """In the first clip, as large as the picture."""
    zero = torch.tensor([0])
    return Keyframes(
        clips=zero,
        seconds=zero,
        main=torch.tensor([True]),
        boxes=torch.tensor([[0.0, 0.0, side, side]]),
        original=torch.tensor([[0.0, 0.0, 1.0, 1.0]], dtype=torch.float64),
        labels=torch.zeros((1, cfg.MODEL.NUM_CLASSES)),
        videos=zero,
        numbers=zero,
    )
