"""Options of the report that a test writes."""

from slowfast.config.options import Option, Section

SECTION = Section(
    name="REPORT",
    meaning="The report of a test: results.json, curves and examples.",
    options={
        "ENABLE": Option(True, "Whether to draw curves and examples (results.json is always written)."),
        "NUM_TIMELINES": Option(3, "Test videos to draw a timeline of; in detection, annotated seconds to draw.", minimum=0),
    },
)
