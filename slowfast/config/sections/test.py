"""Options of testing."""

from slowfast.config.options import Option, Section
from slowfast.config.sections.train import CHECKPOINT_TYPES, DATASET_ALIASES, REFUSED_DATASETS

SECTION = Section(
    name="TEST",
    meaning="Testing.",
    options={
        "ENABLE": Option(True, "Whether to test, after training if that is enabled too."),
        "DATASET": Option(
            "kinetics", "Name of the data set to test on.", aliases=DATASET_ALIASES, refused=REFUSED_DATASETS, empty=False
        ),
        "BATCH_SIZE": Option(8, "Clips in one batch, over all processes together.", minimum=1, maximum=2**16),
        "CHECKPOINT_FILE_PATH": Option("", "File (or URI) of weights to test; empty: the newest checkpoint in OUTPUT_DIR."),
        "CHECKPOINT_TYPE": Option(
            "pytorch", "Format of that file.", choices=CHECKPOINT_TYPES, no_effect="the file's content tells its format."
        ),
        "NUM_ENSEMBLE_VIEWS": Option(10, "Clips that are taken from a video, spread over its length.", minimum=1, maximum=1000),
        "NUM_SPATIAL_CROPS": Option(3, "Crops that are taken from a clip: 1 (middle) or 3.", choices=(1, 3)),
        "SKIP_UNREADABLE": Option(
            False, "Whether tests and validation leave out videos that cannot be read, and say so; else they stop."
        ),
        "SAVE_RESULTS_PATH": Option("", "File for the scores of every video, below OUTPUT_DIR; empty: none."),
    },
)
