"""Options of what a run shows: TensorBoard, and the report that a test writes."""

from fvcore.common.config import CfgNode

from slowfast.options import Option, Section


def _switched_off(cfg: CfgNode, given: frozenset[str]) -> str:
    return "" if cfg.REPORT.ENABLE else "REPORT.ENABLE is False"


REPORT = Section(
    name="REPORT",
    meaning="The report of a test: results.json, curves and examples.",
    no_effect_if=_switched_off,
    options={
        "ENABLE": Option(True, "Whether to draw curves and examples, and make report.html (results.json is always written)."),
        "NUM_TIMELINES": Option(
            3, "Test videos to draw a timeline of; in detection, annotated seconds to draw.", minimum=0, maximum=10**4
        ),
    },
)

TENSORBOARD = Section(
    name="TENSORBOARD",
    meaning="TensorBoard.",
    options={
        "ENABLE": Option(True, "Whether to write scalars for TensorBoard."),
        "LOG_DIR": Option("tensorboard", "Folder for them, below OUTPUT_DIR.", empty=False),
    },
)
