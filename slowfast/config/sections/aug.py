"""Options of augmentations that training clips go through besides crops."""

from fvcore.common.config import CfgNode

from slowfast.config.errors import ConfigError
from slowfast.config.rand_augment import EXAMPLE, RandAugmentText
from slowfast.options import Option, Reason, Section, switched_off


def _finish(cfg: CfgNode, given: frozenset[str]) -> None:
    aug = cfg.AUG
    if aug.NUM_SAMPLE > 1 and not aug.ENABLE:
        why = "only augmentations tell the samples of a clip apart, and AUG.ENABLE is False"
        raise ConfigError(key="AUG.NUM_SAMPLE", value=aug.NUM_SAMPLE, why=why, right="1, or AUG.ENABLE True")
    if not aug.ENABLE:
        return
    if cfg.TRAIN.DATASET == "ava" or cfg.DETECTION.ENABLE:  # also data sets in AVA's format
        why = "pictures would move and boxes of persons would not"
        raise ConfigError(
            key="AUG.ENABLE", value=True, why=why, right="False; AVA.TRAIN_USE_COLOR_AUGMENTATION changes colours"
        )
    if aug.AA_TYPE:
        try:
            RandAugmentText.read(aug.AA_TYPE)
        except ValueError as error:
            raise ConfigError(key="AUG.AA_TYPE", value=aug.AA_TYPE, why=str(error), right=EXAMPLE) from None
    elif aug.COLOR_JITTER and cfg.DATA.SSL_COLOR_JITTER:
        why = "DATA.SSL_COLOR_JITTER changes colours already"
        raise ConfigError(key="AUG.COLOR_JITTER", value=aug.COLOR_JITTER, why=why, right="0, or DATA.SSL_COLOR_JITTER False")
    if cfg.DATA.LANE_PIECES:
        why = "whole videos are read picture by picture, each once (DATA.LANE_PIECES)"
        for key, right in (("RE_PROB", 0.0), ("NUM_SAMPLE", 1)):
            if aug[key] != right:
                raise ConfigError(key=f"AUG.{key}", value=aug[key], why=why, right=str(right))


def _with_operations(cfg: CfgNode, given: frozenset[str]) -> str:
    asked = cfg.AUG.AA_TYPE and cfg.AUG.COLOR_JITTER
    return f"AUG.AA_TYPE {cfg.AUG.AA_TYPE} changes colours" if asked else ""


def _without_operations(cfg: CfgNode, given: frozenset[str]) -> str:
    return "" if cfg.AUG.AA_TYPE else "AUG.AA_TYPE names no operations"


def _of_erasing(several: bool) -> Reason:
    def reason(cfg: CfgNode, given: frozenset[str]) -> str:
        if not cfg.AUG.RE_PROB:
            return "AUG.RE_PROB is 0"
        return "AUG.NUM_SAMPLE is 1" if several and cfg.AUG.NUM_SAMPLE == 1 else ""

    return reason


SECTION = Section(
    name="AUG",
    meaning="Augmentations of training clips besides crops: the same for all frames of a clip (not for detection).",
    finish=_finish,
    order=10,  # after projects that read whole videos
    no_effect_if=switched_off("AUG"),
    options={
        "ENABLE": Option(False, "Whether to augment training clips."),
        "NUM_SAMPLE": Option(
            1, "Rows of a batch that are made of each clip, which is decoded once: TRAIN.BATCH_SIZE counts clips.",
            minimum=1, maximum=64,
        ),
        "COLOR_JITTER": Option(
            0.4, "How far brightness, contrast and saturation leave 1 at most, as factors; only without AA_TYPE.",
            minimum=0, maximum=1, aliases={"None": (0.0, "")}, no_effect_if=_with_operations,
        ),
        "AA_TYPE": Option(
            "rand-m9-mstd0.5-inc1",
            "RandAugment: rand, then m magnitude (0 to 10), n operations, mstd standard deviation of the magnitude, inc1 for "
            "operations that change more at a higher magnitude, w0 for weights that prefer some of them; empty: none.",
        ),
        "INTERPOLATION": Option(
            "bicubic", "Of operations that move pixels.", choices=("bicubic", "bilinear", "random"),
            no_effect_if=_without_operations,
        ),
        "RE_PROB": Option(0.25, "Random erasing: share of clips in which boxes are erased.", minimum=0, maximum=1),
        "RE_MODE": Option(
            "pixel", "What is seen there: noise, one random colour a frame (rand), or the mean colour (const).",
            choices=("pixel", "rand", "const"), no_effect_if=_of_erasing(several=False),
        ),
        "RE_COUNT": Option(
            1, "Boxes that are erased in a clip, at most.", minimum=1, maximum=100, no_effect_if=_of_erasing(several=False)
        ),
        "RE_SPLIT": Option(
            False, "Whether nothing is erased in the first of NUM_SAMPLE samples.", no_effect_if=_of_erasing(several=True)
        ),
    },
)  # fmt: skip
