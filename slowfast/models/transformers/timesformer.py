"""TimeSformer with divided attention (Bertasius et al., arXiv:2102.05095, section 3).

A block looks along time, place by place, and then across space, frame by frame. Only the former mixes frames, but for the class
token: what space tells it of each frame is averaged. Parameters have the names of the published weights.

B rows of a batch, T frames, N places of a frame, C channels, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from slowfast.config import CfgNode
from slowfast.models.heads import HeadSpec
from slowfast.models.layers.drop_path import DropPath, rising_rates
from slowfast.models.transformers.attention import Attention, TimeAttention
from slowfast.models.transformers.first_weights import draw_linear_weights, draw_table
from slowfast.models.transformers.linear_head import LinearHead
from slowfast.models.transformers.mlp import Mlp
from slowfast.models.transformers.network import TokenNetwork
from slowfast.models.transformers.patches import FramePatches
from slowfast.models.transformers.positions import PlacePositions, TimePositions
from slowfast.models.transformers.spec import NORM_EPSILON, BlockSpec, check_plain_network
from slowfast.registry import MODELS


class ClassTokenMean(nn.Module):
    """What is added to the class token of a clip: the mean of what its frames said to it."""

    def forward(self, x: Tensor) -> Tensor:
        """x (B, T, C), what each frame says -> (B, 1, C). One that answers by frames gives (B, T, C)."""
        return x.mean(1, keepdim=True)


class DividedBlock(nn.Module):
    """Attention along time, attention across space, and an MLP."""

    def __init__(self, spec: BlockSpec, *, drop_path: float) -> None:
        super().__init__()
        channels = spec.channels
        self.norm1 = nn.LayerNorm(channels, eps=NORM_EPSILON)
        self.attn = Attention(channels, num_heads=spec.num_heads)
        self.temporal_norm1 = nn.LayerNorm(channels, eps=NORM_EPSILON)
        self.temporal_attn = TimeAttention(channels, num_heads=spec.num_heads)
        self.temporal_fc = nn.Linear(channels, channels)
        self.class_token_mean = ClassTokenMean()
        self.drop_path = DropPath(drop_path)
        self.norm2 = nn.LayerNorm(channels, eps=NORM_EPSILON)
        self.mlp = Mlp(channels, hidden_channels=spec.hidden_channels, out_channels=channels)

    def forward(self, class_token: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """class_token (B, 1, C) of the clip or (B, T, C) of each frame, x (B, T, N, C) -> both anew."""
        found = self.temporal_attn(self.temporal_norm1(x))
        x = x + self.temporal_fc(self.drop_path(found, axes=(0, 2)))  # the places of a clip are dropped one by one
        said, seen = self._across_space(class_token, x)
        tokens = torch.cat([class_token + self.class_token_mean(said), (x + seen).flatten(1, 2)], dim=1)
        tokens = tokens + self.drop_path(self.mlp(self.norm2(tokens)))
        own = tokens.shape[1] - x.shape[1] * x.shape[2]
        return tokens[:, :own], tokens[:, own:].reshape(x.shape)

    def _across_space(self, class_token: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """What frames say to the class token, (B, T, C), and what their places see, (B, T, N, C)."""
        batch, time, _, channels = x.shape
        beside = class_token.expand(batch, time, channels).unsqueeze(2)
        frames = torch.cat([beside, x], dim=2).flatten(0, 1)
        found = self.drop_path(self.attn(self.norm1(frames))).unflatten(0, (batch, time))
        return found[:, :, 0], found[:, :, 1:]


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeSformerSpec:
    """block, num_blocks, drop_path: the blocks, and the rate of the last. patch: pixels on a patch's side. num_frames, side:
    of the clips that positions are made for, and their places on a side."""

    block: BlockSpec
    num_blocks: int
    drop_path: float
    in_channels: int
    patch: int
    num_frames: int
    side: int


@MODELS.register("TimeSformer")
class TimeSformer(TokenNetwork):
    """Clips of another size or number of frames than positions are made for are taken, too: positions are interpolated."""

    tables = ("cls_token", "pos_embed", "time_embed")
    time_tables, place_tables = ("time_embed",), ("pos_embed",)

    def __init__(self, spec: TimeSformerSpec, *, head: HeadSpec) -> None:
        super().__init__()
        channels = spec.block.channels
        self.cls_token = nn.Parameter(torch.zeros(1, 1, channels))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + spec.side**2, channels))
        self.time_embed = nn.Parameter(torch.zeros(1, spec.num_frames, channels))
        self.patch_embed = FramePatches(spec.in_channels, channels, side=spec.patch)
        self.place_positions = PlacePositions(spec.side, spec.side, "nearest")
        self.time_positions = TimePositions("nearest")
        rates = rising_rates(spec.drop_path, spec.num_blocks)
        self.blocks = nn.ModuleList(DividedBlock(spec.block, drop_path=rate) for rate in rates)
        self.norm = nn.LayerNorm(channels, eps=NORM_EPSILON)
        self.head = LinearHead(channels, head)
        self._draw_first_weights()

    @staticmethod
    def temporal_stride(cfg: CfgNode) -> int:
        """A frame stays a frame."""
        return 1

    @classmethod
    def from_cfg(cls, cfg: CfgNode) -> TimeSformer:
        """Raises ConfigError for options that do not fit."""
        check_plain_network(cfg)
        options = cfg.TIMESFORMER
        spec = TimeSformerSpec(
            block=BlockSpec(
                channels=options.EMBED_DIM,
                num_heads=options.NUM_HEADS,
                hidden_channels=round(options.EMBED_DIM * options.MLP_RATIO),
            ),
            num_blocks=options.DEPTH,
            drop_path=options.DROPPATH_RATE,
            in_channels=cfg.DATA.INPUT_CHANNEL_NUM[0],
            patch=options.PATCH_SIZE,
            num_frames=options.NUM_FRAMES or cfg.DATA.NUM_FRAMES,
            side=cfg.DATA.TRAIN_CROP_SIZE // options.PATCH_SIZE,
        )
        return cls(spec, head=HeadSpec.from_cfg(cfg))

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """inputs: one float (B, C', T, H, W) -> (B, K): logits in training, activated scores in evaluation.

        Raises ValueError for another number of pathways.
        """
        scores: Tensor = self.head(self.features(self.clip_of(inputs)))
        return scores

    def features(self, clip: Tensor) -> Tensor:
        """clip (B, C', T, H, W) -> (B, C), what is classified: the class token, where frames have one that of the last."""
        x, grid = self.patch_embed(clip)
        x = x + self.place_positions(self.pos_embed[:, 1:], grid.height, grid.width)
        x = self.time_positions(x, self.time_embed[0].unsqueeze(1))
        class_token = (self.cls_token + self.pos_embed[:, :1]).expand(x.shape[0], -1, -1)
        for block in self.blocks:
            class_token, x = self.run_block(block, class_token, x)
        features: Tensor = self.norm(class_token[:, -1])
        return features

    def adopted(self, state: Mapping[str, Tensor], *, of_pictures: bool) -> dict[str, Tensor]:
        """As of other networks; of one of pictures, attention across space is where attention along time starts from."""
        adopted = super().adopted(state, of_pictures=of_pictures)
        if of_pictures:
            for name in self.state_dict():
                across_space = name.replace("temporal_attn.", "attn.").replace("temporal_norm1.", "norm1.")
                if name not in adopted and across_space in adopted:
                    adopted[name] = adopted[across_space]
        return adopted

    def _draw_first_weights(self) -> None:
        """All but the first block begin without looking along time."""
        draw_linear_weights(self)
        draw_table(self.cls_token)
        draw_table(self.pos_embed)
        for block in self.blocks[1:]:
            assert isinstance(block, DividedBlock)
            nn.init.zeros_(block.temporal_fc.weight)
