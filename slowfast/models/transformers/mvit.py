"""Multiscale Vision Transformers: MViT (Fan et al., arXiv:2104.11227) and MViTv2 (Li et al., arXiv:2112.01526).

Blocks turn a long sequence of narrow tokens into a short one of wide tokens, as the stages of a convolutional network do.
Parameters have the names of PySlowFast's weights.

B rows of a batch, C channels, T time slices, H and W rows and columns of tokens, L tokens, K classes.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from slowfast.config import CfgNode, ConfigError
from slowfast.models.heads import HeadSpec
from slowfast.models.layers.nonlocal_block import refuse_nonlocal_blocks
from slowfast.models.layers.pools import TemporalPool
from slowfast.models.roi_head import RoIHead, RoIHeadSpec
from slowfast.models.transformers.first_weights import STD, draw_table
from slowfast.models.transformers.grid import TokenGrid
from slowfast.models.transformers.mvit_block import MultiscaleBlock
from slowfast.models.transformers.mvit_layout import MViTSpec
from slowfast.models.transformers.network import TokenNetwork, mean_score
from slowfast.models.transformers.positions import PlacePositions, TimePositions
from slowfast.models.transformers.relative_positions import resized
from slowfast.models.transformers.spec import NORM_EPSILON
from slowfast.models.transformers.token_head import TokenHead
from slowfast.registry import MODELS

logger = logging.getLogger(__name__)

FIRST_BIAS = 0.02
"""Of linear layers and norms."""


class PatchEmbed(nn.Module):
    """A convolution that makes a token of each patch."""

    def __init__(self, spec: MViTSpec, channels: int) -> None:
        super().__init__()
        self.proj = nn.Conv3d(spec.in_channels, channels, spec.patches.kernel, stride=spec.patches.stride, padding=spec.padding)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, C, T, H, W), frames -> (B, C', T', H', W'), tokens."""
        tokens: Tensor = self.proj(x)
        return tokens


