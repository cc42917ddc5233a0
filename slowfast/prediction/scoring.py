"""Scores of windows: the network at work on several videos side by side.

B lanes, T frames in a window, K classes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from slowfast.engine.compiling import eager
from slowfast.engine.steps import HasMemory
from slowfast.models.folding import norms_folded
from slowfast.prediction.loading import LoadedModel
from slowfast.prediction.windows import Window
from slowfast.structures import ClipBatch, LaneBatch


class Scorer:
    """Scores the next window of each lane. Lanes are always as many; a network with a memory remembers the video of each."""

    def __init__(self, loaded: LoadedModel, lanes: int) -> None:
        self._loaded, self._lanes = loaded, lanes

    @contextlib.contextmanager
    def ready(self) -> Iterator[None]:
        """In which windows can be scored: without gradients, with norms as parts of the convolutions."""
        with torch.inference_mode(), norms_folded(self._loaded.model), eager():
            yield

    def __call__(self, windows: Sequence[Window | None]) -> NDArray[np.float32]:
        """float32 (B, K), activated. windows: one a lane; None: it has no video, and a row that means nothing."""
        shape = next(window.frames.shape for window in windows if window is not None)
        frames = np.zeros((self._lanes, *shape), np.uint8)
        for lane, window in enumerate(windows):
            if window is not None:
                frames[lane] = window.frames
        clips = torch.from_numpy(frames).permute(0, 4, 1, 2, 3)
        batch = self._lane_batch(clips, windows) if self._loaded.remembers else self._clip_batch(clips)
        loaded = self._loaded
        with loaded.precision.autocast(loaded.device):
            output: Any = loaded.step(loaded.model, batch.to(loaded.device))
        scores: NDArray[np.float32] = output.scores.float().cpu().numpy()
        return scores[:, 0] if self._loaded.remembers else scores

    def memory(self) -> dict[str, Tensor]:
        """What the lanes remember; empty where nothing is remembered."""
        step = self._loaded.step
        return step.memory() if isinstance(step, HasMemory) else {}

    def load_memory(self, memory: dict[str, Tensor]) -> None:
        if isinstance(self._loaded.step, HasMemory):
            self._loaded.step.load_memory(memory)

    def _lane_batch(self, frames: Tensor, windows: Sequence[Window | None]) -> LaneBatch:
        """Steps read frames, where videos begin and which lanes have one; nothing else of a batch."""
        rows, length = (self._lanes, 1), frames.shape[2]
        there = torch.tensor([[window is not None] for window in windows])
        number = torch.tensor([[-1 if window is None else window.number] for window in windows])
        return LaneBatch(
            frames=frames,
            times=torch.zeros(self._lanes, length),
            frame_sec=torch.zeros(rows),
            video_sec=torch.zeros(rows, dtype=torch.float64),
            valid=there.expand(-1, length),
            begins=number == 0,
            labels=torch.zeros(rows),
            videos=torch.where(there, 0, -1),
            views=torch.zeros(rows, dtype=torch.int64),
            pieces=number,
            names=(),
        )

    def _clip_batch(self, frames: Tensor) -> ClipBatch:
        zeros = torch.zeros(self._lanes, dtype=torch.int64)
        return ClipBatch(
            frames=frames, times=torch.zeros(self._lanes, frames.shape[2]), labels=zeros, frame_labels=None,
            videos=zeros, views=zeros, names=(),
        )  # fmt: skip
