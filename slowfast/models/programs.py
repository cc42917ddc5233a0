"""What a network is exported as: a module that reads pixels as decoders give them, and has no state of its own.

B batch, T frames, H height, W width, C colours, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Self

import torch
from torch import Tensor, nn

from slowfast.config import CfgNode
from slowfast.errors import UserError
from slowfast.models.pathways import PathwayPicker

Shapes = Mapping[str, tuple[int, ...]]
"""Of a memory's tensors, by name, without the axis of the batch."""


class ExportError(UserError, RuntimeError):
    """A network that cannot be exported. The text names what of it, and what would be right."""


class PixelReader(nn.Module):
    """From pixels to the numbers that networks read, (x / 255 - mean) / std, as `Normalizer` does, but a part of a network."""

    scale: Tensor
    shift: Tensor

    def __init__(self, *, mean: Sequence[float], std: Sequence[float]) -> None:
        """mean, std: one number a colour, for pixels in [0, 1]."""
        super().__init__()
        shape, self.num_colours = (1, -1, 1, 1, 1), len(mean)
        self.register_buffer("scale", torch.tensor([1 / (255 * s) for s in std]).view(shape))
        self.register_buffer("shift", torch.tensor([-m / s for m, s in zip(mean, std, strict=True)]).view(shape))

    @classmethod
    def from_cfg(cls, cfg: CfgNode) -> Self:
        return cls(mean=cfg.DATA.MEAN, std=cfg.DATA.STD)

    def forward(self, frames: Tensor) -> Tensor:
        """frames uint8 (B, T, H, W, C) -> float32 (B, C, T, H, W)."""
        numbers: Tensor = frames.permute(0, 4, 1, 2, 3).float() * self.scale + self.shift
        return numbers


class ClipProgram(nn.Module):
    """A network that sees a clip at once: frames uint8 (B, T, H, W, C) -> scores float32 (B, K).

    num_frames: T.
    """

    memory_shapes: Shapes = MappingProxyType({})

    def __init__(self, network: nn.Module, *, reader: PixelReader, picker: PathwayPicker, num_frames: int) -> None:
        super().__init__()
        self.network, self.reader, self.num_frames = network, reader, num_frames
        self._picker = picker
        picker.pick(torch.empty(1, 1, num_frames, 1, 1))  # which frames a pathway reads is found out once, outside of a trace

    @classmethod
    def from_cfg(cls, cfg: CfgNode, network: nn.Module) -> Self:
        return cls(
            network, reader=PixelReader.from_cfg(cfg), picker=PathwayPicker.from_cfg(cfg), num_frames=cfg.DATA.NUM_FRAMES
        )  # fmt: skip

    def forward(self, frames: Tensor) -> Tensor:
        scores: Tensor = self.network(self._picker.pick(self.reader(frames)))
        return scores
