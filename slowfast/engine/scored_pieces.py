"""The scores of pieces of whole videos, as they come from the network.

N pieces, K classes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slowfast.structures import LaneBatch, LaneOutput

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
