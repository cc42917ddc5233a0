"""Options of non-local blocks."""

from fvcore.common.config import CfgNode

from slowfast.config.errors import ConfigError
from slowfast.config.sections.resnet import check_stages
from slowfast.options import Option, Section, switched_off


def _finish(cfg: CfgNode, given: frozenset[str]) -> None:
    check_stages(SECTION, cfg, ("LOCATION", "GROUP", "POOL"))
    if any(len(window) != 3 for stage in cfg.NONLOCAL.POOL for window in stage):
        raise ConfigError(
            key="NONLOCAL.POOL", value=cfg.NONLOCAL.POOL, why="holds no window", right="[time, height, width] each"
        )


def _no_blocks(cfg: CfgNode, given: frozenset[str]) -> str:
    used = any(blocks for stage in cfg.NONLOCAL.LOCATION for blocks in stage)
    return "" if used else "NONLOCAL.LOCATION names no block"


def _no_groups(cfg: CfgNode, given: frozenset[str]) -> str:
    several = any(groups != 1 for stage in cfg.NONLOCAL.GROUP for groups in stage)
    return _no_blocks(cfg, given) if several else ""  # one for each pathway is the default in other words


def _no_memory(cfg: CfgNode, given: frozenset[str]) -> str:
    return _no_blocks(cfg, given) or switched_off("PGT")(cfg, given)


SECTION = Section(
    name="NONLOCAL",
    network=("*",),
    meaning="Non-local blocks (Wang et al., arXiv:1711.07971).",
    finish=_finish,
    options={
        "LOCATION": Option(
            [[[]], [[]], [[]], [[]]],
            "Blocks of each stage and pathway that a non-local block follows.",
            length=(4, 4),
            elements=int,
            minimum=0,
            maximum=1000,
        ),
        "GROUP": Option(
            [[1], [1], [1], [1]],
            "Groups of frames that attend to each other only, by stage and pathway.",
            length=(4, 4),
            minimum=1,
            maximum=2**12,
            no_effect_if=_no_groups,
        ),
        "INSTANTIATION": Option(
            "dot_product", "How affinities are normalised.", choices=("dot_product", "softmax"), no_effect_if=_no_blocks
        ),
        "USE_BN": Option(True, "Whether a norm follows their last convolution.", no_effect_if=_no_blocks),
        "PROGRESS": Option(
            False,
            "Whether they attend to the memory of earlier steps (progressive training only; see PGT.NL_CONTEXT).",
            no_effect_if=_no_memory,
        ),
        "POOL": Option(
            [[[1, 2, 2], [1, 2, 2]]] * 4,
            "Pooling of keys and values, by stage and pathway.",
            length=(4, 4),
            minimum=1,
            maximum=2**12,
            no_effect_if=_no_blocks,
        ),
    },
)
