"""How long clips take to load, from files as they were and from their copies."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from slowfast.datasets.clip_sampling import UniformStridedClips
from slowfast.datasets.decoding import VideoIndex, decode_frames, read_index
from slowfast.datasets.transforms import CropFrames, FixedCrops

LENGTH, STEP, VIEWS, SIZE = 8, 8, 3, 224
"""What is loaded: clips of 8 frames, every 8th, from 3 places of each video, cropped to 224 x 224."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """Sums over the videos that were measured: milliseconds a clip, and bytes of the files."""

    num_videos: int
    before_ms: float
    after_ms: float
    before_bytes: int
    after_bytes: int


def measure_speed(pairs: Sequence[tuple[str, Path]]) -> Speed:
    """Loads the same clips from (original, copy), one after the other and in turn."""
    before, after = 0.0, 0.0
    for original, copy in pairs:
        before += _load(original)
        after += _load(str(copy))
    clips = len(pairs) * VIEWS
    return Speed(
        num_videos=len(pairs),
        before_ms=1000 * before / clips,
        after_ms=1000 * after / clips,
        before_bytes=sum(Path(original).stat().st_size for original, _ in pairs),
        after_bytes=sum(copy.stat().st_size for _, copy in pairs),
    )


def _load(path: str) -> float:
    """Seconds for all clips of a video. They are loaded twice and the first time is not counted: it may read from a disk."""
    index = read_index(path)
    _load_clips(path, index)
    started = time.perf_counter()
    _load_clips(path, index)
    return time.perf_counter() - started


def _load_clips(path: str, index: VideoIndex) -> None:
    rng = np.random.default_rng(0)
    rule, transform = UniformStridedClips(LENGTH, STEP, VIEWS), CropFrames(FixedCrops(size=SIZE).draw(0, rng))
    for view in range(VIEWS):
        decode_frames(path, index, rule.frames(index.num_frames, index.fps, view, rng), transform)
