"""Scores of pieces become scores of videos, whatever the batch they came in."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from slowfast.engine.whole_video_evaluation import TIMED_SCORES, WholeVideoEvaluation
from slowfast.structures import LaneBatch, LaneOutput

VIDEOS = {0: 3, 1: 1, 2: 2}
"""Pieces of each; of 2 frames, but for the last one of video 1, which has one."""

SECONDS = {0: 6.0, 1: 1.0, 2: 3.5}
"""How long they are; the last frame of video 2 is shorter than the others."""

SCORES = {
    (video, piece): np.array([0.1 * piece + 0.2, 0.3 * video], np.float32) for video in VIDEOS for piece in range(VIDEOS[video])
}


def batch_of(pieces: list[tuple[int, int]], joined_by: str) -> tuple[LaneBatch, LaneOutput]:
    """One lane that reads these; (-1, -1) is nothing."""
    numbers = torch.tensor([pieces])
    seconds = torch.tensor([[[piece * 2.0, piece * 2.0 + 1] for _, piece in pieces]])
    valid = torch.tensor([[[video >= 0, video >= 0 and video != 1] for video, _ in pieces]])
    labels = torch.tensor([[[float(video == 0), float(piece == 1)] for video, piece in pieces]])
    batch = LaneBatch(
        frames=torch.zeros((1, 3, 2 * len(pieces), 2, 2), dtype=torch.uint8),
        times=(seconds * valid).flatten(1),
        frame_sec=torch.ones((1, len(pieces))),
        video_sec=torch.tensor([[SECONDS.get(video, 0.0) for video, _ in pieces]], dtype=torch.float64),
        valid=valid.flatten(1),
        begins=numbers[..., 1] == 0,
        labels=labels,
        videos=numbers[..., 0],
        views=torch.zeros_like(numbers[..., 0]),
        pieces=numbers[..., 1],
        names=(),
    )
    scores = np.stack([SCORES.get(piece, np.full(2, 9.0, np.float32)) for piece in pieces])
    return batch, LaneOutput(scores=torch.from_numpy(scores)[None], joined_by=joined_by)


def evaluation() -> WholeVideoEvaluation:
    dataset: Any = SimpleNamespace(
        records=[SimpleNamespace(video_id=f"v{video}") for video in VIDEOS],
        num_classes=2,
        class_names=("a", "b"),
        class_groups={},
    )
    return WholeVideoEvaluation(dataset, method="sum", multi_label=True)


@pytest.mark.parametrize(("joined_by", "join"), [("sum", np.mean), ("max", np.max)])
@pytest.mark.parametrize(
    "batches",
    [[[(0, 0), (0, 1)], [(0, 2), (1, 0)], [(2, 0), (2, 1)]], [[(2, 0), (2, 1), (-1, -1)], [(1, 0), (0, 0), (0, 1)], [(0, 2)]]],
)
def test_a_videos_score_is_that_of_its_pieces(
    joined_by: str, join: Any, batches: list[list[tuple[int, int]]], tmp_path: Any
) -> None:
    one, other = evaluation(), evaluation()
    for number, pieces in enumerate(batches):
        (one if number else other).add(*batch_of(pieces, joined_by))
    one.merge(other.collected())
    found = one.scores()
    for video, pieces in VIDEOS.items():
        wanted = join([SCORES[video, piece] for piece in range(pieces)], axis=0)
        assert np.allclose(found.scores[video], wanted)
        assert found.labels[video].tolist() == [float(video == 0), float(pieces > 1)]
    one.save(tmp_path)
    with np.load(tmp_path / TIMED_SCORES) as saved:
        assert saved["video_ids"].tolist() == ["v0", "v1", "v2"]
        assert saved["video"].tolist() == [0, 0, 0, 1, 2, 2]
        assert saved["start_sec"].tolist() == [0, 2, 4, 0, 0, 2]
        assert saved["end_sec"].tolist() == [2, 4, 6, 1, 2, 3.5], "none ends behind its video"
        assert saved["duration_sec"].tolist() == [6, 1, 3.5]
        assert np.allclose(saved["scores"], [SCORES[key] for key in sorted(SCORES)])
