"""Evaluation of whole videos: scores of their pieces, in time, and one row of scores for all of a video.

N pieces, V videos, K classes.
"""

from __future__ import annotations

import io
import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from slowfast.engine.examined import ExaminedVideos
from slowfast.engine.examining import examine
from slowfast.engine.scored_pieces import ScoredPieces
from slowfast.engine.scores_in_time import ScoresInTime
from slowfast.engine.video_evaluation import VideoEvaluation
from slowfast.evaluation import VideoScores, ViewEnsemble
from slowfast.evaluation.errors import ScoreError
from slowfast.runtime.atomic_files import atomic_write
from slowfast.structures import LaneBatch, LaneOutput

logger = logging.getLogger(__name__)

TIMED_SCORES = "scores_in_time.npz"


class WholeVideoEvaluation(VideoEvaluation):
    """The same figures as of clips: of the mean of a video's pieces, or of their maximum, as the evaluation step says. Their
    sum would say how long a video is."""

    def reset(self) -> None:
        self._parts: list[ScoredPieces] = []

    def add(self, batch: LaneBatch, output: LaneOutput) -> None:  # type: ignore[override]
        self._parts.append(ScoredPieces.of(batch, output))

    def collected(self) -> list[ScoredPieces]:  # type: ignore[override]
        return [ScoredPieces.join(self._parts)] if self._parts else []

    def merge(self, collected: list[ScoredPieces]) -> None:  # type: ignore[override]
        self._parts += collected

    def pieces(self) -> ScoredPieces:
        """All that was scored. Raises ScoreError when nothing was."""
        if not self._parts:
            raise ScoreError("no piece of a video came, so there are no scores to join")
        self._parts = [ScoredPieces.join(self._parts)]
        return self._parts[0]

    def scores(self) -> VideoScores:
        pieces = self.pieces()
        views, first = np.unique(pieces.keys[:, :2], axis=0, return_index=True)
        if pieces.joined_by == "max":
            scores = np.maximum.reduceat(pieces.scores, first)
        else:
            counts = np.diff(np.append(first, len(pieces.keys)))
            scores = np.add.reduceat(pieces.scores.astype(np.float64), first) / counts[:, None]
        ensemble = ViewEnsemble(
            num_videos=len(self._dataset.records),
            num_views=int(views[:, 1].max()) + 1,
            num_classes=self._dataset.num_classes,
            method=self._method,
        )
        labels = np.maximum.reduceat(pieces.labels, first)
        ensemble.add(views[:, 0], views[:, 1], scores.astype(np.float32), labels)
        return ensemble.result()

    def in_time(self) -> ScoresInTime:
        """Raises ScoreError when nothing was scored."""
        return ScoresInTime.of(self.pieces(), method=self._method)

    def examined(self) -> ExaminedVideos | None:
        """By what all pieces of a video say together."""
        numbers, scores, labels = self._means()
        return examine(self._dataset, numbers=numbers, scores=scores, labels=labels, along=self.in_time().scores)

    def save(self, folder: Path) -> None:
        """The scores of videos, if the config wants them, and those of their pieces in time."""
        super().save(folder)
        pieces = self.pieces()
        content = io.BytesIO()
        np.savez_compressed(
            content,
            video_ids=np.array([record.video_id for record in self._dataset.records]),
            class_names=np.array(self._dataset.class_names),
            video=pieces.keys[:, 0],
            view=pieces.keys[:, 1],
            start_sec=pieces.seconds[:, 0],
            end_sec=pieces.seconds[:, 1],
            scores=pieces.scores,
            duration_sec=self._durations(pieces),
        )
        with atomic_write(folder / TIMED_SCORES) as beside:
            beside.write_bytes(content.getvalue())
        logger.info("wrote %s", folder / TIMED_SCORES)

    def _durations(self, pieces: ScoredPieces) -> NDArray[np.float64]:
        """Seconds of each video of the data set; NaN where nothing of it was scored."""
        durations = np.full(len(self._dataset.records), np.nan)
        durations[pieces.keys[:, 0]] = pieces.video_sec
        return durations
