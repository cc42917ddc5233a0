"""Whether a network can be run over steps of given lengths: what drops, groups or pools frames must find enough of them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from fvcore.common.config import CfgNode

from pgt.schedule import StepSchedule, of_pathway
from slowfast.config import ConfigError
from slowfast.registry import MODELS


def check_fit(cfg: CfgNode, schedule: StepSchedule) -> None:
    """Raises ConfigError, with the numbers that would do, for a network that steps of this schedule do not fit."""
    stride = _temporal_stride(cfg)
    _check_temporal_stride(cfg, schedule, stride)
    for block in _nonlocal_blocks(cfg, schedule.num_pathways):
        _check_nonlocal_block(cfg, schedule, block, stride if block.stage > 0 else 1)


def check_one_pass(cfg: CfgNode, schedule: StepSchedule) -> None:
    """Raises ConfigError where the head of an evaluation in one pass would leave more positions than there are frames."""
    sizes = cfg.PGT.TPOOL_SIZE
    if len(sizes) not in (1, schedule.num_pathways):
        why = f"the network has {schedule.num_pathways} pathways"
        raise ConfigError(key="PGT.TPOOL_SIZE", value=sizes, why=why, right="one number a pathway")
    stride = _temporal_stride(cfg)
    for pathway in range(schedule.num_pathways):
        frames = schedule.ranges(pathway)[-1][1] // stride
        if not 1 <= of_pathway(sizes, pathway) <= frames:
            why = f"the head reads {frames} frames of pathway {pathway}"
            raise ConfigError(key="PGT.TPOOL_SIZE", value=sizes, why=why, right=f"1 to {frames} there")


def _temporal_stride(cfg: CfgNode) -> int:
    """Frames of the input for each frame of the last stage; 1 for a model that nobody knows, which is refused elsewhere."""
    return int(MODELS.get(cfg.MODEL.MODEL_NAME).temporal_stride(cfg)) if cfg.MODEL.MODEL_NAME in MODELS else 1


def _check_temporal_stride(cfg: CfgNode, schedule: StepSchedule, stride: int) -> None:
    """Where the network drops frames inside, every step must hold whole groups of them."""
    why = f"the temporal stride of {stride} in MODEL.ARCH {cfg.MODEL.ARCH!r} does not divide "
    for pathway, length in enumerate(schedule.step_len):
        new = schedule.new_frames(pathway)
        if length % stride:
            right = f"{max(length - length % stride, stride)} frames in pathway {pathway}"
            raise ConfigError(key="PGT.STEP_LEN", value=cfg.PGT.STEP_LEN, why=f"{why}steps of {length} frames", right=right)
        if new % stride:
            fitting = [overlap for overlap in range(length) if (length - overlap) % stride == 0]
            right = f"{' or '.join(map(str, fitting[:3]))} frames in pathway {pathway}"
            why += f"the {new} new frames of a later step"
            raise ConfigError(key="PGT.OVERLAP", value=cfg.PGT.OVERLAP, why=why, right=right)


@dataclass(frozen=True, slots=True, kw_only=True)
class _NonLocal:
    """The non-local blocks of one stage (0 is res2) and pathway. window: frames that become one among keys and values."""

    stage: int
    pathway: int
    groups: int
    window: int


def _nonlocal_blocks(cfg: CfgNode, num_pathways: int) -> Iterator[_NonLocal]:
    for stage, locations in enumerate(cfg.NONLOCAL.LOCATION):
        for pathway in range(num_pathways):
            if of_pathway(locations, pathway):
                groups = of_pathway(cfg.NONLOCAL.GROUP[stage], pathway)
                window = of_pathway(cfg.NONLOCAL.POOL[stage], pathway)[0]
                yield _NonLocal(stage=stage, pathway=pathway, groups=groups, window=window)


def _check_nonlocal_block(cfg: CfgNode, schedule: StepSchedule, block: _NonLocal, stride: int) -> None:
    """stride: temporal stride of what lies before the block."""
    lengths = {schedule.step_len[block.pathway] // stride}
    if not cfg.NONLOCAL.PROGRESS:  # else later steps attend to a memory that is as long as the first step
        lengths.add(schedule.new_frames(block.pathway) // stride)
    text = f"res{block.stage + 2} sees steps of {' and '.join(map(str, sorted(lengths)))} frames of pathway {block.pathway}"
    common = math.gcd(*lengths)
    if common % block.groups:
        fitting = [str(groups) for groups in range(1, common + 1) if common % groups == 0]
        raise ConfigError(
            key="NONLOCAL.GROUP", value=cfg.NONLOCAL.GROUP, why=f"{block.groups} groups are wanted where {text}",
            right=f"{' or '.join(fitting)} there",
        )  # fmt: skip
    shortest = min(lengths) // block.groups
    if block.window > shortest:
        raise ConfigError(
            key="NONLOCAL.POOL", value=cfg.NONLOCAL.POOL, why=f"{block.window} frames are pooled into one where {text}",
            right=f"at most {shortest} there",
        )  # fmt: skip
