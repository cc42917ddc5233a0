"""What a network costs, from shapes alone: nothing is computed, so any size of clip takes no time and no memory."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from slowfast.config import CfgNode
from slowfast.engine.clip_shapes import shape_of_batch
from slowfast.engine.tasks import build_eval_step, build_train_step
from slowfast.models import build_model


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCost:
    """parameters: numbers that training changes. multiply_adds: of one view in a test, all its steps together, or of one step
    where whole videos are read; those of convolutions, linear layers and attention, which is what the literature calls FLOPs.
    memory_bytes: what is carried from one step to the next for a video at the size of tests; 0 for networks that read a clip at
    once or remember nothing."""

    parameters: int
    multiply_adds: int
    memory_bytes: int


def model_cost(cfg: CfgNode) -> ModelCost:
    """The cost of the config's network, on clips as its tests read them (in detection with one person)."""
    batch = shape_of_batch(cfg, side=cfg.DATA.TEST_CROP_SIZE)
    with torch.device("meta"):
        model = build_model(cfg).eval().requires_grad_(False)  # the counter takes no parts of parameters that want gradients
    with torch.no_grad():
        with FlopCounterMode(display=False) as counter:
            build_eval_step(cfg)(model, batch)
        # An evaluation may run in one pass, or forget at its end; training goes by steps and leaves what the last one left.
        build_train_step(cfg).forward_only(model, batch)
    return ModelCost(
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        multiply_adds=counter.get_total_flops() // 2 // max(1, cfg.DATA.LANE_PIECES),
        memory_bytes=getattr(model, "memory_bytes", 0),
    )
