"""Tiny networks of every kind, and pictures for them."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from slowfast.config import load_config
from slowfast.models import build_model
from slowfast.models.pathways import PathwayPicker

TINY = {
    "NUM_GPUS": 0,
    "MODEL.NUM_CLASSES": 5,
    "MODEL.DROPOUT_RATE": 0.0,
    "RESNET.DEPTH": 18,
    "RESNET.WIDTH_PER_GROUP": 8,
    "RESNET.NUM_BLOCK_TEMP_KERNEL": [[2], [2], [2], [2]],
    "DATA.TRAIN_CROP_SIZE": 32,
}

VARIANTS = {
    "c2d": {"MODEL.MODEL_NAME": "ResNet", "MODEL.ARCH": "c2d"},
    "i3d": {"MODEL.MODEL_NAME": "ResNet", "MODEL.ARCH": "i3d"},
    "slow": {"MODEL.MODEL_NAME": "ResNet", "MODEL.ARCH": "slow"},
    "slowfast": {"MODEL.MODEL_NAME": "SlowFast", "MODEL.ARCH": "slowfast", "SLOWFAST.ALPHA": 4, "SLOWFAST.BETA_INV": 4},
}
"""What the config says to get each network."""


def tiny_config(variant: str, **changes: Any):
    """Config of a small network; `changes` have two underscores where the key has a dot."""
    values = TINY | VARIANTS[variant] | {key.replace("__", "."): value for key, value in changes.items()}
    return load_config(None, [part for pair in values.items() for part in pair])


@pytest.fixture(scope="session")
def config() -> Callable[..., Any]:
    return tiny_config


@pytest.fixture(scope="session")
def tiny() -> Callable[..., nn.Module]:
    """`tiny(variant, **changes)`: a small network in evaluation mode, with the same first weights at each call."""

    def build(variant: str, **changes: Any) -> nn.Module:
        torch.manual_seed(1)
        return build_model(tiny_config(variant, **changes)).eval()

    return build


@pytest.fixture(scope="session")
def clip() -> Callable[..., list[Tensor]]:
    """`clip(variant, frames=8, size=32)`: random input for each pathway."""

    def draw(variant: str, *, frames: int = 8, size: int = 32, batch: int = 2) -> list[Tensor]:
        pixels = torch.randn(batch, 3, frames, size, size, generator=torch.Generator().manual_seed(2))
        return PathwayPicker.from_cfg(tiny_config(variant)).pick(pixels)

    return draw


@pytest.fixture(params=sorted(VARIANTS))
def variant(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name
