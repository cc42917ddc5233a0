"""Scores of pieces become scores along videos, whatever views they came in."""

from __future__ import annotations

import numpy as np
import pytest

from slowfast.engine.scored_pieces import ScoredPieces
from slowfast.engine.scores_in_time import ScoresInTime
from slowfast.structures import ActionInterval, VideoRecord


def pieces_of(rows: list[tuple[int, int, int, float, float]], seconds: dict[int, float]) -> ScoredPieces:
    """rows: (video, view, piece, start, end); the score of a piece is its view + 10 * its piece. seconds: of each video."""
    table = np.array(rows)
    keys = table[:, :3].astype(np.int64)
    return ScoredPieces.join(
        [
            ScoredPieces(
                keys=keys,
                seconds=table[:, 3:],
                video_sec=np.array([seconds[video] for video in keys[:, 0]]),
                scores=(keys[:, 1:2] + 10 * keys[:, 2:3]).astype(np.float32),
                labels=np.zeros((len(rows), 1)),
                joined_by="sum",
            )
        ]
    )


@pytest.mark.parametrize(("method", "shift"), [("sum", 1.0), ("max", 2.0)])
def test_views_of_a_piece_are_joined_and_videos_without_one_are_not_there(method: str, shift: float) -> None:
    rows = [(video, view, piece, piece, piece + 1.0) for view in (2, 0, 1) for video in (3, 1) for piece in range(video)]
    found = ScoresInTime.of(pieces_of(rows, {1: 1.0, 3: 2.5}), method=method)
    assert found.numbers.tolist() == [1, 3]
    assert [video.scores[:, 0].tolist() for video in found.scores] == [[shift], [shift, 10 + shift, 20 + shift]]
    assert found.durations.tolist() == [1.0, 2.5]


def test_a_view_that_broke_off_is_not_missed() -> None:
    rows = [(0, 0, 0, 0.0, 1.0), (0, 0, 1, 1.0, 2.0), (0, 1, 0, 0.0, 1.0)]
    found = ScoresInTime.of(pieces_of(rows, {0: 2.0}), method="sum")
    assert found.scores[0].scores[:, 0].tolist() == [0.5, 10.0]


def test_stretches_meet_where_frames_come_late_or_early() -> None:
    rows = [(0, 0, 0, 0.0, 1.4), (0, 0, 1, 1.3, 2.2), (0, 0, 2, 2.2003, 3.0), (0, 0, 3, 3.5, 4.0)]
    [video] = ScoresInTime.of(pieces_of(rows, {0: 4.0}), method="sum").scores
    assert video.seconds.tolist() == [[0.0, 1.3], [1.3, 2.2003], [2.2003, 3.0], [3.5, 4.0]], "a real gap stays"


def test_truths_are_the_annotation_unless_videos_are_read_in_part() -> None:
    actions = (ActionInterval(0, 0.5, 9.0), ActionInterval(0, 2.0, 3.0), ActionInterval(0, 1.0, 1.5))
    records = [VideoRecord(video_id="v", path="", source="", actions=actions if number == 1 else ()) for number in range(2)]
    scored = ScoresInTime.of(pieces_of([(1, 0, 0, 0.0, 2.0)], {1: 2.0}), method="sum")
    whole, cut = (scored.truths(records, cut=cut) for cut in (False, True))
    assert (whole.start.tolist(), whole.end.tolist()) == ([0.5, 2.0, 1.0], [9.0, 3.0, 1.5])
    assert (cut.start.tolist(), cut.end.tolist()) == ([0.5, 1.0], [2.0, 1.5])
    assert whole.video.tolist() == [0, 0, 0], "places among the videos with scores"
    assert len(scored.truths([records[0], records[0]], cut=False)) == 0
