"""Options of the ResNet family."""

from fvcore.common.config import CfgNode

from slowfast.config.errors import ConfigError
from slowfast.options import Option, Section


def _finish(cfg: CfgNode, given: frozenset[str]) -> None:
    check_stages(SECTION, cfg, ("NUM_BLOCK_TEMP_KERNEL", "SPATIAL_STRIDES", "SPATIAL_DILATIONS"))
    if cfg.RESNET.TRANS_FUNC == "basic_transform":
        _check_basic(cfg)


def check_stages(section: Section, cfg: CfgNode, keys: tuple[str, ...]) -> None:
    """Raises ConfigError for an option that does not hold a list for each of a ResNet's four stages."""
    for key in keys:
        stages = cfg[section.name][key]
        if len(stages) != 4 or not all(stages):
            raise ConfigError(
                key=section.full_key(key), value=stages,
                why="not a list for each of the four stages", right=f"such as {section.options[key].default}",
            )  # fmt: skip


def _check_basic(cfg: CfgNode) -> None:
    """Basic blocks have no groups, no dilation and no 1x1 convolution."""
    dilated = any(dilation > 1 for stage in cfg.RESNET.SPATIAL_DILATIONS for dilation in stage)
    for key, used, right in (
        ("NUM_GROUPS", cfg.RESNET.NUM_GROUPS > 1, "1"),
        ("STRIDE_1X1", cfg.RESNET.STRIDE_1X1, "False"),
        ("SPATIAL_DILATIONS", dilated, "1 everywhere"),
    ):
        if used:
            why = "the blocks of RESNET.TRANS_FUNC basic_transform have nothing of the kind"
            raise ConfigError(key=f"RESNET.{key}", value=cfg.RESNET[key], why=why, right=right)


def _other_family(cfg: CfgNode, given: frozenset[str]) -> str:
    arch = cfg.MODEL.ARCH
    return f"the blocks of MODEL.ARCH {arch} are laid out by options of their own" if arch in ("x3d", "regnet3d") else ""


def _depthwise(cfg: CfgNode, given: frozenset[str]) -> str:
    if cfg.MODEL.ARCH == "x3d" and not cfg.X3D.CHANNELWISE_3x3x3:
        return ""
    return _other_family(cfg, given)


SECTION = Section(
    name="RESNET",
    network=("*",),
    meaning="The ResNet family.",
    finish=_finish,
    options={
        "DEPTH": Option(50, "Layers.", choices=(18, 50, 101), no_effect_if=_other_family),
        "TRANS_FUNC": Option(
            "bottleneck_transform", "Residual function.", choices=("bottleneck_transform", "basic_transform", "x3d_transform")
        ),
        "NUM_GROUPS": Option(
            1, "Groups of the spatial convolution (more than 1: ResNeXt).", minimum=1, maximum=1024, no_effect_if=_depthwise
        ),
        "WIDTH_PER_GROUP": Option(
            64, "Channels of a group in the first stage.", minimum=1, maximum=2**12, no_effect_if=_other_family
        ),
        "STEM_FUNC": Option("resnet_stem", "Kind of stem; x3d_stem belongs to X3D.", choices=("resnet_stem", "x3d_stem")),
        "STEM_POOL_PAD": Option(
            True, "Whether the stem's max pooling pads the picture; weights of AlphAction were trained without."
        ),
        "INPLACE_RELU": Option(True, "Whether rectifiers overwrite their input."),
        "STRIDE_1X1": Option(
            False,
            "Whether a block's spatial stride sits in its first 1x1 convolution, not in the 3x3.",
            no_effect_if=_other_family,
        ),
        "ZERO_INIT_FINAL_BN": Option(False, "Whether blocks start as the identity: zero scale in their last norm."),
        "ZERO_INIT_FINAL_CONV": Option(False, "Whether blocks start as the identity: zero weights in their last convolution."),
        "NUM_BLOCK_TEMP_KERNEL": Option(
            [[3], [4], [6], [3]],
            "Blocks of each stage (and pathway) that may have a temporal kernel.",
            length=(4, 4),
            minimum=0,
            maximum=1000,
            no_effect_if=_other_family,
        ),
        "SPATIAL_STRIDES": Option(
            [[1], [2], [2], [2]],
            "Spatial stride of each stage and pathway.",
            length=(4, 4),
            minimum=1,
            maximum=16,
            no_effect_if=_other_family,
        ),
        "SPATIAL_DILATIONS": Option(
            [[1], [1], [1], [1]],
            "Spatial dilation of each stage and pathway.",
            length=(4, 4),
            minimum=1,
            maximum=16,
            no_effect_if=_other_family,
        ),
    },
)
