"""Options of training."""

from fvcore.common.config import CfgNode

from slowfast.config.errors import ConfigError
from slowfast.options import Option, Section

CHECKPOINT_TYPES = ("pytorch", "caffe2", "aia")
"""What others tell formats of weights by; aia is AlphAction's."""

DATASET_ALIASES = {"ptvkinetics": ("kinetics", ""), "ptvcharades": ("charades", ""), "ptvssv2": ("ssv2", "")}
"""Other readers of the same lists. Ours samples clips as PySlowFast's own do."""

REFUSED_DATASETS = {
    "imagenet": ("this library trains on videos, not on pictures", "a data set of videos, such as kinetics"),
}


PRECISIONS = ("fp32", "bf16", "fp16", "auto")

PRECISION_MEANING = (
    "Numbers that the network computes with, where that is safe: fp32; bf16, which has the range of fp32 and two to three "
    "digits, fast on GPUs since Ampere and CPUs with AMX; fp16 (GPUs only), for which losses are scaled; "
    "auto: bf16 where the device is fast at it, else fp16 on a GPU and fp32 on a CPU. Weights, losses and sums over time are "
    "fp32 with each."
)


def _finish(cfg: CfgNode, given: frozenset[str]) -> None:
    if not cfg.TRAIN.MIXED_PRECISION:
        return
    if "TRAIN.PRECISION" in given and cfg.TRAIN.PRECISION != "fp16":
        why = f"TRAIN.PRECISION says {cfg.TRAIN.PRECISION}, and this is the older name of fp16"
        raise ConfigError(key="TRAIN.MIXED_PRECISION", value=True, why=why, right="False")
    cfg.TRAIN.PRECISION = "fp16"


def _no_training(cfg: CfgNode, given: frozenset[str]) -> str:
    return "" if cfg.TRAIN.ENABLE else "TRAIN.ENABLE is False"


def _no_validation(cfg: CfgNode, given: frozenset[str]) -> str:
    return _no_training(cfg, given) or ("" if cfg.TRAIN.EVAL_PERIOD else "TRAIN.EVAL_PERIOD is 0: nothing is validated")


def _no_weights(cfg: CfgNode, given: frozenset[str]) -> str:
    return "" if cfg.TRAIN.CHECKPOINT_FILE_PATH else "TRAIN.CHECKPOINT_FILE_PATH names no weights"


SECTION = Section(
    name="TRAIN",
    meaning="Training.",
    finish=_finish,
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
        "CHECKPOINT_KEEP": Option(
            0,
            "So many of these stay, the newest; an older one is deleted when newer ones are safely on the disk. 0: all stay.",
            minimum=0,
            maximum=10**6,
            no_effect_if=_no_training,
        ),
        "CHECKPOINT_BEST_METRIC": Option(
            "",
            "A figure of validations, such as top1_acc or mAP: the weights that had the best one so far are kept as "
            "checkpoints/best.safetensors, too. The least counts as best where its name says loss or error; empty: none are.",
            no_effect_if=_no_validation,
        ),
        "CHECKPOINT_ASYNC": Option(
            True,
            "Whether checkpoints are written in the background, from a copy in the host's memory, while training goes on.",
            no_effect_if=_no_training,
        ),
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
        "PRECISION": Option("fp32", PRECISION_MEANING, choices=PRECISIONS),
        "MIXED_PRECISION": Option(False, "The older name of TRAIN.PRECISION fp16; on a CPU it has no effect."),
        "EMA_DECAY": Option(
            0.0,
            "Decay of an average of the weights that follows them from update to update (0.999: over about the last 1000), and "
            "is what validation and tests score; 0: none. It costs the memory of the weights.",
            minimum=0,
            maximum=0.999999,
        ),
        "ACTIVATION_CHECKPOINTING": Option(
            "none",
            "What is computed again when gradients need it, instead of kept: nothing, what is inside stem and stages (least "
            "memory), or inside every block (a little more); both cost one more forward pass.",
            choices=("none", "stages", "blocks"),
        ),
        "COMPILE": Option(
            False,
            "Whether the network is compiled for training (torch.compile): two graphs for a clip's first and later steps, one "
            "for plain clips and for whole videos, each made once (exact gradients: four and three); evaluation runs as "
            "without. Where there is no compiler, the log says so.",
            no_effect_if=_no_training,
        ),
        "MAX_BAD_SHARE": Option(
            0.01, "Share of unreadable videos above which training stops (never below 10 videos).", minimum=0, maximum=1
        ),
    },
)
