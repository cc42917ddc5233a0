"""Options of training."""

from fvcore.common.config import CfgNode

from slowfast.options import Option, Section

CHECKPOINT_TYPES = ("pytorch", "caffe2", "aia")
"""What others tell formats of weights by; aia is AlphAction's."""

DATASET_ALIASES = {"ptvkinetics": ("kinetics", ""), "ptvcharades": ("charades", ""), "ptvssv2": ("ssv2", "")}
"""Other readers of the same lists. Ours samples clips as PySlowFast's own do."""

REFUSED_DATASETS = {
    "imagenet": ("this library trains on videos, not on pictures", "a data set of videos, such as kinetics"),
}


def _no_weights(cfg: CfgNode, given: frozenset[str]) -> str:
    return "" if cfg.TRAIN.CHECKPOINT_FILE_PATH else "TRAIN.CHECKPOINT_FILE_PATH names no weights"


SECTION = Section(
    name="TRAIN",
    meaning="Training.",
    options={
        "ENABLE": Option(True, "Whether to train."),
        "DATASET": Option(
            "kinetics",
            "Name of the data set to train and validate on.",
            aliases=DATASET_ALIASES,
            refused=REFUSED_DATASETS,
            empty=False,
        ),
        "BATCH_SIZE": Option(
            64,
            "Videos of a batch, over all processes together: those of an update, unless TRAIN.ACCUMULATE.",
            minimum=1,
            maximum=2**16,
        ),
        "ACCUMULATE": Option(
            1,
            "Batches that make one update, with the mean of their gradients: that of a batch so many times as large, at the "
            "memory of one and in the same time. Batch norms see one batch at a time; SOLVER.BASE_LR is taken as it is.",
            minimum=1,
            maximum=2**16,
        ),
        "EVAL_PERIOD": Option(10, "Epochs between two validations; 0: never.", minimum=0, maximum=10**6),
        "CHECKPOINT_PERIOD": Option(10, "Epochs between two checkpoints that are kept.", minimum=1, maximum=10**6),
        "CHECKPOINT_MINUTES": Option(
            10.0,
            "Minutes between two saves of the resume point inside an epoch; 0: only at the end of epochs.",
            minimum=0,
            maximum=10**5,
        ),
        "AUTO_RESUME": Option(True, "Whether to go on from the newest checkpoint in OUTPUT_DIR."),
        "CHECKPOINT_FILE_PATH": Option(
            "", "File (or URI) of weights that training starts from, when there is nothing to resume."
        ),
        "CHECKPOINT_TYPE": Option(
            "pytorch", "Format of that file.", choices=CHECKPOINT_TYPES, no_effect="the file's content tells its format."
        ),
        "CHECKPOINT_CLEAR_NAME_PATTERN": Option(
            [],
            "Parts that are taken out of the names of those weights, such as backbone.",
            elements=str,
            empty=False,
            no_effect_if=_no_weights,
        ),
        "CHECKPOINT_INFLATE": Option(
            False, "Whether those are weights of a network of pictures, to be repeated over time.", no_effect_if=_no_weights
        ),
        "MIXED_PRECISION": Option(False, "Whether to compute in half precision where it is safe (GPUs only)."),
        "MAX_BAD_SHARE": Option(
            0.01, "Share of unreadable videos above which training stops (never below 10 videos).", minimum=0, maximum=1
        ),
    },
)
