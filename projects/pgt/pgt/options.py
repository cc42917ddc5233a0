"""The options of progressive training, and what must hold between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fvcore.common.config import CfgNode
from torch import nn

from pgt.fit import (
    ALL,
    NO_MEMORY,
    STEPS_OF_A_CLIP,
    check_fit,
    check_one_pass,
    settle_num_frames,
    settle_steps,
    settle_whole_videos,
    whole_videos,
)
from pgt.multigrid import Multigrid
from pgt.schedule import StepSchedule
from pgt.wrapper import ProgressiveModel, progressive
from slowfast.config import ConfigError, Option, Section, switched_off
from slowfast.registry import MODEL_WRAPPERS


def _finish(cfg: CfgNode, given: frozenset[str]) -> None:
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


@MODEL_WRAPPERS.register("pgt")
class ProgressiveWrapper:
    """Wraps the network when PGT.ENABLE asks for it."""

    @staticmethod
    def enabled(cfg: CfgNode) -> bool:
        return bool(cfg.PGT.ENABLE)

    @staticmethod
    def wrap(cfg: CfgNode, model: nn.Module) -> ProgressiveModel:
        return progressive(
            model,
            step_len=cfg.PGT.STEP_LEN,
            overlap=cfg.PGT.OVERLAP,
            memory="last" if cfg.PGT.CACHE == NO_MEMORY else cfg.PGT.CACHE,
            momentum=cfg.PGT.CACHE_MOMENTUM,
            head=cfg.PGT.HEAD,
            tpool_size=[1] if cfg.PGT.PG_EVAL else cfg.PGT.TPOOL_SIZE,
            semantics=cfg.PGT.SEMANTICS,
            operator=cfg.PGT.OPERATOR,
            nonlocal_context=cfg.PGT.NL_CONTEXT if cfg.NONLOCAL.PROGRESS else None,
            nonlocal_norm=cfg.PGT.NL_NORM,
            attention=cfg.PGT.ATTENTION,
            attention_slices=cfg.PGT.ATTENTION_SLICES,
            attention_every=cfg.PGT.ATTENTION_EVERY,
            age_offsets=cfg.PGT.AGE_OFFSETS,
        )


def _without_multigrid(cfg: CfgNode, given: frozenset[str]) -> str:
    return "" if cfg.PGT.MGRID else "PGT.MGRID is False"


def _step_by_step(cfg: CfgNode, given: frozenset[str]) -> str:
    return "evaluation goes step by step (PGT.PG_EVAL)" if cfg.PGT.PG_EVAL else ""


def _one_pass(cfg: CfgNode, given: frozenset[str]) -> str:
    if cfg.DETECTION.ENABLE and whole_videos(cfg):
        return "in whole videos every person is scored once, at one step"
    if cfg.DETECTION.ENABLE:
        return "persons are scored at one step, or by the mean over all (PGT.ALL_STEP_TEST)"
    return "" if cfg.PGT.PG_EVAL else "evaluation takes a clip in one pass (PGT.PG_EVAL)"


def _one_by_one(cfg: CfgNode, given: frozenset[str]) -> str:
    if whole_videos(cfg):
        return "steps of whole videos run one by one, so that scores do not depend on how a video is cut into batches"
    if not cfg.PGT.PG_EVAL:
        return "evaluation takes a clip in one pass (PGT.PG_EVAL)"
    return "" if cfg.PGT.STEPS > 2 else "a clip has no two steps behind its first (PGT.STEPS)"


def _nothing_kept(cfg: CfgNode, given: frozenset[str]) -> str:
    return "" if cfg.PGT.GRADIENT == "exact" else "memories are kept for an exact gradient alone (PGT.GRADIENT)"


def _clips(cfg: CfgNode, given: frozenset[str]) -> str:
    return "" if whole_videos(cfg) else "clips have PGT.STEPS steps"


def _whole_clips(cfg: CfgNode, given: frozenset[str]) -> str:
    if whole_videos(cfg):
        return "in whole videos every person is scored once, at one step"
    return "" if cfg.DETECTION.ENABLE else "DETECTION.ENABLE is False"


def _blocks_without_memory(cfg: CfgNode, given: frozenset[str]) -> str:
    return "" if cfg.NONLOCAL.PROGRESS else "NONLOCAL.PROGRESS is False"


NETWORK = (
    *("ENABLE", "SEMANTICS", "OPERATOR", "STEPS", "STEP_LEN", "OVERLAP", "CACHE", "CACHE_MOMENTUM"),
    *("HEAD", "TPOOL_SIZE", "NL_CONTEXT", "NL_NORM", "ATTENTION", "ATTENTION_SLICES", "ATTENTION_EVERY", "AGE_OFFSETS"),
)
"""What is computed from the weights depends on these; the others say how they are trained and scored."""


@dataclass(frozen=True, slots=True)
class _Steps(Option):
    """A number, or the word for as many as there are."""

    def coerce(self, value: Any) -> Any:
        return ALL if value == ALL else Option.coerce(self, value)

    def expected(self) -> str:
        return f"{Option.expected(self)}, or {ALL!r}"


@dataclass(frozen=True, slots=True)
class _SlowLengths(Option):
    """Lengths of the Slow pathway, which the original code writes as one list each: [[16], [14]], [[16, 64], [14, 56]]."""

    def coerce(self, value: Any) -> Any:
        return Option.coerce(self, [_slow(each) for each in value] if isinstance(value, list | tuple) else value)


def _slow(lengths: Any) -> Any:
    """The first of one length a pathway, where the last is a multiple of it; anything else as it is."""
    whole = isinstance(lengths, list | tuple) and 1 <= len(lengths) <= 2 and all(type(each) is int for each in lengths)
    return lengths[0] if whole and lengths[0] > 0 and lengths[-1] % lengths[0] == 0 else lengths


SECTION = Section(
    name="PGT",
    network=NETWORK,
    meaning="Progressive training (Pang et al., CVPR 2021): long videos, one step after the other, with a memory between them.",
    finish=_finish,
    no_effect_if=switched_off("PGT"),
    order=-10,  # before the core: DATA.NUM_FRAMES is derived here and checked there
    options={
        "ENABLE": Option(False, "Whether to train progressively."),
        "STEPS": _Steps(
            STEPS_OF_A_CLIP,
            "Steps that a clip is cut into; where nobody sets it, as many as DATA.NUM_FRAMES has, if set. all: videos are read "
            "whole, from their first frame to their last, each by one lane of a batch.",
            minimum=1,
            maximum=1000,
        ),
        "UPDATE_EVERY": Option(
            0,
            "Whole videos: steps of every lane that make one update; 0: as many as a clip would have, 5 with TRAIN_TOGETHER, "
            "else 1.",
            minimum=0,
            maximum=1000,
            no_effect_if=_clips,
        ),
        "STEP_LEN": Option(
            [8],
            "Frames that a step sees, memory included, for each pathway.",
            bare=True,
            length=(1, 2),
            minimum=1,
            maximum=2**16,
        ),
        "OVERLAP": Option(
            [1], "How many of them come from the memory, for each pathway.", bare=True, length=(1, 2), minimum=0, maximum=2**16
        ),
        "TRAIN_TOGETHER": Option(
            False, "Whether the gradients of all steps make one update a video; otherwise each step makes one."
        ),
        "CACHE": Option(
            "last",
            "What the memory keeps of the past: the last frames (with CACHE_MOMENTUM 0 nothing then travels farther than the "
            "stacked kernels reach), or the maximum or mean over all of it, which carries every frame to all later steps; or "
            "none, to compare with (whole videos): every step is a short clip by itself.",
            choices=("last", "max", "avg", NO_MEMORY),
        ),
        "CACHE_MOMENTUM": Option(
            0.0, "Share of the old memory in the new one; above 0, every frame reaches all later steps.", minimum=0, below=1
        ),
        "HEAD": Option(
            True,
            "Whether the head's pooling over time includes its memory; where nobody sets it, not in whole videos whose labels "
            "have times (several labels, persons): what happens now is then not lost among all that ever happened.",
        ),
        "PG_EVAL": Option(
            True, "Whether evaluation goes step by step too; otherwise a clip is run in one pass, without memory."
        ),
        "EVAL_STEPS_AT_ONCE": Option(
            4,
            "Steps of a clip that evaluation runs at once, as rows of one batch: faster, above all with small pictures and "
            "batches, at the activations of so many clips; scores are those of steps one by one, up to rounding.",
            minimum=1,
            maximum=1000,
            no_effect_if=_one_by_one,
        ),
        "ALL_STEP_TEST": Option(
            False,
            "Detection: whether evaluation scores the persons at every step's own moment and averages scores of one person; "
            "otherwise the last step alone scores those at the annotated second.",
            no_effect_if=_whole_clips,
        ),
        "ENSEMBLE_METHOD": Option(
            "sum", "How the scores of a clip's steps become one.", choices=("sum", "max"), no_effect_if=_one_pass
        ),
        "TPOOL_SIZE": Option(
            [4],
            "Temporal positions that are classified, and averaged, in evaluation in one pass, for each pathway.",
            bare=True,
            length=(1, 2),
            minimum=1,
            maximum=2**16,
            no_effect_if=_step_by_step,
        ),
        "TBPTT_STEPS": Option(
            1, "Steps that gradients flow through before they are cut; 1 is the paper's method.", minimum=1, maximum=1000
        ),
        "GRADIENT": Option(
            "truncated",
            "How gradients cross the borders of steps: along one graph over TBPTT_STEPS steps (truncated), or over all of them "
            "(or TBPTT_STEPS, if set) at the activations of one step, which runs all but the last step twice (exact).",
            choices=("truncated", "exact"),
        ),
        "OFFLOAD": Option(
            False,
            "Whether the memories that an exact gradient keeps, one for each step, wait on the host instead of the GPU.",
            no_effect_if=_nothing_kept,
        ),
        "TRUNCATE_GRAD": Option(
            False, "The original's name, the wrong way round: True lets gradients cross all steps (TBPTT_STEPS = STEPS)."
        ),
        "OPERATOR": Option(
            "local",
            "Whether temporal windows lie around their frame, seeing no future at the borders of steps (the paper), or end on "
            "it: then any cut of a video into steps gives the same outputs.",
            choices=("local", "causal"),
        ),
        "NL_CONTEXT": Option(
            "memory",
            "What progressive non-local blocks attend to from the second step on (NONLOCAL.PROGRESS).",
            choices=("memory", "memory_and_step"),
            no_effect_if=_blocks_without_memory,
        ),
        "NL_NORM": Option(
            "batchnorm",
            "Norm of progressive non-local blocks: that of the network (batchnorm; see BN.NORM_TYPE), the same but frozen, "
            "layernorm without parameters, or none.",
            choices=("batchnorm", "frozen_batchnorm", "layernorm", "none"),
            no_effect_if=_blocks_without_memory,
        ),
        "ATTENTION": Option(
            "tokens",
            "Video transformers: what attention remembers, tokens as they are, or few that learned convolutions make of them "
            "(compressed, as in MeMViT: a queue, CACHE last).",
            choices=("tokens", "compressed"),
        ),
        "ATTENTION_SLICES": Option(
            1,
            "Video transformers: time slices of tokens that attention remembers (and, with OPERATOR causal, that a slice looks "
            "back); of compressed ones, each of which stands for up to four.",
            minimum=1,
            maximum=2**16,
        ),
        "ATTENTION_EVERY": Option(
            1,
            "Video transformers: of how many blocks one has an attention that remembers, the first of them (2 in MeMViT).",
            minimum=1,
            maximum=1000,
        ),
        "AGE_OFFSETS": Option(
            False,
            "Video transformers: whether attention learns an offset for each remembered slice, zero at first, that tells it "
            "from those of the step.",
        ),
        "SELFATT": Option(False, "An older name for what NONLOCAL.PROGRESS does; must stay off."),
        "SELFATT_LOCATION": Option([0, 0, 0, 0], "Its blocks by stage; must stay zeros.", minimum=0, maximum=1000),
        "MGRID": Option(False, "Whether epochs take other schedules in turn (progressive multigrid)."),
        "MGRID_STEPS": Option(
            [5, 6, 7, 9], "Steps of these schedules.", minimum=1, maximum=1000, no_effect_if=_without_multigrid
        ),
        "MGRID_STEP_LEN": _SlowLengths(
            [8, 7, 6, 5],
            "Their step lengths, of the Slow pathway if there are two; overlaps stay.",
            minimum=1,
            maximum=2**16,
            no_effect_if=_without_multigrid,
        ),
        "MGRID_LRSCALES": Option(
            [],
            "Factors of the learning rate in their epochs; empty: 1.",
            elements=float,
            above=0,
            maximum=1000,
            no_effect_if=_without_multigrid,
        ),
        "MGRID_NO_FINETUNE": Option(
            False,
            "Whether the last epoch stays in the cycle; otherwise it has the schedule of evaluation.",
            no_effect_if=_without_multigrid,
        ),
        "SEMANTICS": Option(
            "corrected",
            "Whether to repeat four habits of the original code (released), for weights trained by it.",
            choices=("corrected", "released"),
        ),
    },
)
