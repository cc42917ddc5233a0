"""Which frames of a clip feed which pathway."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch
from torch import Tensor

from slowfast.config import CfgNode, ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class PathwayPicker:
    """num_pathways: 1, or 2 (slow, fast). alpha: fast frames for each slow one; 1 with a single pathway."""

    num_pathways: int
    alpha: int = 1

    @classmethod
    def from_cfg(cls, cfg: CfgNode) -> PathwayPicker:
        """Raises ConfigError for a variant of which it is not said how many pathways it has."""
        if cfg.MODEL.ARCH in cfg.MODEL.SINGLE_PATHWAY_ARCH:
            return cls(num_pathways=1)
        if cfg.MODEL.ARCH in cfg.MODEL.MULTI_PATHWAY_ARCH:
            return cls(num_pathways=2, alpha=cfg.SLOWFAST.ALPHA)
        known = [*cfg.MODEL.SINGLE_PATHWAY_ARCH, *cfg.MODEL.MULTI_PATHWAY_ARCH]
        raise ConfigError(
            key="MODEL.ARCH", value=cfg.MODEL.ARCH,
            why="neither in MODEL.SINGLE_PATHWAY_ARCH nor in MODEL.MULTI_PATHWAY_ARCH", right=f"one of {', '.join(known)}",
        )  # fmt: skip

    def pick(self, frames: Tensor) -> list[Tensor]:
        """frames (B, C, T, H, W), any type -> [frames], or [slow (B, C, T/alpha, H, W), frames].

        Raises ValueError when alpha does not divide T.
        """
        if self.num_pathways == 1:
            return [frames]
        return [select_frames(frames, slow_indices(frames.shape[2], self.alpha)), frames]


def select_frames(frames: Tensor, indices: tuple[int, ...]) -> Tensor:
    """frames (B, C, T, H, W) -> (B, C, len(indices), H, W), the frames with these numbers: a view where they are evenly spaced.

    For others a device gets the numbers once and keeps them: sending them at every step would make it wait.
    """
    spacing = indices[1] - indices[0] if len(indices) > 1 else 1
    if spacing > 0 and indices == tuple(range(indices[0], indices[-1] + 1, spacing)):
        return frames[:, :, indices[0] : indices[-1] + 1 : spacing]
    key = indices, frames.device
    numbers = _kept.get(key)
    if numbers is None:
        with torch.inference_mode(False):
            numbers = torch.tensor(indices, device=frames.device)
        if type(numbers) is Tensor:  # and not what a trace or a fake device makes of it
            _kept[key] = numbers
    return frames.index_select(2, numbers)


_kept: dict[tuple[tuple[int, ...], torch.device], Tensor] = {}
"""As few as schedules have steps."""


@functools.cache
def slow_indices(num_frames: int, alpha: int) -> tuple[int, ...]:
    """Frames of the slow pathway: evenly spaced from the first to the last, both included, rounded down.

    The positions are float32, so that where one of them is a whole number the rounding falls as it did for published weights.
    """
    if num_frames % alpha:
        raise ValueError(f"SLOWFAST.ALPHA = {alpha} does not divide a clip of {num_frames} frames")
    return tuple(torch.linspace(0, num_frames - 1, num_frames // alpha, device="cpu").long().tolist())
