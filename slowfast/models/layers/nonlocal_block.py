"""Non-local blocks (Wang et al., arXiv:1711.07971).

B batch, C channels, D inner channels, N positions of the queries (all cells of all frames), P positions of keys and values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch.nn.functional as F
from torch import Tensor, nn

from slowfast.config import CfgNode, ConfigError
from slowfast.models.layers.norm import NormSpec

Instantiation = Literal["softmax", "dot_product"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NonLocalSpec:
    """instantiation: how affinities are normalised. pool: window (T, H, W) of the max pooling of keys and values.
    groups: parts that a clip is cut into in time; frames attend to their own part only. normalises: whether a norm follows."""

    instantiation: Instantiation = "softmax"
    pool: tuple[int, int, int] = (1, 1, 1)
    groups: int = 1
    normalises: bool = True


class NonLocalBlock(nn.Module):
    """x + norm(out(attention(theta(x), phi(pooled x), g(pooled x)))), between all positions of a clip; fig. 2 of the paper."""

    norms_of: ClassVar = {"conv_out": "bn"}

    def __init__(self, channels: int, *, inner_channels: int, spec: NonLocalSpec, norm: NormSpec) -> None:
        super().__init__()
        self.instantiation = spec.instantiation
        self.groups = spec.groups
        self.conv_theta = nn.Conv3d(channels, inner_channels, 1)
        self.conv_phi = nn.Conv3d(channels, inner_channels, 1)
        self.conv_g = nn.Conv3d(channels, inner_channels, 1)
        self.conv_out = nn.Conv3d(inner_channels, channels, 1)
        self.bn: nn.Module = norm.build(channels) if spec.normalises else nn.Identity()
        self.pool: nn.Module = nn.MaxPool3d(spec.pool, spec.pool) if spec.pool != (1, 1, 1) else nn.Identity()

    @property
    def final_conv(self) -> nn.Module:
        return self.conv_out

    @property
    def final_norm(self) -> nn.Module:
        return self.bn

    def forward(self, x: Tensor) -> Tensor:
        """x (B, C, T, H, W) -> the same shape. Raises ValueError when T cannot be cut into the groups."""
        frames = x.shape[2]
        if frames % self.groups:
            raise ValueError(f"NONLOCAL.GROUP: a non-local block cannot cut {frames} frames into {self.groups} equal groups")
        if self.groups == 1:
            return self.attend(x)
        return _join_groups(self.attend(_split_groups(x, self.groups)), self.groups)

    def attend(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """The block within one group of frames; keys and values come from other frames, `context`, if there are any."""
        return self.finish(x, self.mix(x, context))

    def mix(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """The first half of `attend`: what the queries of x gather, (B, D, T, H, W)."""
        query = self.conv_theta(x)
        pooled = self.pool(x if context is None else context)
        key, value = self.conv_phi(pooled), self.conv_g(pooled)
        mixed = attention(_positions(query), _positions(key), _positions(value), self.instantiation)
        return mixed.transpose(1, 2).reshape(query.shape)

    def finish(self, x: Tensor, mixed: Tensor) -> Tensor:
        """The second half of `attend`: x with what was gathered added to it."""
        update: Tensor = self.bn(self.conv_out(mixed))
        return x + update


def attention(query: Tensor, key: Tensor, value: Tensor, instantiation: Instantiation) -> Tensor:
    """query (B, N, D), key and value (B, P, D) -> (B, N, D).

    "softmax" scales the affinities by 1/sqrt(D). "dot_product" divides them by P; nothing then comes between the two
    products, so the small one, (D, P) by (P, D), goes first and no (N, P) matrix is ever made.
    """
    if instantiation == "softmax":
        # The fused kernels want an axis of heads; here there is one.
        return F.scaled_dot_product_attention(query.unsqueeze(1), key.unsqueeze(1), value.unsqueeze(1)).squeeze(1)
    return query @ ((key / key.shape[1]).transpose(1, 2) @ value)


def refuse_nonlocal_blocks(cfg: CfgNode) -> None:
    """For networks that have no place for them. Raises ConfigError where the config asks for one."""
    if any(blocks for stage in cfg.NONLOCAL.LOCATION for blocks in stage):
        raise ConfigError(
            key="NONLOCAL.LOCATION", value=cfg.NONLOCAL.LOCATION,
            why=f"the model {cfg.MODEL.MODEL_NAME} has no non-local blocks", right="[[[]], [[]], [[]], [[]]]",
        )  # fmt: skip


def _positions(x: Tensor) -> Tensor:
    """(B, D, T, H, W) -> (B, T*H*W, D)."""
    return x.flatten(2).transpose(1, 2)


def _split_groups(x: Tensor, groups: int) -> Tensor:
    """(B, C, groups * t, H, W) -> (B * groups, C, t, H, W)."""
    batch, channels, frames, height, width = x.shape
    return x.reshape(batch, channels, groups, frames // groups, height, width).transpose(1, 2).flatten(0, 1)


def _join_groups(x: Tensor, groups: int) -> Tensor:
    """(B * groups, C, t, H, W) -> (B, C, groups * t, H, W)."""
    return x.reshape(-1, groups, *x.shape[1:]).transpose(1, 2).flatten(2, 3)
