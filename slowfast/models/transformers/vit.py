"""Vision transformers that read tubelets: VideoMAE (Tong et al., arXiv:2203.12602), VideoMAE V2 (Wang et al.,
arXiv:2303.16727) and MAE-ST (Feichtenhofer et al., arXiv:2205.09113) when they classify.

All tokens of a clip attend to each other (Dosovitskiy et al., arXiv:2010.11929); what is classified is the mean of those of
places. Parameters have the names of VideoMAE's weights; positions of MAE-ST, which learns them, have those of its own.

B rows of a batch, T time slices of tokens, N places of a slice, C channels, L tokens, K classes, R boxes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from slowfast.config import CfgNode, ConfigError
from slowfast.models.heads import HeadSpec
from slowfast.models.layers.drop_path import DropPath, rising_rates
from slowfast.models.layers.pools import TemporalPool
from slowfast.models.roi_head import RoIHead, RoIHeadSpec
from slowfast.models.transformers.attention import ClipAttention, QkvBias
from slowfast.models.transformers.first_weights import draw_linear_weights, draw_table
from slowfast.models.transformers.grid import TokenGrid
from slowfast.models.transformers.linear_head import LinearHead
from slowfast.models.transformers.mlp import Mlp
from slowfast.models.transformers.network import TokenNetwork, mean_score
from slowfast.models.transformers.patches import Tubelets
from slowfast.models.transformers.positions import PlaceMode, PlacePositions, TimePositions, sinusoids
from slowfast.models.transformers.spec import NORM_EPSILON, BlockSpec, check_plain_network
from slowfast.models.weights.names.tokens import MAE_ST
from slowfast.registry import MODELS

Positions = Literal["sinusoid", "separate"]

PLACE_MODES: dict[Positions, PlaceMode] = {"sinusoid": "bicubic", "separate": "bilinear"}
"""How positions are fitted to pictures of other sizes; over time they are interpolated linearly."""


class Block(nn.Module):
    """Attention of all tokens to each other, and an MLP."""

    def __init__(self, spec: BlockSpec, *, qkv_bias: QkvBias, drop_path: float) -> None:
        super().__init__()
        channels = spec.channels
        self.norm1 = nn.LayerNorm(channels, eps=NORM_EPSILON)
        self.attn = ClipAttention(channels, num_heads=spec.num_heads, qkv_bias=qkv_bias)
        self.drop_path = DropPath(drop_path)
        self.norm2 = nn.LayerNorm(channels, eps=NORM_EPSILON)
        self.mlp = Mlp(channels, hidden_channels=spec.hidden_channels, out_channels=channels)

    def forward(self, x: Tensor, grid: TokenGrid) -> Tensor:
        """x (B, L, C), the tokens of `grid` -> the same shape."""
        seen: Tensor = x + self.drop_path(self.attn(self.norm1(x), grid))
        tokens: Tensor = seen + self.drop_path(self.mlp(self.norm2(seen)))
        return tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class ViTSpec:
    """block, num_blocks, qkv_bias, drop_path: the blocks, and the rate of the last. tubelet, patch: frames of a token, and
    pixels on its side. class_token: whether there is one, which takes part and is not classified. positions: "sinusoid", one
    fixed table of all times and places; "separate", a learned table of times and one of places. num_frames, side: of the clips
    that positions are made for, and their places on a side. head_scale: factor of the classifier's first weights."""

    block: BlockSpec
    num_blocks: int
    qkv_bias: QkvBias
    drop_path: float
    in_channels: int
    tubelet: int
    patch: int
    class_token: bool
    positions: Positions
    num_frames: int
    side: int
    head_scale: float = 1.0


