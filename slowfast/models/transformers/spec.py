"""What networks of equal blocks have in common in their options."""

from __future__ import annotations

from dataclasses import dataclass

from slowfast.config import CfgNode, ConfigError
from slowfast.models.layers.nonlocal_block import refuse_nonlocal_blocks

NORM_EPSILON = 1e-6

ARCH = "vit"
"""MODEL.ARCH of these networks, which have no variants."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockSpec:
    """channels: of a token. hidden_channels: inside the MLP."""

    channels: int
    num_heads: int
    hidden_channels: int


def check_plain_network(cfg: CfgNode) -> None:
    """Raises ConfigError for a variant there is not, and for what these networks have no place for."""
    if cfg.MODEL.ARCH != ARCH:
        why = f"the model {cfg.MODEL.MODEL_NAME} has no such variant"
        raise ConfigError(key="MODEL.ARCH", value=cfg.MODEL.ARCH, why=why, right=ARCH)
    refuse_nonlocal_blocks(cfg)
