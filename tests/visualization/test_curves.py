import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from slowfast.runtime.logging import read_stats
from slowfast.visualization import DrawingError, draw_curves
from slowfast.visualization.log_series import series


def epoch(kind: str, number: int, **values: float) -> dict[str, Any]:
    return {"_type": kind, "epoch": f"{number}/4", **values}


def run() -> list[dict[str, Any]]:
    return [
        *(epoch("train_epoch", number, loss=3.0 - number / 2, lr=0.1) for number in range(1, 5)),
        *(epoch("val_epoch", number, mAP=10.0 * number) for number in (2, 4)),
    ]


def test_statistics_are_read_from_between_other_lines(tmp_path: Path) -> None:
    log = tmp_path / "stdout.log"
    first, second = run()[:2]
    log.write_text(
        f"[INFO] reading\n[11/22 09:00] logging.py: 97: json_stats: {json.dumps(first)}\njson_stats: {json.dumps(second)}\n",
    )
    assert read_stats(log) == [first, second]


def test_line_that_a_kill_cut_short_is_passed_over(tmp_path: Path) -> None:
    log = tmp_path / "stdout.log"
    log.write_text(f'json_stats: {{"_type": "train_ep\njson_stats: {json.dumps(run()[0])}\n')
    assert read_stats(log) == run()[:1]


def test_epoch_that_ran_again_counts_once_with_its_later_loss() -> None:
    stats = [epoch("train_epoch", 1, loss=2.0), epoch("train_epoch", 2, loss=9.0), epoch("train_epoch", 2, loss=1.0)]
    assert series(stats, "train_epoch", "loss") == [(1.0, 2.0), (2.0, 1.0)]


def test_iterations_stand_between_their_epochs() -> None:
    stats = [epoch("train_iter", 3, loss=2.0) | {"iter": "5/10"}, epoch("train_iter", 3, loss=1.0) | {"iter": "10/10"}]
    assert series(stats, "train_iter", "loss") == [(2.5, 2.0), (3.0, 1.0)]


def test_loss_that_is_not_finite_is_a_gap() -> None:
    stats = [epoch("train_epoch", 1, loss=float("nan")), epoch("train_epoch", 2, loss=1.0)]
    assert series(stats, "train_epoch", "loss") == [(2.0, 1.0)]


def test_validation_measure_gets_a_panel_of_its_own(tmp_path: Path) -> None:
    draw_curves(run(), tmp_path / "with.png", title="with validation")
    draw_curves(run()[:4], tmp_path / "without.png", title="without")
    heights = [cv2.imread(str(tmp_path / name)).shape[0] for name in ("with.png", "without.png")]
    assert heights[0] > heights[1]


def test_other_numbers_give_another_picture_and_the_same_the_same(tmp_path: Path) -> None:
    other = [*run()[:-1], epoch("val_epoch", 4, mAP=15.0)]
    for name, stats in (("a", run()), ("b", run()), ("c", other)):
        draw_curves(stats, tmp_path / f"{name}.png", title="run")
    a, b, c = (cv2.imread(str(tmp_path / f"{name}.png")) for name in "abc")
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


def test_statistics_without_a_loss_are_refused_and_leave_no_file(tmp_path: Path) -> None:
    with pytest.raises(DrawingError, match="no training loss"):
        draw_curves([epoch("val_epoch", 1, mAP=3.0)], tmp_path / "curves.png", title="run")
    assert list(tmp_path.iterdir()) == []
