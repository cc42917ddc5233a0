"""Options of testing."""

from pathlib import PurePath

from fvcore.common.config import CfgNode

from slowfast.config.errors import ConfigError
from slowfast.config.sections.train import (
    CHECKPOINT_TYPES,
    DATASET_ALIASES,
    PRECISIONS,
    REFUSED_DATASETS,
)
from slowfast.options import Option, Section

SCORE_ENDINGS = (".pkl", ".npz", ".csv")
"""Formats that TEST.SAVE_RESULTS_PATH is written in; detections are a table in AVA's format, .csv alone."""


def _finish(cfg: CfgNode, given: frozenset[str]) -> None:
    path, endings = cfg.TEST.SAVE_RESULTS_PATH, (".csv",) if cfg.DETECTION.ENABLE else SCORE_ENDINGS
    if path and PurePath(path).suffix.lower() not in endings:
        what = "detections are" if cfg.DETECTION.ENABLE else "scores are"
        raise ConfigError(
            key="TEST.SAVE_RESULTS_PATH", value=path, why=f"its ending names no format that {what} written in",
            right=f"a name that ends with {' or '.join(endings)}",
        )  # fmt: skip


SECTION = Section(
    name="TEST",
    meaning="Testing.",
    finish=_finish,
    options={
        "ENABLE": Option(True, "Whether to test, after training if that is enabled too."),
        "DATASET": Option(
            "kinetics", "Name of the data set to test on.", aliases=DATASET_ALIASES, refused=REFUSED_DATASETS, empty=False
        ),
        "BATCH_SIZE": Option(8, "Clips in one batch, over all processes together.", minimum=1, maximum=2**16),
        "PRECISION": Option(
            "fp32", "Numbers that the network computes with in validation and tests: see TRAIN.PRECISION.", choices=PRECISIONS
        ),
        "VIDEOS": Option(
            "",
            "Whole videos: new ones, without labels, in which events are found, instead of those of the test list: a folder, "
            "or a text file with a path a line; empty: the test list.",
        ),
        "CHECKPOINT_FILE_PATH": Option(
            "", "File (or URI) of weights to test, or OUTPUT_DIR of another run; empty: the newest checkpoint in OUTPUT_DIR."
        ),
        "CHECKPOINT_TYPE": Option(
            "pytorch", "Format of that file.", choices=CHECKPOINT_TYPES, no_effect="the file's content tells its format."
        ),
        "NUM_ENSEMBLE_VIEWS": Option(10, "Clips that are taken from a video, spread over its length.", minimum=1, maximum=1000),
        "NUM_SPATIAL_CROPS": Option(3, "Crops that are taken from a clip: 1 (middle) or 3.", choices=(1, 3)),
        "SKIP_UNREADABLE": Option(
            False, "Whether tests and validation leave out videos that cannot be read, and say so; else they stop."
        ),
        "SAVE_MODEL": Option(
            True,
            "Whether a test writes OUTPUT_DIR/model.safetensors: the weights that it tested, with all that is needed to use "
            "them elsewhere (classes, network, sampling, figures, thresholds). Tests of new videos (TEST.VIDEOS) do not.",
        ),
        "SAVE_RESULTS_PATH": Option(
            "",
            "File for the scores of all videos, below OUTPUT_DIR; its ending is the format: .npz or .csv (means over views), "
            ".pkl (PySlowFast's, with its sums over views); in detection .csv, a table in AVA's format; empty: none.",
        ),
    },
)
