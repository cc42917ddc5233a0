"""Tiny networks of every kind, and pictures for them."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from slowfast.config import CfgNode
from slowfast.models import build_model
from slowfast.models.pathways import PathwayPicker
from tests.models.tiny_networks import TRANSFORMERS, VARIANTS, tiny_config


@pytest.fixture(scope="session")
def config() -> Callable[..., CfgNode]:
    """`config(variant, **changes)`: see `tiny_config`."""
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


@pytest.fixture(params=sorted(VARIANTS | TRANSFORMERS))
def any_variant(request: pytest.FixtureRequest) -> str:
    """Any network there is."""
    name: str = request.param
    return name


@pytest.fixture(params=sorted(VARIANTS))
def variant(request: pytest.FixtureRequest) -> str:
    """A network of stages."""
    name: str = request.param
    return name
