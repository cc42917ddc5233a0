"""Options of the report that a test writes."""

from fvcore.common.config import CfgNode

from slowfast.config.options import Option, Section


def _switched_off(cfg: CfgNode, given: frozenset[str]) -> str:
    return "" if cfg.REPORT.ENABLE else "REPORT.ENABLE is False"


SECTION = Section(
    name="REPORT",
    meaning="The report of a test: results.json, curves and examples.",
    no_effect_if=_switched_off,
    options={
        "ENABLE": Option(True, "Whether to draw curves and examples (results.json is always written)."),
        "NUM_TIMELINES": Option(
            3, "Test videos to draw a timeline of; in detection, annotated seconds to draw.", minimum=0, maximum=10**4
        ),
    },
)
