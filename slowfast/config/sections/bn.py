"""Options of normalisation."""

from fvcore.common.config import CfgNode

from slowfast.config.options import Option, Section


def _frozen(cfg: CfgNode, given: frozenset[str]) -> str:
    return "frozen norms neither measure nor learn (BN.NORM_TYPE)" if cfg.BN.NORM_TYPE == "frozen_batchnorm" else ""


def _not_precise(cfg: CfgNode, given: frozenset[str]) -> str:
    return "" if cfg.BN.USE_PRECISE_STATS else "BN.USE_PRECISE_STATS is False"


SECTION = Section(
    name="BN",
    meaning="Normalisation.",
    options={
        "NORM_TYPE": Option("batchnorm", "Kind of norm.", choices=("batchnorm", "frozen_batchnorm", "sync_batchnorm")),
        "WEIGHT_DECAY": Option(0.0, "Weight decay of the norms' parameters.", minimum=0, maximum=10, no_effect_if=_frozen),
        "EPSILON": Option(1e-5, "Added to the variance.", minimum=0, above=0, maximum=1),
        "MOMENTUM": Option(0.1, "Weight of a new batch in the running statistics.", minimum=0, maximum=1, no_effect_if=_frozen),
        "USE_PRECISE_STATS": Option(
            False, "Whether to measure the running statistics anew before each validation and checkpoint.", no_effect_if=_frozen
        ),
        "NUM_BATCHES_PRECISE": Option(
            200, "Batches for that measurement.", minimum=1, maximum=10**6, no_effect_if=_not_precise
        ),
    },
)