@MODELS.register("MViT")
class MViT(TokenNetwork):
    """Clips of another size or number of frames than the network is made for are taken, too: positions are interpolated."""

    last_parts = ("norm", "head")

    def __init__(self, spec: MViTSpec, *, head: HeadSpec | RoIHeadSpec) -> None:
        super().__init__()
        self.spec = spec
        channels = spec.blocks[0].channels
        if spec.class_token:
            self.cls_token = _table(1, channels)
        self._add_positions(channels)
        self.patch_embed = PatchEmbed(spec, channels)
        self.time_positions = TimePositions("linear")
        self.place_positions = PlacePositions(*spec.size[1:], "bilinear")
        self.pos_drop = nn.Dropout(spec.dropout)
        self.norm_stem = nn.LayerNorm(channels, eps=NORM_EPSILON) if spec.norm_stem else None
        self.blocks = nn.ModuleList(MultiscaleBlock(block, spec.style, mlp_ratio=spec.mlp_ratio) for block in spec.blocks)
        out = spec.blocks[-1].out_channels
        self.norm = nn.LayerNorm(out, eps=NORM_EPSILON)
        if spec.reads != "class_token" and not isinstance(head, RoIHeadSpec):
            self.temporal_pool = TemporalPool(mode="avg", pathway=0)
        self.head = RoIHead(channels=[out], spec=head) if isinstance(head, RoIHeadSpec) else TokenHead(out, head)
        self._has_told = False
        self._draw_first_weights()

    @staticmethod
    def temporal_stride(cfg: CfgNode) -> int:
        """Frames for each time slice behind the last block."""
        return MViTSpec.from_cfg(cfg).stride[0]

    @classmethod
    def from_cfg(cls, cfg: CfgNode) -> MViT:
        """Raises ConfigError for options that do not fit."""
        if cfg.MODEL.ARCH != "mvit":
            raise ConfigError(key="MODEL.ARCH", value=cfg.MODEL.ARCH, why="the model MViT has no such variant", right="mvit")
        refuse_nonlocal_blocks(cfg)
        spec = MViTSpec.from_cfg(cfg)
        if not cfg.DETECTION.ENABLE:
            return cls(spec, head=HeadSpec.from_cfg(cfg))
        if cfg.DETECTION.SPATIAL_SCALE_FACTOR != spec.stride[1]:
            raise ConfigError(
                key="DETECTION.SPATIAL_SCALE_FACTOR", value=cfg.DETECTION.SPATIAL_SCALE_FACTOR,
                why=f"a token of the last block is {spec.stride[1]} pixels wide (MVIT.PATCH_STRIDE times MVIT.POOL_Q_STRIDE)",
                right=f"{spec.stride[1]}",
            )  # fmt: skip
        return cls(spec, head=RoIHeadSpec.from_cfg(cfg))

    def forward(self, inputs: Sequence[Tensor], *rois: Tensor) -> Tensor:
        """inputs: float (B, C, T, H, W), of the one pathway -> (B, K): logits in training, activated scores in evaluation.
        For detection with the boxes besides, (R, 5) -> (R, K); see `RoIHead`.

        Raises ValueError for another number of pathways.
        """
        features = self.features(inputs)
        scores: Tensor = self.head(features, *rois) if rois else mean_score(self.head, features[0])
        return scores

    def features(self, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        """What the head is given: (B, positions, C), whose scores are averaged, or for detection (B, C, T, H, W)."""
        tokens, grid = self.tokens(self.clip_of(inputs))
        if isinstance(self.head, RoIHead):
            return [grid.split(self.norm(tokens))[1]]
        if self.spec.reads == "class_token":
            return [self.norm(tokens[:, :1])]
        if self.spec.reads == "mean":
            return [self.norm(self._mean(tokens, grid))]
        return [self._mean(self.norm(tokens), grid)]

    def tokens(self, x: Tensor) -> tuple[Tensor, TokenGrid]:
        """x (B, C, T, H, W), frames -> (B, L, C'), tokens behind the last block, and how they lie."""
        x, grid = self.embed(x)
        for block in self.blocks:
            x, grid = self.run_block(block, x, grid)
        return x, grid

    def embed(self, x: Tensor) -> tuple[Tensor, TokenGrid]:
        """x (B, C, T, H, W), frames -> (B, L, C'), tokens before the first block, and how they lie."""
        frames = self.patch_embed(x)
        grid = TokenGrid.of(frames, extra=int(self.spec.class_token))
        self._tell_if_interpolated(grid)
        extra, places = self._positioned(frames)
        tokens = places.flatten(1, 2)
        tokens = self.pos_drop(torch.cat([extra, tokens], 1) if grid.extra else tokens)
        return tokens if self.norm_stem is None else self.norm_stem(tokens), grid

    def _mean(self, tokens: Tensor, grid: TokenGrid) -> Tensor:
        """tokens (B, L, C) -> (B, 1, C), of all but extra ones: over each slice, and over time."""
        slices = grid.split(tokens)[1].mean((3, 4), keepdim=True)
        mean: Tensor = self.temporal_pool(slices)
        return mean.flatten(2).transpose(1, 2)

    def adopted(self, state: Mapping[str, Tensor], *, of_pictures: bool) -> dict[str, Tensor]:
        """Likewise, and tables of relative positions for its sizes."""
        adopted = super().adopted(state, of_pictures=of_pictures)
        fitted = {}
        for name, own in self.named_parameters():
            table = adopted.get(name)
            if ".rel_pos_" in name and table is not None and table.dim() == 2 and len(table) != len(own):
                fitted[name] = resized(table, len(own))
        if fitted:
            logger.info("%d tables of relative positions are interpolated (linear), such as %s", len(fitted), min(fitted))
        return adopted | fitted

    def no_weight_decay(self) -> set[str]:
        """The class token and tables of positions, absolute and relative, by the last part of their names; none where decay is
        for all (MVIT.ZERO_DECAY_POS_CLS)."""
        if self.spec.decays_tables:
            return set()
        names = {name.rpartition(".")[2] for name, _ in self.named_parameters()}
        return {name for name in names if name.startswith(("cls_token", "pos_embed", "rel_pos"))}

    def _add_positions(self, channels: int) -> None:
        """The absolute ones, and those of the class token."""
        time, height, width = self.spec.size
        if self.spec.absolute == "separate":
            self.pos_embed_spatial = _table(height * width, channels)
            self.pos_embed_temporal = _table(time, channels)
            if self.spec.class_token:
                self.pos_embed_class = _table(1, channels)
        elif self.spec.absolute == "joint":
            self.pos_embed = _table(int(self.spec.class_token) + time * height * width, channels)

    def _positioned(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """frames (B, C, T, H, W), tokens -> class tokens (B, 1, C), or none of them, and the others (B, T, H W, C), both with
        their positions."""
        places = frames.permute(0, 2, 3, 4, 1).flatten(2, 3)
        extra = self.cls_token.expand(frames.shape[0], -1, -1) if self.spec.class_token else places[:, :0, 0]
        num_extra = extra.shape[1]
        height, width = frames.shape[3:]
        if self.spec.absolute == "separate":
            places = places + self.place_positions(self.pos_embed_spatial, height, width)
            places = self.time_positions(places, self.pos_embed_temporal.transpose(0, 1))
            extra = extra + self.pos_embed_class if self.spec.class_token else extra
        elif self.spec.absolute == "joint":
            of_class, of_places = self.pos_embed[:, :num_extra], self.pos_embed[0, num_extra:]
            table = of_places.view(self.spec.size[0], -1, of_places.shape[1])
            places = self.time_positions(places, self.place_positions(table, height, width))
            extra = extra + of_class
        return extra, places

    def _tell_if_interpolated(self, grid: TokenGrid) -> None:
        """Once: absolute positions tell it themselves."""
        style, size = self.spec.style, (grid.time, grid.height, grid.width)
        relative = style.relative_space or style.relative_time
        if self._has_told or not relative or size == self.spec.size or torch.compiler.is_compiling():
            return
        self._has_told = True
        known, asked = (" x ".join(map(str, sides)) for sides in (self.spec.size, size))
        logger.info("relative positions within %s tokens are interpolated (linear) for %s", known, asked)

    def _draw_first_weights(self) -> None:
        """As PySlowFast draws them, from torch's global generator."""
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Conv3d):
                nn.init.trunc_normal_(module.weight, std=STD)
            if isinstance(module, nn.Linear | nn.LayerNorm) and module.bias is not None:
                nn.init.constant_(module.bias, FIRST_BIAS)
        for name, parameter in self.named_parameters():
            own = name.rpartition(".")[2]
            relative = own.startswith("rel_pos") and not self.spec.style.zero_relative
            if relative or own == "cls_token" or own.startswith("pos_embed"):
                draw_table(parameter)
        with torch.no_grad():
            self.head.projection.weight.mul_(self.spec.head_scale)
            self.head.projection.bias.mul_(self.spec.head_scale)


def _table(rows: int, channels: int) -> nn.Parameter:
    return nn.Parameter(torch.zeros(1, rows, channels))
