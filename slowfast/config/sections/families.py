"""Options of single families of networks: SlowFast, X3D, RegNet."""

from fvcore.common.config import CfgNode

from slowfast.config.errors import ConfigError
from slowfast.options import Option, Section, other_arch


def _finish_slowfast(cfg: CfgNode, given: frozenset[str]) -> None:
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


SLOWFAST = Section(
    name="SLOWFAST",
    network=("*",),
    meaning="SlowFast networks (Feichtenhofer et al., arXiv:1812.03982).",
    finish=_finish_slowfast,
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


def _finish_x3d(cfg: CfgNode, given: frozenset[str]) -> None:
    stem_is_x3d = cfg.RESNET.STEM_FUNC == "x3d_stem"
    if "RESNET.STEM_FUNC" in given and stem_is_x3d != (cfg.MODEL.ARCH == "x3d"):
        raise ConfigError(
            key="RESNET.STEM_FUNC", value=cfg.RESNET.STEM_FUNC,
            why=f"the stem of MODEL.ARCH {cfg.MODEL.ARCH} is of another kind",
            right="resnet_stem" if stem_is_x3d else "x3d_stem",
        )  # fmt: skip
    is_x3d, transform = cfg.MODEL.ARCH == "x3d", cfg.RESNET.TRANS_FUNC
    if is_x3d != (transform == "x3d_transform"):
        raise ConfigError(
            key="RESNET.TRANS_FUNC", value=transform,
            why=f"the blocks of MODEL.ARCH {cfg.MODEL.ARCH} are of another kind",
            right="x3d_transform" if is_x3d else "bottleneck_transform",
        )  # fmt: skip


X3D = Section(
    name="X3D",
    network=("*",),
    meaning="X3D networks (Feichtenhofer, arXiv:2004.04730); factors are relative to the small 2-D network they grow from.",
    finish=_finish_x3d,
    no_effect_if=other_arch("x3d"),
    options={
        "WIDTH_FACTOR": Option(1.0, "Factor of the channels of all stages.", above=0, maximum=32),
        "DEPTH_FACTOR": Option(1.0, "Factor of the blocks of all stages.", above=0, maximum=20),
        "BOTTLENECK_FACTOR": Option(1.0, "Channels inside a block for each channel of its output.", above=0, maximum=32),
        "DIM_C5": Option(2048, "Features that the classifier reads.", minimum=1, maximum=2**16),
        "DIM_C1": Option(12, "Channels of the stem, before WIDTH_FACTOR.", minimum=1, maximum=2**12),
        "SCALE_RES2": Option(False, "Whether res2 is twice as wide as the stem, as the later stages are to those before them."),
        "BN_LIN5": Option(False, "Whether the features that the classifier reads are normalised."),
        "CHANNELWISE_3x3x3": Option(
            True, "Whether the 3x3x3 convolutions work on each channel by itself, not on RESNET.NUM_GROUPS groups."
        ),
    },
)


REGNET = Section(
    name="REGNET",
    network=("*",),
    meaning="RegNets (Radosavovic et al., arXiv:2003.13678), inflated over time.",
    no_effect_if=other_arch("regnet3d"),
    options={
        "DEPTH": Option(
            "400M",
            "Size, by the multiply-adds of the 2-D network: 400M or X-400M for a RegNetX, Y-400M for a RegNetY.",
            empty=False,
        ),
    },
)
