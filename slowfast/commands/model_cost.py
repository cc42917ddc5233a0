"""What a network costs, from shapes alone: nothing is computed, so any size of clip takes no time and no memory."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from slowfast.config import CfgNode
from slowfast.engine.tasks import build_eval_step, build_train_step
from slowfast.models import build_model
from slowfast.structures import ClipBatch, Keyframes


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCost:
    """parameters: numbers that training changes. multiply_adds: of one view in a test, all its steps together; those of
    convolutions, linear layers and attention, which is what the literature calls FLOPs. memory_bytes: what is carried from one
    step to the next for a video at the size of tests; 0 for networks that read a clip at once."""

    parameters: int
    multiply_adds: int
    memory_bytes: int


def model_cost(cfg: CfgNode) -> ModelCost:
    """The cost of the config's network, on clips as its tests read them (in detection with one person)."""
    batch = shape_of_a_clip(cfg)
    with torch.device("meta"):
        model = build_model(cfg).eval()
    with torch.no_grad():
        with FlopCounterMode(display=False) as counter:
            build_eval_step(cfg)(model, batch)
        # An evaluation may run in one pass, or forget at its end; training goes by steps and leaves what the last one left.
        build_train_step(cfg).forward_only(model, batch)
    return ModelCost(
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        multiply_adds=counter.get_total_flops() // 2,
        memory_bytes=getattr(model, "memory_bytes", 0),
    )


def shape_of_a_clip(cfg: CfgNode) -> ClipBatch:
    """One clip of the size of tests: its frames have a shape and no content, the little around them is real."""
    frames, side = cfg.DATA.NUM_FRAMES, cfg.DATA.TEST_CROP_SIZE
    return ClipBatch(
        frames=torch.empty((1, 3, frames, side, side), dtype=torch.uint8, device="meta"),
        times=torch.arange(frames)[None] * (cfg.DATA.SAMPLING_RATE / cfg.DATA.TARGET_FPS),
        labels=torch.zeros((1, cfg.MODEL.NUM_CLASSES)),
        frame_labels=None,
        videos=torch.tensor([0]),
        views=torch.tensor([0]),
        names=("shape",),
        keyframes=_one_person(cfg) if cfg.DETECTION.ENABLE else None,
    )


def _one_person(cfg: CfgNode) -> Keyframes:
    whole_picture = torch.tensor([[0.0, 0.0, cfg.DATA.TEST_CROP_SIZE, cfg.DATA.TEST_CROP_SIZE]])
    zero = torch.tensor([0])
    return Keyframes(
        clips=zero,
        seconds=zero,
        main=torch.tensor([True]),
        boxes=whole_picture,
        original=torch.tensor([[0.0, 0.0, 1.0, 1.0]], dtype=torch.float64),
        labels=torch.zeros((1, cfg.MODEL.NUM_CLASSES)),
        videos=zero,
        numbers=zero,
    )
