"""The type of numbers that a network computes with: single precision, or a half where that is safe (autocast)."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from fvcore.common.config import CfgNode

from slowfast.config import ConfigError

logger = logging.getLogger(__name__)

Stage = Literal["TRAIN", "TEST"]

HALVES = {"bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True, slots=True)
class Precision:
    """name: fp32, bf16 or fp16. Weights, their gradients, losses and optimizers are float32 with each of them."""

    name: str = "fp32"

    @property
    def scales_losses(self) -> bool:
        """Whether gradients are too small for the type, so that losses are scaled up for the way back. bfloat16 has the range
        of float32."""
        return self.name == "fp16"

    def autocast(self, device: torch.device) -> contextlib.AbstractContextManager[Any]:
        """Context for forward passes."""
        half = HALVES.get(self.name)
        return contextlib.nullcontext() if half is None else torch.autocast(device.type, dtype=half)


SINGLE = Precision()


def precision_of(cfg: CfgNode, stage: Stage, device: torch.device) -> Precision:
    """What TRAIN.PRECISION or TEST.PRECISION means on this device. Raises ConfigError for one that it
    cannot compute with."""
    wanted = _stated(cfg, stage)
    if stage == "TRAIN" and without_effect(cfg, device):
        return SINGLE
    if wanted == "auto":
        wanted = fastest(device)
    if problem := _problem(wanted, device):
        raise ConfigError(key=f"{stage}.PRECISION", value=wanted, why=problem, right="fp32, or auto: what is fast here")
    return Precision(wanted)


def tell_precision(cfg: CfgNode, device: torch.device) -> None:
    """Says in the log what numbers a run computes with, where that is not simply what its config says. Raises ConfigError."""
    if cfg.TRAIN.ENABLE and without_effect(cfg, device):
        logger.warning("TRAIN.MIXED_PRECISION needs a GPU; this run trains in single precision (TRAIN.PRECISION fp32)")
    stages: dict[Stage, bool] = {"TRAIN": cfg.TRAIN.ENABLE, "TEST": cfg.TEST.ENABLE or bool(cfg.TRAIN.EVAL_PERIOD)}
    for stage in (stage for stage, takes_place in stages.items() if takes_place):
        found = precision_of(cfg, stage, device)
        if _stated(cfg, stage) == "auto":
            logger.info("%s.PRECISION auto: %s on this device", stage, found.name)


def without_effect(cfg: CfgNode, device: torch.device) -> bool:
    """Whether TRAIN.MIXED_PRECISION is asked for on a CPU: recipes for GPUs do so, and still train there."""
    return bool(cfg.TRAIN.MIXED_PRECISION) and device.type == "cpu"


def fastest(device: torch.device) -> str:
    """bf16 on GPUs that have units for it, else fp16; on CPUs bf16 with AMX, else fp32: AVX-512 with bfloat16 was slower."""
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    return "bf16" if _asks("_is_amx_tile_supported")() else "fp32"


def cpu_has_bf16_units() -> bool:
    """AMX, or AVX-512 with bfloat16. PyTorch has no public question for it."""
    return any(_asks(name)() for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"))


def _stated(cfg: CfgNode, stage: Stage) -> str:
    return str({"TRAIN": cfg.TRAIN.PRECISION, "TEST": cfg.TEST.PRECISION}[stage])


def _asks(name: str) -> Callable[[], bool]:
    return getattr(torch.cpu, name, lambda: False)


def _problem(name: str, device: torch.device) -> str:
    if name == "fp16" and device.type == "cpu":
        return "half precision with scaled losses is for GPUs"
    if name == "bf16" and device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        return f"{torch.cuda.get_device_name(device)} has no units for bfloat16"
    return ""
