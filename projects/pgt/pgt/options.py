"""The options of progressive training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fvcore.common.config import CfgNode
from torch import nn

from pgt.fit import ALL, NO_MEMORY, STEPS_OF_A_CLIP, whole_videos
from pgt.settling import finish
from pgt.wrapper import ProgressiveModel, progressive
from slowfast.config import Option, Section, switched_off
from slowfast.models.staged_network import StagedNetwork
from slowfast.registry import MODEL_WRAPPERS, MODELS


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


def _without_tokens(cfg: CfgNode, given: frozenset[str]) -> str:
    name = cfg.MODEL.MODEL_NAME
    convolves = name in MODELS and issubclass(MODELS.get(name), StagedNetwork)
    return f"the network has no attention over tokens (MODEL.MODEL_NAME {name})" if convolves else ""


def _reads_class_token(cfg: CfgNode, given: frozenset[str]) -> str:
    name = cfg.MODEL.MODEL_NAME
    mean = cfg.MVIT.USE_MEAN_POOLING or not cfg.MVIT.CLS_EMBED_ON or cfg.DETECTION.ENABLE
    if name == "TimeSformer" or (name == "MViT" and not mean):
        return f"its head classifies a class token, and pools nothing over time (MODEL.MODEL_NAME {name})"
    return ""


def _no_positions(cfg: CfgNode, given: frozenset[str]) -> str:
    return _step_by_step(cfg, given) or _reads_class_token(cfg, given)


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
    finish=finish,
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
            no_effect_if=_reads_class_token,
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
            no_effect_if=_no_positions,
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
            no_effect_if=_without_tokens,
        ),
        "ATTENTION_SLICES": Option(
            1,
            "Video transformers: time slices of tokens that attention remembers (and, with OPERATOR causal, that a slice looks "
            "back); of compressed ones, each of which stands for up to four.",
            minimum=1,
            maximum=2**16,
            no_effect_if=_without_tokens,
        ),
        "ATTENTION_EVERY": Option(
            1,
            "Video transformers: of how many blocks one has an attention that remembers, the first of them (2 in MeMViT).",
            minimum=1,
            maximum=1000,
            no_effect_if=_without_tokens,
        ),
        "AGE_OFFSETS": Option(
            False,
            "Video transformers: whether attention learns an offset for each remembered slice, zero at first, that tells it "
            "from those of the step.",
            no_effect_if=_without_tokens,
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
