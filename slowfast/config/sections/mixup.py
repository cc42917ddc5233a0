"""Options of clips that are mixed with each other."""

from fvcore.common.config import CfgNode

from slowfast.config.errors import ConfigError
from slowfast.options import Option, Section, switched_off


def _finish(cfg: CfgNode, given: frozenset[str]) -> None:
    if not cfg.MIXUP.ENABLE:
        return
    why = ""
    if cfg.DETECTION.ENABLE:
        why = "boxes of persons belong to one clip (DETECTION.ENABLE)"
    elif cfg.DATA.LANE_PIECES:
        why = "whole videos begin and end at different steps, with labels of their own (DATA.LANE_PIECES)"
    elif cfg.DATA.MULTI_LABEL:
        why = "shares are shares of one label a video (DATA.MULTI_LABEL)"
    if why:
        raise ConfigError(key="MIXUP.ENABLE", value=True, why=why, right="False")
    if cfg.MODEL.LOSS_FUNC != "soft_cross_entropy":
        why = "mixed clips have shares of several classes (MIXUP.ENABLE)"
        raise ConfigError(key="MODEL.LOSS_FUNC", value=cfg.MODEL.LOSS_FUNC, why=why, right="soft_cross_entropy")


def _never_mixed(cfg: CfgNode, given: frozenset[str]) -> str:
    return "" if cfg.MIXUP.PROB else "MIXUP.PROB is 0: labels are smoothed, and nothing is mixed"


def _one_kind(cfg: CfgNode, given: frozenset[str]) -> str:
    if why := _never_mixed(cfg, given):
        return why
    return "" if cfg.MIXUP.ALPHA and cfg.MIXUP.CUTMIX_ALPHA else "one of MIXUP.ALPHA and MIXUP.CUTMIX_ALPHA is 0"


SECTION = Section(
    name="MIXUP",
    meaning="Training clips that are mixed with each other, and smoothed labels (one label a video, loss soft_cross_entropy).",
    finish=_finish,
    order=10,  # after projects that read whole videos
    no_effect_if=switched_off("MIXUP"),
    options={
        "ENABLE": Option(False, "Whether to mix clips, or smooth their labels."),
        "ALPHA": Option(
            0.8,
            "Mixup: both parameters of the beta distribution of shares; 0: no mixup.",
            minimum=0,
            maximum=1000,
            no_effect_if=_never_mixed,
        ),
        "CUTMIX_ALPHA": Option(
            1.0,
            "CutMix: both parameters of the beta distribution of shares; 0: no CutMix.",
            minimum=0,
            maximum=1000,
            no_effect_if=_never_mixed,
        ),
        "PROB": Option(1.0, "Share of batches that are mixed.", minimum=0, maximum=1),
        "SWITCH_PROB": Option(
            0.5, "Share of mixed batches that CutMix mixes, if both can.", minimum=0, maximum=1, no_effect_if=_one_kind
        ),
        "LABEL_SMOOTH_VALUE": Option(0.1, "Part of a label that all classes share evenly.", minimum=0, below=1),
    },
)
