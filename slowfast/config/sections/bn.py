"""Options of normalisation."""

from slowfast.config.options import Option, Section

SECTION = Section(
    name="BN",
    meaning="Normalisation.",
    options={
        "NORM_TYPE": Option("batchnorm", "Kind of norm.", choices=("batchnorm", "frozen_batchnorm", "sync_batchnorm")),
        "WEIGHT_DECAY": Option(0.0, "Weight decay of the norms' parameters.", minimum=0),
        "EPSILON": Option(1e-5, "Added to the variance.", minimum=0),
        "MOMENTUM": Option(0.1, "Weight of a new batch in the running statistics.", minimum=0),
        "USE_PRECISE_STATS": Option(
            False, "Whether to measure the running statistics anew before each validation and checkpoint."
        ),
        "NUM_BATCHES_PRECISE": Option(200, "Batches for that measurement.", minimum=1),
    },
)
