"""Options of what a run shows: TensorBoard, a tracker, and the report that a test writes."""

from fvcore.common.config import CfgNode

from slowfast.options import Option, Section


def _switched_off(cfg: CfgNode, given: frozenset[str]) -> str:
    return "" if cfg.REPORT.ENABLE else "REPORT.ENABLE is False"


def _no_tracker(cfg: CfgNode, given: frozenset[str]) -> str:
    return "" if cfg.TRACKER.NAME else "TRACKER.NAME is empty"


TRACKER = Section(
    name="TRACKER",
    meaning="A program outside that shows numbers of trainings.",
    no_effect_if=_no_tracker,
    options={
        "NAME": Option("", "Which one: mlflow, or one that a project brings; empty: none."),
        "URI": Option(
            "", "Where it is, such as http://host:5000 or sqlite:///mlflow.db; empty: as its own environment variables say."
        ),
        "EXPERIMENT": Option("slowfast", "Experiment that the run belongs to.", empty=False),
    },
)

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
