"""The arithmetic of the report; the pictures have tests of their own."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from slowfast.engine.testing import Tested
from slowfast.reports import report
from slowfast.reports.examples import file_name, spread_evenly
from slowfast.reports.timelines import build_timeline, segment_seconds
from slowfast.runtime.logging import of_last_training
from slowfast.structures import ActionInterval, VideoRecord
from tests.engine.engine_toys import CLASSES, ToyNet, eval_step, toy_batch
from tests.models.tiny_networks import tiny_config


def test_only_the_latest_training_is_drawn_with_its_resumed_parts() -> None:
    stats = [
        {"_type": "train_start", "resumed": False},
        {"_type": "train_iter", "loss": 1},
        {"_type": "train_start", "resumed": False},
        {"_type": "train_iter", "loss": 2},
        {"_type": "train_start", "resumed": True},
        {"_type": "train_iter", "loss": 3},
    ]
    assert [entry["loss"] for entry in of_last_training(stats) if "loss" in entry] == [2, 3]


@pytest.mark.parametrize(
    ("num_videos", "num_wanted", "expected"), [(10, 2, [2, 7]), (3, 3, [0, 1, 2]), (2, 5, [0, 1]), (5, 0, []), (0, 3, [])]
)
def test_videos_are_spread_over_the_list(num_videos: int, num_wanted: int, expected: list[int]) -> None:
    assert spread_evenly(num_videos, num_wanted) == expected


def test_frames_of_a_segment_last_until_the_next_one_is_due() -> None:
    times = np.array([1.0, 1.5, 2.0, 2.5])
    assert segment_seconds(times, ((0, 4), (1, 2))).tolist() == [[1.0, 3.0], [1.5, 2.0]]


def test_clip_of_one_frame_still_lasts_a_moment() -> None:
    ((start, stop),) = segment_seconds(np.array([2.0]), ((0, 1),)).tolist()
    assert start == 2.0 < stop


@pytest.mark.parametrize(
    ("video_id", "expected"), [("AB12", "AB12"), ("../../etc/x", "etc_x"), ("a b/c.mp4", "a_b_c.mp4"), ("///", "video")]
)
def test_file_names_stay_in_their_folder(video_id: str, expected: str) -> None:
    assert file_name(video_id) == expected


def test_timeline_has_a_span_and_scores_for_each_view() -> None:
    record = VideoRecord(video_id="v", path="v.mp4", source="list, row 1", label=2)
    batch = toy_batch([(0, 0), (0, 1)])
    names = tuple(f"class {index}" for index in range(CLASSES))
    with torch.no_grad():
        timeline = build_timeline(ToyNet().eval(), eval_step(), batch, record=record, class_names=names)
    assert timeline.segments.tolist() == [[0.0, 2.0], [0.0, 2.0]]
    assert timeline.scores.shape == (2, CLASSES)
    assert timeline.actions == (ActionInterval(label=2, start_sec=0.0, end_sec=2.0),)
    second, picture = timeline.frames[1]
    assert second == 0.5
    assert np.array_equal(picture, batch.frames[0, :, 1].permute(1, 2, 0).numpy())
    assert torch.tensor(picture).dtype == torch.uint8


@pytest.mark.parametrize(("precision", "half"), [("fp32", False), ("bf16", True)])
def test_examples_are_scored_as_the_test_scores(
    precision: str, half: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen = []

    def draw(_: Any, *, model: torch.nn.Module, **__: Any) -> None:
        seen.append((torch.is_autocast_enabled("cpu"), torch.is_grad_enabled(), model.training))

    monkeypatch.setattr(report, "examples_of", lambda _: draw)
    cfg = tiny_config("slow", TEST__PRECISION=precision, OUTPUT_DIR=str(tmp_path))
    (tmp_path / "stdout.log").touch()
    tested = Tested(model=ToyNet().train(), step=eval_step(), dataset=None, metrics=None)  # type: ignore[arg-type]
    report.write_report(cfg, tested, device=torch.device("cpu"))
    assert seen == [(half, False, False)]
