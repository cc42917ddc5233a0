"""Evaluation of whole videos: scores of their pieces, in time, and one row of scores for all of a video.

N pieces, V videos, K classes.
"""

from __future__ import annotations

import dataclasses
import io
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slowfast.engine.video_evaluation import VideoEvaluation
from slowfast.evaluation import VideoScores, ViewEnsemble
from slowfast.evaluation.errors import ScoreError
from slowfast.runtime.atomic_files import atomic_write
from slowfast.structures import LaneBatch, LaneOutput

logger = logging.getLogger(__name__)

TIMED_SCORES = "scores_in_time.npz"

DECIMALS = 4
"""Of seconds: finer than frames, and about what their float32 is sure of in an hour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredPieces:
    """keys: int64 (N, 3), video, view and piece. seconds: float64 (N, 2), from the first frame of the piece to the end of its
    last. video_sec: float64 (N,), of their videos. scores: float32 (N, K). labels: (N,) or (N, K). joined_by: how pieces become
    one row, "sum" (their mean) or "max"."""

    keys: NDArray[np.int64]
    seconds: NDArray[np.float64]
    video_sec: NDArray[np.float64]
    scores: NDArray[np.float32]
    labels: NDArray[Any]
    joined_by: str

    @classmethod
    def of(cls, batch: LaneBatch, output: LaneOutput) -> ScoredPieces:
        """The pieces of a batch that have a frame of a video."""
        rows = batch.rows().cpu().numpy()
        valid = batch.valid.cpu().numpy().reshape(*rows.shape, -1)[rows]
        times = batch.times.cpu().numpy().astype(np.float64).reshape(*rows.shape, -1)[rows]
        counts = valid.sum(axis=1)
        first, last = times[:, 0], np.take_along_axis(times, np.maximum(counts - 1, 0)[:, None], axis=1)[:, 0]
        spacing = batch.frame_sec.cpu().numpy().astype(np.float64)[rows]
        video_sec = batch.video_sec.cpu().numpy()[rows]
        end = np.where(last < video_sec, np.minimum(last + spacing, video_sec), last + spacing)
        columns = [tensor.cpu().numpy()[rows] for tensor in (batch.videos, batch.views, batch.pieces)]
        return cls(
            keys=np.stack(columns, axis=1),
            seconds=np.stack([first, end], axis=1).round(DECIMALS),
            video_sec=video_sec,
            scores=output.scores.float().cpu().numpy()[rows],
            labels=batch.labels.cpu().numpy()[rows],
            joined_by=output.joined_by,
        )

    @classmethod
    def join(cls, parts: Sequence[ScoredPieces]) -> ScoredPieces:
        """All pieces, by video, view and piece."""
        arrays = {
            field.name: np.concatenate([getattr(part, field.name) for part in parts])
            for field in dataclasses.fields(cls)
            if field.name != "joined_by"
        }
        order = np.lexsort(arrays["keys"].T[::-1])
        return cls(**{name: array[order] for name, array in arrays.items()}, joined_by=parts[0].joined_by)


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