@MODELS.register("ViT")
class ViT(TokenNetwork):
    """Clips of another size or number of frames than positions are made for are taken, too: positions are interpolated."""

    cls_token: nn.Parameter | None
    pos_embed_class: nn.Parameter | None
    pos_embed: Tensor
    namings = (MAE_ST,)
    tables = ("cls_token", "pos_embed_spatial", "pos_embed_temporal", "pos_embed_class")

    def __init__(self, spec: ViTSpec, *, head: HeadSpec | RoIHeadSpec) -> None:
        super().__init__()
        channels = spec.block.channels
        self.positions = spec.positions
        self._add_tables(spec)
        self.patch_embed = Tubelets(spec.in_channels, channels, frames=spec.tubelet, side=spec.patch)
        self.place_positions = PlacePositions(spec.side, spec.side, PLACE_MODES[spec.positions])
        self.time_positions = TimePositions("linear")
        rates = rising_rates(spec.drop_path, spec.num_blocks)
        self.blocks = nn.ModuleList(Block(spec.block, qkv_bias=spec.qkv_bias, drop_path=rate) for rate in rates)
        self.fc_norm = nn.LayerNorm(channels, eps=NORM_EPSILON)
        if isinstance(head, HeadSpec):
            self.spatial_pool = head.spatial_pool
            self.temporal_pool = TemporalPool(mode=head.temporal_pool, pathway=0)
            self.head: LinearHead | RoIHead = LinearHead(channels, head)
        else:
            self.head = RoIHead(channels=[channels], spec=head)
        self._draw_first_weights(spec.head_scale)

    @staticmethod
    def temporal_stride(cfg: CfgNode) -> int:
        """Frames of a token."""
        return int(cfg.VIT.TUBELET_SIZE)

    @classmethod
    def from_cfg(cls, cfg: CfgNode) -> ViT:
        """Raises ConfigError for options that do not fit."""
        check_plain_network(cfg)
        options = cfg.VIT
        spec = ViTSpec(
            block=BlockSpec(
                channels=options.EMBED_DIM,
                num_heads=options.NUM_HEADS,
                hidden_channels=round(options.EMBED_DIM * options.MLP_RATIO),
            ),
            num_blocks=options.DEPTH,
            qkv_bias=options.QKV_BIAS,
            drop_path=options.DROPPATH_RATE,
            in_channels=cfg.DATA.INPUT_CHANNEL_NUM[0],
            tubelet=options.TUBELET_SIZE,
            patch=options.PATCH_SIZE,
            class_token=options.CLS_EMBED_ON,
            positions="separate" if options.SEP_POS_EMBED else "sinusoid",
            num_frames=options.NUM_FRAMES or cfg.DATA.NUM_FRAMES,
            side=cfg.DATA.TRAIN_CROP_SIZE // options.PATCH_SIZE,
            head_scale=options.HEAD_INIT_SCALE,
        )
        return cls(spec, head=_head_from_cfg(cfg))

    def forward(self, inputs: Sequence[Tensor], *rois: Tensor) -> Tensor:
        """inputs: one float (B, C', F, H, W) -> (B, K): logits in training, activated scores in evaluation. For detection with
        the boxes besides, (R, 5) -> (R, K); see `RoIHead`.

        Raises ValueError for another number of pathways, and for frames that are no whole number of tokens.
        """
        features = self.features(self.clip_of(inputs))
        scores: Tensor
        if isinstance(self.head, RoIHead):
            normed = self.fc_norm(features.movedim(1, -1)).movedim(-1, 1)
            scores = self.head([normed], *rois)
        else:
            pool = torch.mean if self.spatial_pool == "avg" else torch.amax
            by_time = pool(features, (3, 4), keepdim=True)
            scores = mean_score(self.head, self.fc_norm(self.temporal_pool(by_time).flatten(2).transpose(1, 2)))
        return scores

    def features(self, clip: Tensor) -> Tensor:
        """clip (B, C', F, H, W) -> (B, C, T, H', W'), the tokens of places behind the last block."""
        x, grid = self.patch_embed(clip)
        x = self._with_positions(x, grid).flatten(1, 2)
        if self.cls_token is not None:
            class_token = self.cls_token if self.pos_embed_class is None else self.cls_token + self.pos_embed_class
            x = torch.cat([class_token.expand(x.shape[0], -1, -1), x], dim=1)
            grid = grid._replace(extra=1)
        for block in self.blocks:
            x = self.run_block(block, x, grid)
        features: Tensor = grid.split(x)[1]
        return features

    def _with_positions(self, x: Tensor, grid: TokenGrid) -> Tensor:
        """x (B, T, N, C) -> the same with its positions added."""
        if self.positions == "sinusoid":
            table = self.place_positions(self.pos_embed, grid.height, grid.width)
        else:
            x = x + self.place_positions(self.pos_embed_spatial, grid.height, grid.width)
            table = self.pos_embed_temporal[0].unsqueeze(1)
        placed: Tensor = self.time_positions(x, table)
        return placed

    def _add_tables(self, spec: ViTSpec) -> None:
        channels, slices, places = spec.block.channels, spec.num_frames // spec.tubelet, spec.side**2
        self.cls_token = nn.Parameter(torch.zeros(1, 1, channels)) if spec.class_token else None
        self.pos_embed_class = None
        if spec.positions == "sinusoid":
            table = sinusoids(slices * places, channels).view(slices, places, channels)
            self.register_buffer("pos_embed", table, persistent=False)
            return
        self.pos_embed_spatial = nn.Parameter(torch.zeros(1, places, channels))
        self.pos_embed_temporal = nn.Parameter(torch.zeros(1, slices, channels))
        if spec.class_token:
            self.pos_embed_class = nn.Parameter(torch.zeros(1, 1, channels))

    def _draw_first_weights(self, head_scale: float) -> None:
        draw_linear_weights(self)
        for name in self.tables:
            if (table := getattr(self, name, None)) is not None:
                draw_table(table)
        if isinstance(self.head, LinearHead):
            with torch.no_grad():
                self.head.weight.mul_(head_scale)


def _head_from_cfg(cfg: CfgNode) -> HeadSpec | RoIHeadSpec:
    """The head of boxes where detection is enabled, else that of clips.

    Raises ConfigError where boxes would be cut out of another place than they mark.
    """
    if not cfg.DETECTION.ENABLE:
        return HeadSpec.from_cfg(cfg)
    stride, side = cfg.DETECTION.SPATIAL_SCALE_FACTOR, cfg.VIT.PATCH_SIZE
    if stride != side:
        why = f"tokens are {side} pixels wide (VIT.PATCH_SIZE)"
        raise ConfigError(key="DETECTION.SPATIAL_SCALE_FACTOR", value=stride, why=why, right=str(side))
    return RoIHeadSpec.from_cfg(cfg)
