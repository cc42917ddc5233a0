"""From pixels to the numbers that networks read."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from slowfast.config import CfgNode
from slowfast.models.execution import runs_in_2d
from slowfast.models.layers.layout import CHANNELS_LAST


class Normalizer:
    """(x / 255 - mean) / std for each colour, on the device that the frames are on.

    mean, std: one number a colour, in the order of the frames' channels, for pixels in [0, 1].
    """

    def __init__(self, *, mean: Sequence[float], std: Sequence[float], channels_last: bool = False) -> None:
        """channels_last: whether what is returned is stored so, however the frames are; costs nothing here."""
        self._channels_last = channels_last
        shape = (1, -1, 1, 1, 1)
        self._scale = torch.tensor([1 / (255 * s) for s in std]).view(shape)
        self._shift = torch.tensor([-m / s for m, s in zip(mean, std, strict=True)]).view(shape)

    @classmethod
    def from_cfg(cls, cfg: CfgNode) -> Normalizer:
        return cls(mean=cfg.DATA.MEAN, std=cfg.DATA.STD, channels_last=runs_in_2d(cfg))

    def __call__(self, frames: Tensor) -> Tensor:
        """frames uint8 (B, C, T, H, W) -> float32 of the same shape, and memory format if not said otherwise."""
        if self._scale.device != frames.device:  # a run stays on one device, so this happens once
            self._scale, self._shift = self._scale.to(frames.device), self._shift.to(frames.device)
        if self._channels_last:
            numbers = torch.empty(frames.shape, device=frames.device, memory_format=CHANNELS_LAST)
            return torch.addcmul(self._shift, frames, self._scale, out=numbers)
        return torch.addcmul(self._shift, frames, self._scale)  # converts as it goes: one pass, no copy in between
