"""Folders as finished runs leave them, made without running anything."""

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

CLASSES = ("pour milk", "stir", 'chop <b>"quick"</b>')

LOG = (
    {"_type": "train_start", "resumed": False},
    {"_type": "train_iter", "epoch": "1/2", "iter": "1/2", "loss": 2.0, "lr": 0.1},
    {"_type": "train_iter", "epoch": "1/2", "iter": "2/2", "loss": 1.5, "lr": 0.2},
    {"_type": "train_epoch", "epoch": "1/2", "loss": 1.75, "lr": 0.2},
    {"_type": "val_epoch", "epoch": "1/2", "mAP": 40.0, "mAP_atomic": None},
    {"_type": "train_epoch", "epoch": "2/2", "loss": 1.0, "lr": 0.1},
    {"_type": "val_epoch", "epoch": "2/2", "mAP": 60.0, "mAP_atomic": 70.0},
)

RESULTS: dict[str, Any] = {
    "dataset": "kitchen",
    "checkpoint": "last.pyth",
    "metrics": {"mAP": 62.5, "mAP_atomic": None},
    "num_videos": 8,
    "num_views": 16,
    "seconds": 3.25,
    "config": {"RNG_SEED": 1, "SOLVER.BASE_LR": 0.1},
    "per_class_ap": [
        {"class": CLASSES[0], "ap": 0.25, "support": 4},
        {"class": CLASSES[1], "ap": 1.0, "support": 6},
        {"class": CLASSES[2], "ap": None, "support": 0},
    ],
}

SINGLE: dict[str, Any] = {
    **{key: value for key, value in RESULTS.items() if key != "per_class_ap"},
    "metrics": {"top1_acc": 75.0, "top5_acc": 100.0},
    "per_class_accuracy": [
        {"class": CLASSES[0], "accuracy": 0.5, "videos": 4},
        {"class": CLASSES[1], "accuracy": 1.0, "videos": 4},
        {"class": CLASSES[2], "accuracy": None, "videos": 0},
    ],
}

MATRIX = [[2, 2, 0], [0, 4, 0], [0, 0, 0]]


def make_run(folder: Path, results: Mapping[str, Any] | str = RESULTS, *, log: Any = LOG, matrix_beside: bool = False) -> Path:
    """results: content of results.json, or its text. matrix_beside: whether the confusion matrix is the table beside it."""
    folder.mkdir(parents=True)
    (folder / "results.json").write_text(results if isinstance(results, str) else json.dumps(results))
    if log is not None:
        lines = [f"[11/27 00:00:00] slowfast.runtime.logging: json_stats: {json.dumps(entry)}\n" for entry in log]
        (folder / "stdout.log").write_text("".join(lines))
    if matrix_beside:
        with (folder / "confusion_matrix.csv").open("w", newline="") as file:
            rows = [[name, *row] for name, row in zip(CLASSES, MATRIX, strict=True)]
            csv.writer(file).writerows([["true class", *CLASSES], *rows])
    return folder
