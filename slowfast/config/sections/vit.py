"""Options of networks of equal blocks of tokens: TimeSformer, and ViT on tubelets."""

from fvcore.common.config import CfgNode

from slowfast.config.errors import ConfigError
from slowfast.options import Finish, Option, Reason, Section


def _other_model(name: str) -> Reason:
    def reason(cfg: CfgNode, given: frozenset[str]) -> str:
        return "" if cfg.MODEL.MODEL_NAME == name else f"MODEL.MODEL_NAME is {cfg.MODEL.MODEL_NAME}, not {name}"

    return reason


def _finish(model: str, section: str) -> Finish:
    def check(cfg: CfgNode, given: frozenset[str]) -> None:
        if cfg.MODEL.MODEL_NAME != model:
            return
        options = cfg[section]
        if options.EMBED_DIM % options.NUM_HEADS:
            why = f"does not divide {section}.EMBED_DIM = {options.EMBED_DIM}"
            raise ConfigError(key=f"{section}.NUM_HEADS", value=options.NUM_HEADS, why=why, right="a divisor")
        crop, side = cfg.DATA.TRAIN_CROP_SIZE, options.PATCH_SIZE
        if crop % side:
            why, right = f"no multiple of {section}.PATCH_SIZE = {side}", f"a multiple, such as {max(1, crop // side) * side}"
            raise ConfigError(key="DATA.TRAIN_CROP_SIZE", value=crop, why=why, right=right)

    return check


def _finish_vit(cfg: CfgNode, given: frozenset[str]) -> None:
    _finish("ViT", "VIT")(cfg, given)
    if cfg.MODEL.MODEL_NAME != "ViT":
        return
    size = cfg.VIT.TUBELET_SIZE
    for key, frames in (("DATA.NUM_FRAMES", cfg.DATA.NUM_FRAMES), ("VIT.NUM_FRAMES", cfg.VIT.NUM_FRAMES)):
        if frames % size:
            why, right = f"no multiple of VIT.TUBELET_SIZE = {size}", f"a multiple, such as {max(1, frames // size) * size}"
            raise ConfigError(key=key, value=frames, why=why, right=right)


def _blocks(*, drop_path: float) -> dict[str, Option]:
    return {
        "PATCH_SIZE": Option(16, "Pixels on each side of the squares that tokens are made of.", minimum=1, maximum=256),
        "EMBED_DIM": Option(768, "Channels of a token.", minimum=1, maximum=2**14),
        "DEPTH": Option(12, "Blocks.", minimum=1, maximum=256),
        "NUM_HEADS": Option(12, "Heads of an attention.", minimum=1, maximum=256),
        "MLP_RATIO": Option(4.0, "Channels inside a block's MLP for each of a token.", above=0, maximum=64),
        "DROPPATH_RATE": Option(
            drop_path,
            "Probability that training leaves out a branch of the last block; it grows from 0 in the first.",
            minimum=0,
            below=1,
        ),
        "NUM_FRAMES": Option(
            0,
            "Frames of the clips that its positions are made for; 0: DATA.NUM_FRAMES. Other clips have them interpolated.",
            minimum=0,
            maximum=2**16,
        ),
    }


TIMESFORMER = Section(
    name="TIMESFORMER",
    network=("*",),
    meaning="TimeSformer (Bertasius et al., arXiv:2102.05095).",
    finish=_finish("TimeSformer", "TIMESFORMER"),
    no_effect_if=_other_model("TimeSformer"),
    options={
        "ATTENTION_TYPE": Option(
            "divided_space_time",
            "Who looks at whom: each place along time, then each frame across space.",
            choices=("divided_space_time",),
        ),
        **_blocks(drop_path=0.1),
    },
)

VIT = Section(
    name="VIT",
    network=("*",),
    meaning="ViT on tubelets: VideoMAE (arXiv:2203.12602), VideoMAE V2 (arXiv:2303.16727), MAE-ST (arXiv:2205.09113).",
    finish=_finish_vit,
    no_effect_if=_other_model("ViT"),
    options={
        "TUBELET_SIZE": Option(2, "Frames that a token is made of.", minimum=1, maximum=256),
        "QKV_BIAS": Option(
            "query_and_value",
            "Which projections of an attention have a bias: query_and_value, as VideoMAE's weights; all, as MAE-ST's; none.",
            choices=("query_and_value", "all", "none"),
        ),
        "CLS_EMBED_ON": Option(False, "Whether a class token takes part, as in MAE-ST; the mean of the others is classified."),
        "SEP_POS_EMBED": Option(
            False,
            "Whether positions are learned, a table for time and one for places, as in MAE-ST; else sinusoids, as in VideoMAE.",
        ),
        "HEAD_INIT_SCALE": Option(0.001, "Factor of the classifier's first weights.", minimum=0, maximum=1000),
        **_blocks(drop_path=0.1),
    },
)
