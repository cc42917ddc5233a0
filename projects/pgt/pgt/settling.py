"""What must hold between the options of progressive training, and what follows from them."""

from __future__ import annotations

from fvcore.common.config import CfgNode

from pgt.fit import (
    ALL,
    NO_MEMORY,
    check_fit,
    check_one_pass,
    settle_num_frames,
    settle_steps,
    settle_whole_videos,
    whole_videos,
)
from pgt.multigrid import Multigrid
from pgt.schedule import StepSchedule
from slowfast.config import ConfigError


def finish(cfg: CfgNode, given: frozenset[str]) -> None:
    """Derives what a config leaves open, and raises ConfigError for options that do not fit each other."""
    if cfg.DATA.LANE_PIECES and not whole_videos(cfg):
        why = "whole videos are read by progressive training alone (PGT.ENABLE True, PGT.STEPS all)"
        raise ConfigError(key="DATA.LANE_PIECES", value=cfg.DATA.LANE_PIECES, why=why, right="0")
    if not cfg.PGT.ENABLE:
        return
    _check_self_attention(cfg)
    if cfg.TRAIN.COMPILE:
        _check_compiling(cfg)
    if cfg.PGT.CACHE == NO_MEMORY:
        _check_no_memory(cfg)
    schedule = settle_steps(cfg, given)
    if whole_videos(cfg):
        settle_whole_videos(cfg, given, schedule)
    for every in Multigrid.from_cfg(cfg).schedules:
        check_fit(cfg, every)
    _check_causal(cfg)
    _settle_positions(cfg, schedule)
    _check_attention(cfg)
    _check_nonlocal(cfg)
    if not whole_videos(cfg):
        settle_num_frames(cfg, given, schedule)
    if cfg.DETECTION.ENABLE:
        _settle_detection(cfg, given, schedule)
    _settle_gradients(cfg, given)
    _check_accumulation(cfg)
    if not cfg.PGT.PG_EVAL:
        check_one_pass(cfg, schedule)


def _check_self_attention(cfg: CfgNode) -> None:
    if cfg.PGT.SELFATT or any(cfg.PGT.SELFATT_LOCATION):
        why = "progressive self-attention is that of non-local blocks"
        raise ConfigError(key="PGT.SELFATT", value=True, why=why, right="False, with NONLOCAL.LOCATION and NONLOCAL.PROGRESS")


def _check_compiling(cfg: CfgNode) -> None:
    if cfg.TRAIN.ACTIVATION_CHECKPOINTING != "none":
        why = "compiled graphs cannot leave a memory from where they compute something again (TRAIN.ACTIVATION_CHECKPOINTING)"
        raise ConfigError(key="TRAIN.COMPILE", value=True, why=why, right="False, or TRAIN.ACTIVATION_CHECKPOINTING none")
    if cfg.PGT.OPERATOR == "causal" and (len(cfg.PGT.STEP_LEN) > 1 or _has_strided_patches(cfg)):
        what = "lateral connections" if len(cfg.PGT.STEP_LEN) > 1 else "patches that share frames (MVIT.PATCH_KERNEL)"
        why = f"causal {what} count the frames that they have seen, and graphs break where they do (PGT.OPERATOR)"
        raise ConfigError(key="TRAIN.COMPILE", value=True, why=why, right="False, or PGT.OPERATOR local")


def _has_strided_patches(cfg: CfgNode) -> bool:
    kernel, stride = cfg.MVIT.PATCH_KERNEL[0], cfg.MVIT.PATCH_STRIDE[0]
    return cfg.MODEL.MODEL_NAME == "MViT" and stride not in (1, kernel)


def _check_no_memory(cfg: CfgNode) -> None:
    why = f"steps that remember nothing are trained and scored along whole videos alone (PGT.CACHE {NO_MEMORY})"
    if not whole_videos(cfg):
        raise ConfigError(key="PGT.STEPS", value=cfg.PGT.STEPS, why=why, right=f"{ALL}, or PGT.ENABLE False for clips")
    why = f"no gradient crosses steps that remember nothing (PGT.CACHE {NO_MEMORY})"
    for key, right in (("GRADIENT", "truncated"), ("TBPTT_STEPS", 1), ("TRUNCATE_GRAD", False), ("CACHE_MOMENTUM", 0.0)):
        if cfg.PGT[key] != right:
            raise ConfigError(key=f"PGT.{key}", value=cfg.PGT[key], why=why, right=repr(right))


