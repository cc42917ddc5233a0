"""What `training.py` compares: four networks, two norms, and ways to train them on videos of several lengths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from execution import NETWORKS
from fvcore.common.config import CfgNode
from torch import Tensor

from pgt.schedule import StepSchedule
from slowfast.config import load_config

Kind = Literal["ours", "released", "pyslowfast"]

TITLES = {"slow": "Slow R50", "slowfast": "SlowFast R50", "x3d": "X3D-S", "regnet": "RegNet3D 400M"}
COST = {"slow": 1.0, "slowfast": 0.32, "x3d": 0.4, "regnet": 0.2}
"""About the time that each needs for a frame, as a part of what Slow R50 needs."""
NORMS = ("frozen_batchnorm", "batchnorm")
LONG = 10
"""Steps of the exact gradient and of what is set beside it: end to end does not fit for much longer videos."""

MEMORY: Literal["max"] = "max"
MOMENTUM = 0.25
"""PGT.CACHE and PGT.CACHE_MOMENTUM, of ours and of the release: those of its recipe for Charades."""

STEP = {"slow": ([8], [1]), "slowfast": ([8, 32], [1, 4]), "x3d": ([13], [1]), "regnet": ([8], [1])}
"""PGT.STEP_LEN and PGT.OVERLAP: a step is as long as the network's usual clip."""

LEARNING_RATE = 1e-8
"""So small that the loss stays what it is: what is learned would change the time."""

_COMMON: list[Any] = [
    "NUM_GPUS", 0, "MODEL.EXECUTION", "3d", "LOG_MODEL_INFO", False, "REPORT.ENABLE", False, "MODEL.NUM_CLASSES", 400,
    "MODEL.DROPOUT_RATE", 0.5,
    "TRAIN.DATASET", "kinetics", "SOLVER.BASE_LR", LEARNING_RATE, "SOLVER.MOMENTUM", 0.9, "SOLVER.WEIGHT_DECAY", 1e-4,
]  # fmt: skip

_R18 = ["RESNET.DEPTH", 18, "RESNET.TRANS_FUNC", "basic_transform", "RESNET.WIDTH_PER_GROUP", 8]
_TINY: dict[str, list[Any]] = {
    "slow": [*_R18, "RESNET.NUM_BLOCK_TEMP_KERNEL", [[2], [2], [2], [2]]],
    "slowfast": [*_R18, "RESNET.NUM_BLOCK_TEMP_KERNEL", [[2, 2]] * 4],
    "x3d": ["X3D.WIDTH_FACTOR", 1.0, "X3D.DEPTH_FACTOR", 1.0, "X3D.DIM_C5", 64],
    "regnet": ["REGNET.DEPTH", "200M"],
}
"""The same kinds of networks, small enough for a test."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A way to train. kind: ours, or a yardstick (`training_yardsticks.py`). steps: of PGT's cut of the video that is read; 0:
    one usual clip. whole: whether all of it is read in one piece nevertheless. options: of the config, besides. half: whether
    a yardstick computes under autocast to fp16."""

    name: str
    kind: Kind = "ours"
    steps: int = 0
    whole: bool = False
    options: tuple[Any, ...] = ()
    half: bool = False

    @property
    def progressive(self) -> bool:
        return bool(self.steps) and not self.whole

    def trains(self, network: str) -> bool:
        """Whether there is such a way: the release's RegNets lose frames at every layer and cannot be trained in steps."""
        return not (self.kind == "released" and network == "regnet")


THEIR_CLIP, OUR_CLIP = "clip, PySlowFast's way", "clip"


def theirs(steps: int) -> str:
    return f"PGT, {steps} steps, the release's way"


def ours(steps: int) -> str:
    return f"PGT, {steps} steps"


_ALWAYS = (
    Way(name=THEIR_CLIP, kind="pyslowfast"),
    Way(name=OUR_CLIP),
    *(Way(name=theirs(steps), kind="released", steps=steps) for steps in (5, 10)),
    *(Way(name=ours(steps), steps=steps) for steps in (5, 10, 20, 80)),
    Way(name=f"PGT, {LONG} steps, exact gradient", steps=LONG, options=("PGT.GRADIENT", "exact")),
    Way(name=f"end to end, {LONG} steps' frames", steps=LONG, whole=True),
    Way(
        name=f"end to end, {LONG} steps' frames, checkpointed",
        steps=LONG,
        whole=True,
        options=("TRAIN.ACTIVATION_CHECKPOINTING", "stages"),
    ),
)
_HALVES = (
    Way(name=f"{THEIR_CLIP}, fp16", kind="pyslowfast", half=True),
    Way(name=f"{theirs(5)}, fp16", kind="released", steps=5, half=True),
)
_ALSO = (OUR_CLIP, ours(5))


def all_ways(*, on_gpu: bool, overrides: Sequence[str], also: Sequence[Sequence[str]]) -> list[Way]:
    """Every way, in the order of the table. overrides: options of all of ours; also: options with which our clip and our 5
    steps run once more, for each of the lists."""
    ways = [
        replace(way, options=(*way.options, *overrides)) if way.kind == "ours" else way
        for way in (*_ALWAYS, *(_HALVES if on_gpu else ()))
    ]
    for options in also:
        ways += [with_options(way, options) for way in ways if way.name in _ALSO]
    return ways


def with_options(way: Way, options: Sequence[str]) -> Way:
    return replace(way, name=with_options_name(way.name, options), options=(*way.options, *options))


def with_options_name(name: str, options: Sequence[str]) -> str:
    return f"{name} [{' '.join(options)}]"


def config(way: Way, network: str, *, norm: str, crop: int, batch: int, tiny: bool) -> CfgNode:
    """Raises ConfigError for options that do not go with this way."""
    step_len, overlap = STEP[network]
    options: list[Any] = [
        *_COMMON, *NETWORKS[network], *(_TINY[network] if tiny else ()), "BN.NORM_TYPE", norm,
        "DATA.TRAIN_CROP_SIZE", crop, "DATA.TEST_CROP_SIZE", crop, "TRAIN.BATCH_SIZE", batch,
        "DATA.NUM_FRAMES", clip_frames(way, network),
    ]  # fmt: skip
    if way.progressive and way.kind == "ours":
        options += [
            "PGT.ENABLE", True, "PGT.STEPS", way.steps, "PGT.STEP_LEN", step_len, "PGT.OVERLAP", overlap,
            "PGT.TRAIN_TOGETHER", True, "PGT.CACHE", MEMORY, "PGT.CACHE_MOMENTUM", MOMENTUM,
        ]  # fmt: skip
    return load_config(None, [*options, *way.options])


def random_frames(cfg: CfgNode) -> Tensor:
    """What a batch of this config reads, before it is normalised: (B, 3, T, H, W), uint8. As in videos, frames resemble each
    other: maxima over many of them (PGT.CACHE) stay what norms are used to."""
    size, side = cfg.TRAIN.BATCH_SIZE, cfg.DATA.TRAIN_CROP_SIZE
    pictures = torch.randint(0, 224, (size, 3, 1, side, side), dtype=torch.uint8)
    return pictures + torch.randint(0, 32, (size, 3, cfg.DATA.NUM_FRAMES, side, side), dtype=torch.uint8)


def schedule(network: str, steps: int, *, released: bool = False) -> StepSchedule:
    step_len, overlap = STEP[network]
    return StepSchedule(step_len, overlap, steps, semantics="released" if released else "corrected")


def clip_frames(way: Way, network: str) -> int:
    """Frames that one clip of this way has."""
    return schedule(network, way.steps or 1).num_frames
