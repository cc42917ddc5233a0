"""Options of SlowFast networks."""

from fvcore.common.config import CfgNode

from slowfast.config.errors import ConfigError
from slowfast.config.options import Option, Section


def _finish(cfg: CfgNode, given: frozenset[str]) -> None:
    if cfg.MODEL.ARCH not in cfg.MODEL.MULTI_PATHWAY_ARCH:
        return
    if cfg.DATA.NUM_FRAMES % cfg.SLOWFAST.ALPHA:
        raise ConfigError(
            key="SLOWFAST.ALPHA", value=cfg.SLOWFAST.ALPHA, why=f"does not divide DATA.NUM_FRAMES = {cfg.DATA.NUM_FRAMES}",
            right=f"a divisor, or a NUM_FRAMES such as {_next_multiple(cfg.DATA.NUM_FRAMES, cfg.SLOWFAST.ALPHA)}",
        )  # fmt: skip
    if cfg.SLOWFAST.FUSION_KERNEL_SZ % 2 == 0:
        raise ConfigError(
            key="SLOWFAST.FUSION_KERNEL_SZ", value=cfg.SLOWFAST.FUSION_KERNEL_SZ, why="has no centre", right="an odd number"
        )
    if cfg.RESNET.WIDTH_PER_GROUP % cfg.SLOWFAST.BETA_INV:
        raise ConfigError(
            key="SLOWFAST.BETA_INV", value=cfg.SLOWFAST.BETA_INV,
            why=f"does not divide RESNET.WIDTH_PER_GROUP = {cfg.RESNET.WIDTH_PER_GROUP}", right="a divisor",
        )  # fmt: skip


def _next_multiple(number: int, divisor: int) -> int:
    return -(-number // divisor) * divisor


def _one_pathway(cfg: CfgNode, given: frozenset[str]) -> str:
    return "" if cfg.MODEL.ARCH in cfg.MODEL.MULTI_PATHWAY_ARCH else f"MODEL.ARCH {cfg.MODEL.ARCH} has one pathway"


SECTION = Section(
    name="SLOWFAST",
    network=("*",),
    meaning="SlowFast networks (Feichtenhofer et al., arXiv:1812.03982).",
    finish=_finish,
    no_effect_if=_one_pathway,
    options={
        "ALPHA": Option(8, "Fast frames for each Slow frame.", minimum=1, maximum=1024),
        "BETA_INV": Option(8, "Slow channels for each Fast channel.", minimum=1, maximum=1024),
        "FUSION_CONV_CHANNEL_RATIO": Option(
            2, "Channels that the lateral connection makes of each Fast channel.", minimum=1, maximum=64
        ),
        "FUSION_KERNEL_SZ": Option(5, "Temporal kernel of the lateral connection.", minimum=1, maximum=63),
        "FUSION_BN": Option(True, "Whether the lateral connection has a norm; in weights of AlphAction it has none."),
        "FUSION_RELU": Option(
            True, "Whether the lateral connection ends with a rectifier; in weights of AlphAction it does not."
        ),
    },
)