def _settle_detection(cfg: CfgNode, given: frozenset[str], schedule: StepSchedule) -> None:
    """Puts the annotated second at the centre of the last step, all other steps before it; of whole videos at that of some
    step, or at its first new frame if the memory is the larger part of it."""
    stated, right = cfg.AVA.CENTER_FRAME, schedule.num_frames - schedule.step_len[-1] // 2
    if whole_videos(cfg):
        right = max(schedule.step_len[-1] // 2 - schedule.overlap[-1], 0)
    if "AVA.CENTER_FRAME" in given and stated not in (-1, right):
        raise ConfigError(
            key="AVA.CENTER_FRAME", value=stated, right=f"{right} (or -1 to have it derived)",
            why="a step does not have its centre there"
            if whole_videos(cfg)
            else f"the last of the {schedule.steps} steps does not have its centre there",
        )  # fmt: skip
    cfg.AVA.CENTER_FRAME = right
    if not cfg.PGT.PG_EVAL:
        why = "persons are scored at the moments of steps, which a pass over the whole clip does not have"
        raise ConfigError(key="PGT.PG_EVAL", value=False, why=why, right="True, for detection")


def _settle_gradients(cfg: CfgNode, given: frozenset[str]) -> None:
    """Derives how many steps gradients flow through, or checks it if somebody set it."""
    longest = max(schedule.steps for schedule in Multigrid.from_cfg(cfg).schedules)
    exact = cfg.PGT.GRADIENT == "exact"
    if cfg.PGT.TRUNCATE_GRAD or (exact and "PGT.TBPTT_STEPS" not in given):
        cfg.PGT.TBPTT_STEPS = longest
    if exact and longest == 1:
        key, more = (
            ("PGT.UPDATE_EVERY", "2 or more, or 0 with PGT.TRAIN_TOGETHER True")
            if whole_videos(cfg)
            else ("PGT.STEPS", "2 or more")
        )
        why = "an update has one step, so no gradient crosses a step, and PGT.GRADIENT exact changes nothing"
        raise ConfigError(key=key, value=1, why=why, right=f"{more}; or PGT.GRADIENT truncated")
    if exact and cfg.PGT.TBPTT_STEPS == 1 < longest:
        why = "then no gradient crosses a step, and PGT.GRADIENT exact changes nothing"
        raise ConfigError(key="PGT.TBPTT_STEPS", value=1, why=why, right=f"2 to {longest}, or not set: all steps")
    if cfg.PGT.TBPTT_STEPS > longest:
        raise ConfigError(
            key="PGT.TBPTT_STEPS",
            value=cfg.PGT.TBPTT_STEPS,
            why=f"an update has {longest} steps ({'PGT.UPDATE_EVERY' if whole_videos(cfg) else 'PGT.STEPS'})",
            right=f"1 to {longest}",
        )


def _check_accumulation(cfg: CfgNode) -> None:
    several = any(schedule.steps > cfg.PGT.TBPTT_STEPS for schedule in Multigrid.from_cfg(cfg).schedules)
    if cfg.TRAIN.ACCUMULATE > 1 and several and not cfg.PGT.TRAIN_TOGETHER and not whole_videos(cfg):
        why = "a clip makes several updates by itself (PGT.TRAIN_TOGETHER False)"
        raise ConfigError(key="TRAIN.ACCUMULATE", value=cfg.TRAIN.ACCUMULATE, why=why, right="1, or PGT.TRAIN_TOGETHER True")


def _check_causal(cfg: CfgNode) -> None:
    if cfg.PGT.OPERATOR != "causal":
        return
    past_alone = {"CACHE": "last", "CACHE_MOMENTUM": 0.0, "SEMANTICS": "corrected", "AGE_OFFSETS": False, "ATTENTION_EVERY": 1}
    for key, right in past_alone.items():
        if cfg.PGT[key] != right:
            why = "causal operators remember the true past, nothing else (PGT.OPERATOR)"
            raise ConfigError(key=f"PGT.{key}", value=cfg.PGT[key], why=why, right=repr(right))


def _settle_positions(cfg: CfgNode, schedule: StepSchedule) -> None:
    """Positions of a network of tokens are made for a step, where nobody says for how many frames."""
    for name in ("MVIT", "TIMESFORMER", "VIT"):
        cfg[name].NUM_FRAMES = cfg[name].NUM_FRAMES or schedule.step_len[-1]


def _check_attention(cfg: CfgNode) -> None:
    if cfg.PGT.ATTENTION != "compressed":
        return
    if cfg.MODEL.MODEL_NAME == "TimeSformer":
        why = "its attention looks along time alone, and has nothing beside a token to compress it with (MODEL.MODEL_NAME)"
        raise ConfigError(key="PGT.ATTENTION", value="compressed", why=why, right="tokens")
    for key, right in (("CACHE", "last"), ("CACHE_MOMENTUM", 0.0), ("OPERATOR", "local")):
        if cfg.PGT[key] != right:
            why = "compressed slices stand in a queue, and each holds several moments of its step (PGT.ATTENTION)"
            raise ConfigError(key=f"PGT.{key}", value=cfg.PGT[key], why=why, right=repr(right))


def _check_nonlocal(cfg: CfgNode) -> None:
    used = any(blocks for stage in cfg.NONLOCAL.LOCATION for blocks in stage)
    if used and cfg.PGT.OPERATOR == "causal":
        why = "non-local blocks attend to the future within their step, which causal operators must not (PGT.OPERATOR)"
        raise ConfigError(key="NONLOCAL.LOCATION", value=cfg.NONLOCAL.LOCATION, why=why, right="[[[]], [[]], [[]], [[]]]")
    if cfg.NONLOCAL.PROGRESS and any(groups != 1 for stage in cfg.NONLOCAL.GROUP for groups in stage):
        why = "progressive non-local blocks attend to the memory as a whole (NONLOCAL.PROGRESS)"
        raise ConfigError(key="NONLOCAL.GROUP", value=cfg.NONLOCAL.GROUP, why=why, right="[[1], [1], [1], [1]]")
