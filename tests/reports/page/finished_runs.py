"""Folders as finished runs leave them, made without running anything."""

import csv
import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from slowfast.engine.examined import LOSS, MEAN_AP, ExaminedVideo, ExaminedVideos, ScoresAlong
from slowfast.engine.examined_persons import ExaminedMoment, ExaminedPerson
from slowfast.engine.score_statistics import Durations, ScoreStatistics, statistics_of_videos

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


def examined_video(*, folder: Path, **values: Any) -> ExaminedVideo:
    """One of a file v.mp4 in the folder, which need not be there."""
    known: dict[str, Any] = {
        "video_id": "v",
        "number": 0,
        "files": (str(folder / "v.mp4"),),
        "fps": None,
        "place": 1,
        "measured": 0.5,
        "true": (0,),
        "missed": (),
        "false": (),
        "rank": None,
        "scores": {0: 0.75, 1: 0.25},
        "truths": (),
        "found": None,
        "along": ScoresAlong(seconds=((0.0, 1.0), (1.0, 2.0)), scores={0: (0.5, 1.0), 1: (0.25, 0.0)}),
    }
    return ExaminedVideo(**{**known, **values})


def examined_videos(folder: Path) -> ExaminedVideos:
    """Two, of the files v.mp4 and w.mp4 in the folder: the first is worst, and class 1 was taken for 0."""
    first = examined_video(folder=folder, true=(1,), missed=(1,), false=(0,), truths=((1, 0.5, 1.5),))
    second = examined_video(
        folder=folder, video_id="w", number=1, files=(str(folder / "w.mp4"),), place=2, measured=0.25, true=(0, 2)
    )
    return ExaminedVideos(measure=LOSS, num_videos=2, class_names=CLASSES, videos=(first, second))


def person(box: Any, true: Any, said: Any, **scores: float) -> ExaminedPerson:
    """scores: by class, under names such as c0."""
    return ExaminedPerson(box=box, true=true, said=said, scores={int(name[1:]): score for name, score in scores.items()})


LEFT, RIGHT, MIDDLE = (0.0, 0.25, 0.25, 0.75), (0.5, 0.0, 1.0, 1.0), (0.25, 0.5, 0.5, 1.0)

MOMENTS = (
    ExaminedMoment(start=0.5, end=1.0, second=905, persons=(person(LEFT, (1,), (1,), c1=0.9),)),
    ExaminedMoment(
        start=1.0,
        end=1.5,
        second=906,
        persons=(
            person(LEFT, (1, 2), (1, 0), c0=0.4, c1=0.8, c2=0.1),
            person(RIGHT, None, (0,), c0=0.6),
            person(MIDDLE, (2,), None),
        ),
    ),
    ExaminedMoment(start=1.75, end=2.25, second=908, persons=()),
)
"""Right; then all kinds of mistakes at once; then nobody."""


def examined_persons(folder: Path) -> ExaminedVideos:
    """Two, of the files v.mp4 and w.mp4 in the folder: the first has MOMENTS, the second has nothing wrong."""
    first = examined_video(
        folder=folder, measured=0.25, true=(1, 2), missed=(2,), false=(0,), scores={2: 0.0, 1: 0.5}, moments=MOMENTS,
        along=ScoresAlong(seconds=((0.5, 1.0), (1.0, 1.5)), scores={2: (0.0, 0.1), 0: (0.3, 0.6), 1: (0.9, 0.8)}),
    )  # fmt: skip
    second = examined_video(
        folder=folder, video_id="w", number=1, files=(str(folder / "w.mp4"),), place=2, measured=1.0, true=(1,),
        scores={1: 1.0}, moments=MOMENTS[:1], along=None,
    )  # fmt: skip
    return ExaminedVideos(measure=MEAN_AP, num_videos=2, class_names=CLASSES, videos=(first, second))


def statistics() -> ScoreStatistics:
    """Of three videos with one class each: the first was taken for the second class once in two."""
    scores = np.array([[0.9, 0.2, 0.1], [0.3, 0.6, 0.1], [0.1, 0.8, 0.1]], np.float32)
    labels = np.array([[1, 0, 0], [1, 0, 0], [0, 1, 0]], np.float32)
    durations = Durations(edges=(0, 0.25, 0.5), true=(1, 2), found=(0, 1))
    return dataclasses.replace(statistics_of_videos(scores, labels, CLASSES), durations=durations)


def make_run(
    folder: Path,
    results: Mapping[str, Any] | str = RESULTS,
    *,
    log: Any = LOG,
    matrix_beside: bool = False,
    examined: ExaminedVideos | None = None,
    statistics: ScoreStatistics | None = None,
) -> Path:
    """results: content of results.json, or its text. matrix_beside: whether the confusion matrix is the table beside it."""
    folder.mkdir(parents=True)
    if examined is not None:
        examined.write(folder)
    if statistics is not None:
        statistics.write(folder)
    (folder / "results.json").write_text(results if isinstance(results, str) else json.dumps(results))
    if log is not None:
        lines = [f"[11/27 00:00:00] slowfast.runtime.logging: json_stats: {json.dumps(entry)}\n" for entry in log]
        (folder / "stdout.log").write_text("".join(lines))
    if matrix_beside:
        with (folder / "confusion_matrix.csv").open("w", newline="") as file:
            rows = [[name, *row] for name, row in zip(CLASSES, MATRIX, strict=True)]
            csv.writer(file).writerows([["true class", *CLASSES], *rows])
    return folder
