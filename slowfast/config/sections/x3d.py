"""Options of X3D networks."""

from fvcore.common.config import CfgNode

from slowfast.config.errors import ConfigError
from slowfast.config.options import Option, Section, other_arch


def _finish(cfg: CfgNode, given: frozenset[str]) -> None:
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


SECTION = Section(
    name="X3D",
    network=("*",),
    meaning="X3D networks (Feichtenhofer, arXiv:2004.04730); factors are relative to the small 2-D network they grow from.",
    finish=_finish,
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
