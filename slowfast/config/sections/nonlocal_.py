"""Options of non-local blocks."""

from fvcore.common.config import CfgNode

from slowfast.config.errors import ConfigError
from slowfast.config.options import Option, Section
from slowfast.config.sections.resnet import check_stages


def _finish(cfg: CfgNode, given: frozenset[str]) -> None:
    check_stages(SECTION, cfg, ("LOCATION", "GROUP", "POOL"))
    blocks = [block for stage in cfg.NONLOCAL.LOCATION for pathway in stage for block in pathway]
    if not all(isinstance(block, int) for block in blocks):
        raise ConfigError(key="NONLOCAL.LOCATION", value=cfg.NONLOCAL.LOCATION, why="holds what is no block's number")
    if any(len(window) != 3 or min(window) < 1 for stage in cfg.NONLOCAL.POOL for window in stage):
        raise ConfigError(
            key="NONLOCAL.POOL", value=cfg.NONLOCAL.POOL, why="holds no window", right="[time, height, width] each"
        )
    if any(group < 1 for stage in cfg.NONLOCAL.GROUP for group in stage):
        raise ConfigError(key="NONLOCAL.GROUP", value=cfg.NONLOCAL.GROUP, why="holds no number of groups", right="1 or more")


SECTION = Section(
    name="NONLOCAL",
    meaning="Non-local blocks (Wang et al., arXiv:1711.07971).",
    finish=_finish,
    options={
        "LOCATION": Option([[[]], [[]], [[]], [[]]], "Blocks of each stage and pathway that a non-local block follows."),
        "GROUP": Option([[1], [1], [1], [1]], "Groups of frames that attend to each other only, by stage and pathway."),
        "INSTANTIATION": Option("dot_product", "How affinities are normalised.", choices=("dot_product", "softmax")),
        "USE_BN": Option(True, "Whether a norm stands behind their last convolution."),
        "PROGRESS": Option(
            False, "Whether they attend to the memory of earlier steps (progressive training only; see PGT.NL_CONTEXT)."
        ),
        "POOL": Option([[[1, 2, 2], [1, 2, 2]]] * 4, "Pooling of keys and values, by stage and pathway."),
    },
)
