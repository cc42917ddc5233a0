"""Options of LongCook, the embedded data set."""

from slowfast.config.options import Option, Section

SECTION = Section(
    name="LONGCOOK",
    meaning="The embedded data set; it is written to DATA.PATH_TO_DATA_DIR when it is missing there.",
    options={
        "NUM_TRAIN": Option(400, "Training videos.", minimum=1),
        "NUM_TEST": Option(150, "Test videos.", minimum=1),
        "SEED": Option(0, "Seed of the kitchen: other seeds give other videos.", minimum=0),
    },
)
