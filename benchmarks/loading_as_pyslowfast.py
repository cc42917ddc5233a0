"""The yardstick of `loading.py`: a clip as PySlowFast's PyAV path loads it, in our own words.

Seek to the key picture before the clip, decode and convert every frame of the clip's stretch, choose T of them, make them
float, normalise, scale all of them, crop and mirror. PySlowFast leaves threads to PyAV, which today takes as many as there are
cores, and pays for it; `one_thread` is the kinder way, with one.
"""

from __future__ import annotations

from dataclasses import dataclass

import av
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from torch.utils.data import Dataset

MEAN, STD = 0.45, 0.225


@dataclass(frozen=True)
class Call:
    """`length` frames spread evenly from frame `first` to frame `last` of a file."""

    path: str
    first: int
    last: int
    length: int
    short_side: int
    size: int


def load_clip(call: Call, number: int, *, one_thread: bool = False) -> Tensor:
    """float32 (3, T, size, size); crop and flip are drawn with `number` as the seed."""
    rng, short_side, size = np.random.default_rng(number), call.short_side, call.size
    frames = torch.from_numpy(np.stack(_decode_stretch(call, one_thread)))
    chosen = torch.linspace(0, len(frames) - 1, call.length).long()
    clip = (frames.index_select(0, chosen).float() / 255.0 - MEAN) / STD
    clip = clip.permute(3, 0, 1, 2)
    height, width = clip.shape[2:]
    ratio = short_side / min(height, width)
    scaled = (int(height * ratio), int(width * ratio))
    clip = functional.interpolate(clip, size=scaled, mode="bilinear", align_corners=False)
    top, left = (int(rng.integers(0, side - size + 1)) for side in scaled)
    clip = clip[:, :, top : top + size, left : left + size]
    return clip.flip(-1) if rng.random() < 0.5 else clip


def _decode_stretch(call: Call, one_thread: bool) -> list[NDArray[np.uint8]]:
    with av.open(call.path) as container:
        stream = container.streams.video[0]
        if one_thread:
            stream.codec_context.thread_count = 1
        start, end = (round(number / stream.average_rate / stream.time_base) for number in (call.first, call.last))
        container.seek(start, stream=stream, backward=True, any_frame=False)
        frames = []
        for frame in container.decode(stream):
            if frame.pts > end:
                break
            if frame.pts >= start:
                frames.append(frame)
        if one_thread:
            return [frame.reformat(format="rgb24", threads=1).to_ndarray() for frame in frames]
        return [frame.to_rgb().to_ndarray() for frame in frames]


class Clips(Dataset[Tensor]):
    """The same as a data set: sample i is the i-th of the calls."""

    def __init__(self, calls: list[Call]) -> None:
        self._calls = calls

    def __len__(self) -> int:
        return len(self._calls)

    def __getitem__(self, number: int) -> Tensor:
        return load_clip(self._calls[number], number)
