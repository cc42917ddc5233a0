"""Which steps fit: a clip, the pathways of a network, and what drops, groups or pools frames inside of it."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from fvcore.common.config import CfgNode

from pgt.schedule import ScheduleError, StepSchedule, of_pathway
from slowfast.config import ConfigError
from slowfast.registry import MODELS

STEPS_OF_A_CLIP = 5
"""Where nobody says how many."""


ALL = "all"
"""As PGT.STEPS: as many as a video has."""

NO_MEMORY = "none"
"""As PGT.CACHE: every step begins anew."""


def whole_videos(cfg: CfgNode) -> bool:
    """Whether videos are read from their first frame to their last, instead of clips."""
    return bool(cfg.PGT.ENABLE) and cfg.PGT.STEPS == ALL


def schedule_of(cfg: CfgNode) -> StepSchedule:
    """The steps of a clip; of a whole video those that make one update."""
    steps = cfg.PGT.UPDATE_EVERY if cfg.PGT.STEPS == ALL else cfg.PGT.STEPS
    return StepSchedule(cfg.PGT.STEP_LEN, cfg.PGT.OVERLAP, steps, semantics=cfg.PGT.SEMANTICS)


def stream_options(cfg: CfgNode) -> dict[str, object] | None:
    """Options with which the weights of `cfg` read videos without end, a step at a time; None for steps as the original code
    cut them, whose first one is longer than the others."""
    if cfg.PGT.SEMANTICS != "corrected":
        return None
    # PGT.HEAD is said, as whole videos have another default.
    return {
        "PGT.STEPS": ALL, "PGT.UPDATE_EVERY": 1, "PGT.MGRID": False, "PGT.HEAD": cfg.PGT.HEAD, "DATA.NUM_FRAMES": 0,
        "DATA.LANE_PIECES": 0,
    }  # fmt: skip


def with_few_steps(cfg: CfgNode, *, at_least: int = 3) -> CfgNode:
    """A copy of `cfg` with at most 3 steps: the first has no memory, the second that of a first step, and all later ones see
    as many frames and have a memory as large as the third. Or with `at_least`, where some of them run at once."""
    short = cfg.clone()
    short.defrost()
    if whole_videos(cfg):
        short.PGT.UPDATE_EVERY = short.DATA.LANE_PIECES = min(cfg.PGT.UPDATE_EVERY, 3)
        short.DATA.NUM_FRAMES = cfg.DATA.NUM_FRAMES // cfg.PGT.UPDATE_EVERY * short.PGT.UPDATE_EVERY
    else:
        short.PGT.STEPS = min(cfg.PGT.STEPS, max(at_least, 3))
        short.DATA.NUM_FRAMES = schedule_of(short).num_frames
    short.freeze()
    return short


def settle_steps(cfg: CfgNode, given: frozenset[str]) -> StepSchedule:
    """The schedule of a clip, with PGT.OVERLAP and PGT.STEPS derived where a file leaves them open. Raises ConfigError for
    steps that do not fit the pathways or each other."""
    num_pathways = 2 if cfg.MODEL.ARCH in cfg.MODEL.MULTI_PATHWAY_ARCH else 1
    for key, example in (("STEP_LEN", [8, 32]), ("OVERLAP", [1, 4])):
        if len(cfg.PGT[key]) != num_pathways:
            raise ConfigError(
                key=f"PGT.{key}", value=cfg.PGT[key], why=f"MODEL.ARCH {cfg.MODEL.ARCH!r} has {num_pathways} pathways",
                right=f"one number a pathway, slow first, such as {example[:num_pathways]}",
            )  # fmt: skip
    if num_pathways == 2:
        _mend_overlap(cfg, given)
        _check_pathways(cfg)
    if cfg.PGT.STEPS == ALL:
        cfg.PGT.UPDATE_EVERY = cfg.PGT.UPDATE_EVERY or (STEPS_OF_A_CLIP if cfg.PGT.TRAIN_TOGETHER else 1)
    else:
        _settle_number(cfg, given)
    try:
        return schedule_of(cfg)
    except ScheduleError as error:
        raise ConfigError(
            key="PGT.OVERLAP",
            value=cfg.PGT.OVERLAP,
            why=str(error),
            right="fewer frames than PGT.STEP_LEN has, in the same ratio",
        ) from None


def settle_num_frames(cfg: CfgNode, given: frozenset[str], schedule: StepSchedule) -> None:
    """Derives DATA.NUM_FRAMES, or checks it if somebody set it."""
    stated, right = cfg.DATA.NUM_FRAMES, schedule.num_frames
    if "DATA.NUM_FRAMES" not in given or stated == 0:
        cfg.DATA.NUM_FRAMES = right
    elif not schedule.overlaps_agree and stated != right:
        # The original code reads as many frames as its steps need, whatever its files say, which count overlaps that agree.
        warnings.warn(f"DATA.NUM_FRAMES = {stated}: clips have the {right} frames that {_text(schedule)} need", stacklevel=6)
        cfg.DATA.NUM_FRAMES = right
    elif stated != right:
        length, overlap, steps = schedule.step_len[-1], schedule.overlap[-1], schedule.steps
        advice = f"{right} (or 0 to have it derived)"
        fitting, rest = divmod(steps * length - stated, max(steps - 1, 1))
        ratio = schedule.frame_ratio(0)
        if rest == 0 and 0 <= fitting < length and fitting % ratio == 0:
            overlaps = [fitting // schedule.frame_ratio(pathway) for pathway in range(schedule.num_pathways)]
            advice += f", or PGT.OVERLAP {overlaps}"
        raise ConfigError(
            key="DATA.NUM_FRAMES", value=stated, right=advice,
            why=f"{steps} steps of {length} frames that share {overlap} are {right} frames (PGT.STEPS, STEP_LEN, OVERLAP)",
        )  # fmt: skip


def settle_whole_videos(cfg: CfgNode, given: frozenset[str], schedule: StepSchedule) -> None:
    """Derives what is read at once of a whole video. Raises ConfigError for options that mean something for clips alone."""
    for key, value, right, why in (
        ("PGT.SEMANTICS", cfg.PGT.SEMANTICS, "corrected", "the original code has no steps that begin with their video"),
        ("PGT.MGRID", cfg.PGT.MGRID, False, "there are no clips of several lengths"),
        ("PGT.PG_EVAL", cfg.PGT.PG_EVAL, True, "no pass goes over a whole video at once"),
    ):
        if value != right:
            raise ConfigError(key=key, value=value, why=f"{why} (PGT.STEPS all)", right=repr(right))
    if cfg.DETECTION.ENABLE and cfg.DATA.MAX_SECONDS:
        why = "what is read of a video follows from its annotated seconds"
        raise ConfigError(
            key="DATA.MAX_SECONDS", value=cfg.DATA.MAX_SECONDS, why=why, right="0; AVA.ANNOTATED_SECONDS says which count"
        )
    pieces, frames = schedule.steps, schedule.steps * schedule.new_frames(schedule.num_pathways - 1)
    if "DATA.LANE_PIECES" in given and cfg.DATA.LANE_PIECES not in (0, pieces):
        why = f"{pieces} steps of whole videos make an update (PGT.UPDATE_EVERY)"
        raise ConfigError(
            key="DATA.LANE_PIECES", value=cfg.DATA.LANE_PIECES, why=why, right=f"{pieces} (or 0 to have it derived)"
        )
    settings = (
        ("DATA.NUM_FRAMES", cfg.DATA.NUM_FRAMES, (0, frames)),
        ("TEST.NUM_ENSEMBLE_VIEWS", cfg.TEST.NUM_ENSEMBLE_VIEWS, (1,)),
    )
    without_effect = [f"{key} = {value}" for key, value, same in settings if key in given and value not in same]
    if without_effect:
        text = " and ".join(without_effect)
        warnings.warn(f"{text} are for clips and have no effect: videos are read whole (PGT.STEPS all)", stacklevel=5)
    cfg.DATA.LANE_PIECES, cfg.DATA.NUM_FRAMES, cfg.TEST.NUM_ENSEMBLE_VIEWS = pieces, frames, 1
    if "PGT.HEAD" not in given and (cfg.DATA.MULTI_LABEL or cfg.DETECTION.ENABLE):
        # A head that pools over all of a long video cannot tell what happens now from what ever happened.
        cfg.PGT.HEAD = False


def _mend_overlap(cfg: CfgNode, given: frozenset[str]) -> None:
    """Files of the original code say [1, 1] where their DATA.NUM_FRAMES says that pathways share the same time, [1, 4].

    "released" semantics run them as the original did."""
    (slow_len, fast_len), (slow, fast), alpha = cfg.PGT.STEP_LEN, cfg.PGT.OVERLAP, cfg.SLOWFAST.ALPHA
    if (
        cfg.PGT.SEMANTICS == "released"
        or slow != fast
        or alpha == 1
        or "DATA.NUM_FRAMES" not in given
        or fast_len != alpha * slow_len
    ):
        return
    if cfg.DATA.NUM_FRAMES == alpha * (slow_len + (cfg.PGT.STEPS - 1) * (slow_len - slow)):
        warnings.warn(
            f"PGT.OVERLAP = {[slow, fast]} is read as {[slow, alpha * slow]}: then {cfg.PGT.STEPS} steps are the "
            f"{cfg.DATA.NUM_FRAMES} frames of DATA.NUM_FRAMES, and both pathways share the same time",
            stacklevel=7,
        )
        cfg.PGT.OVERLAP = [slow, alpha * slow]


def _check_pathways(cfg: CfgNode) -> None:
    alpha = cfg.SLOWFAST.ALPHA
    slow, fast = cfg.PGT.STEP_LEN
    if fast != alpha * slow:
        why = f"the Fast pathway has SLOWFAST.ALPHA = {alpha} frames for each Slow one"
        raise ConfigError(key="PGT.STEP_LEN", value=cfg.PGT.STEP_LEN, why=why, right=str([slow, alpha * slow]))
    slow, fast = cfg.PGT.OVERLAP
    if fast == alpha * slow:
        return
    right = str([slow, alpha * slow])
    why = f"the Fast pathway has SLOWFAST.ALPHA = {alpha} frames for each Slow one"
    if cfg.PGT.SEMANTICS != "released":
        if (slow, fast) == (1, 1):
            right += "; or PGT.SEMANTICS released, where a config file of the original code is to be run as it was"
        raise ConfigError(key="PGT.OVERLAP", value=cfg.PGT.OVERLAP, why=why, right=right)
    _check_released_overlap(cfg, why=why, right=right)


def _check_released_overlap(cfg: CfgNode, *, why: str, right: str) -> None:
    """The original code runs overlaps of unequal times where its lateral connections get at most one frame too many."""
    alpha = cfg.SLOWFAST.ALPHA
    (slow_len, fast_len), (slow, fast) = cfg.PGT.STEP_LEN, cfg.PGT.OVERLAP
    too_many = -(-(fast_len - fast) // alpha) - (slow_len - slow)
    if too_many not in (0, 1):
        why += f", and lateral connections would have {abs(too_many)} frames too {'many' if too_many > 0 else 'few'}"
        raise ConfigError(key="PGT.OVERLAP", value=cfg.PGT.OVERLAP, why=why, right=right)
    if not cfg.PGT.PG_EVAL:
        why += ", so the pathways of a whole clip do not fit each other in one pass (PGT.PG_EVAL False)"
        raise ConfigError(key="PGT.OVERLAP", value=cfg.PGT.OVERLAP, why=why, right=f"{right}; or PGT.PG_EVAL True")


def _settle_number(cfg: CfgNode, given: frozenset[str]) -> None:
    """Derives PGT.STEPS, where nobody set it, from a DATA.NUM_FRAMES that is a whole number of steps."""
    length, overlap = cfg.PGT.STEP_LEN[-1], cfg.PGT.OVERLAP[-1]
    if "PGT.STEPS" in given or "DATA.NUM_FRAMES" not in given or not 0 <= overlap < length:
        return
    steps, rest = divmod(cfg.DATA.NUM_FRAMES - overlap, length - overlap)
    if steps >= 1 and rest == 0:
        cfg.PGT.STEPS = steps


def _text(schedule: StepSchedule) -> str:
    lengths, overlaps = list(schedule.step_len), list(schedule.overlap)
    return f"{schedule.steps} steps of {lengths} frames with overlaps of {overlaps} (PGT.STEPS, STEP_LEN, OVERLAP)"


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
