"""How a Multiscale Vision Transformer is laid out: widths, heads, poolings and sizes of its blocks.

Fan et al. (arXiv:2104.11227, section 3) and, for MViTv2, Li et al. (arXiv:2112.01526, section 4).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from slowfast.config import CfgNode
from slowfast.models.layers.drop_path import rising_rates

PoolMode = Literal["conv", "conv_unshared", "avg", "max"]

Triple = tuple[int, int, int]
"""Of time, height and width."""


@dataclass(frozen=True, slots=True)
class PoolSpec:
    """A pooling over time, height and width."""

    kernel: Triple
    stride: Triple

    @property
    def padding(self) -> Triple:
        time, height, width = (size // 2 for size in self.kernel)
        return time, height, width

    @property
    def does_nothing(self) -> bool:
        return self.kernel == self.stride == (1, 1, 1)

    @classmethod
    def just_covering(cls, stride: Triple) -> PoolSpec:
        """PySlowFast's pooling where no kernel is said: one more than the stride, or 1 where nothing is skipped."""
        time, height, width = (step + 1 if step > 1 else 1 for step in stride)
        return cls((time, height, width), stride)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockSpec:
    """One block. size: of the grid that its tables of relative positions are made for; queries, keys: how they are pooled, if
    they are; drop_path: probability."""

    channels: int
    attention_channels: int
    out_channels: int
    num_heads: int
    size: Triple
    queries: PoolSpec | None
    keys: PoolSpec | None
    drop_path: float = 0.0

    @property
    def skip(self) -> PoolSpec | None:
        """How what goes past the attention is pooled, by maxima."""
        moves = self.queries is not None and self.queries.stride != (1, 1, 1)
        return PoolSpec.just_covering(self.queries.stride) if self.queries is not None and moves else None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionStyle:
    """What the attention of all blocks has in common.

    pools_first: whether poolings come before the projections to queries, keys and values, which are three then. separate:
    whether they are three anyway. relative_space, relative_time: whether there are relative positions; zero_relative: whether
    they start at zero. adds_queries: whether pooled queries are added to what is found for them.
    """

    mode: PoolMode = "conv"
    qkv_bias: bool = True
    pools_first: bool = False
    separate: bool = False
    relative_space: bool = False
    relative_time: bool = False
    zero_relative: bool = False
    adds_queries: bool = False
    dropout: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MViTSpec:
    """size: grid of tokens that the network is made for. absolute: its absolute positions, one table for all, or one of places
    and one of time slices. reads: what is classified, the class token or the mean of others, before the norm or behind it."""

    in_channels: int
    patches: PoolSpec
    padding: Triple
    size: Triple
    blocks: Sequence[BlockSpec]
    style: AttentionStyle = field(default_factory=AttentionStyle)
    class_token: bool = True
    absolute: Literal["none", "joint", "separate"] = "joint"
    norm_stem: bool = False
    mlp_ratio: float = 4.0
    dropout: float = 0.0
    reads: Literal["class_token", "normed_mean", "mean"] = "class_token"
    head_scale: float = 1.0
    decays_tables: bool = True

    @classmethod
    def from_cfg(cls, cfg: CfgNode) -> MViTSpec:
        """What the section MVIT says, which is checked when a config is loaded."""
        mvit, crop = cfg.MVIT, cfg.DATA.TRAIN_CROP_SIZE
        patches = PoolSpec(_triple(mvit.PATCH_KERNEL), _triple(mvit.PATCH_STRIDE))
        size = _divided((mvit.NUM_FRAMES or cfg.DATA.NUM_FRAMES, crop, crop), patches.stride)
        reads: Literal["class_token", "normed_mean", "mean"] = "class_token" if mvit.CLS_EMBED_ON else "normed_mean"
        absolute: Literal["joint", "separate"] = "separate" if mvit.SEP_POS_EMBED else "joint"
        return cls(
            in_channels=cfg.DATA.INPUT_CHANNEL_NUM[0],
            patches=patches,
            padding=_triple(mvit.PATCH_PADDING),
            size=size,
            blocks=tuple(_blocks(mvit, size)),
            style=AttentionStyle(
                mode=mvit.MODE,
                qkv_bias=mvit.QKV_BIAS,
                pools_first=mvit.POOL_FIRST,
                separate=mvit.SEPARATE_QKV,
                relative_space=mvit.REL_POS_SPATIAL,
                relative_time=mvit.REL_POS_TEMPORAL,
                zero_relative=mvit.REL_POS_ZERO_INIT,
                adds_queries=mvit.RESIDUAL_POOLING,
                dropout=mvit.DROPOUT_RATE,
            ),
            class_token=mvit.CLS_EMBED_ON,
            absolute=absolute if mvit.USE_ABS_POS else "none",
            norm_stem=mvit.NORM_STEM,
            mlp_ratio=mvit.MLP_RATIO,
            dropout=mvit.DROPOUT_RATE,
            reads="mean" if mvit.USE_MEAN_POOLING else reads,
            head_scale=mvit.HEAD_INIT_SCALE,
            decays_tables=not mvit.ZERO_DECAY_POS_CLS,
        )

    @property
    def stride(self) -> Triple:
        """Frames and pixels for each token behind the last block, along time, height and width."""
        time, height, width = self.patches.stride
        for block in self.blocks:
            if block.queries is not None:
                time, height, width = (a * b for a, b in zip((time, height, width), block.queries.stride, strict=True))
        return time, height, width


def _blocks(mvit: CfgNode, size: Triple) -> Iterator[BlockSpec]:
    """mvit: the section of the config. size: of the grid of the first block."""
    queries, keys = query_pools(mvit), key_pools(mvit)
    widens, adds_heads = dict(map(tuple, mvit.DIM_MUL)), dict(map(tuple, mvit.HEAD_MUL))
    channels, heads = mvit.EMBED_DIM, mvit.NUM_HEADS
    rates = rising_rates(mvit.DROPPATH_RATE, mvit.DEPTH)
    for index in range(mvit.DEPTH):
        heads = round(heads * adds_heads.get(index, 1))
        out = round(channels * widens.get(index if mvit.DIM_MUL_IN_ATT else index + 1, 1))
        yield BlockSpec(
            channels=channels,
            attention_channels=out if mvit.DIM_MUL_IN_ATT else channels,
            out_channels=out,
            num_heads=heads,
            size=size,
            queries=_unless_idle(queries.get(index)),
            keys=_unless_idle(keys.get(index)),
            drop_path=rates[index],
        )
        channels = out
        if index in queries:
            size = _divided(size, queries[index].stride)


def query_pools(mvit: CfgNode) -> Mapping[int, PoolSpec]:
    """By block, where MVIT.POOL_Q_STRIDE names one."""
    return {index: _pool(mvit, (time, height, width)) for index, time, height, width in mvit.POOL_Q_STRIDE}


def key_pools(mvit: CfgNode) -> Mapping[int, PoolSpec]:
    """By block. A stride that adapts shrinks by that of the queries, block by block, so that there are as many keys in all."""
    if not mvit.POOL_KV_STRIDE_ADAPTIVE:
        return {index: _pool(mvit, (time, height, width)) for index, time, height, width in mvit.POOL_KV_STRIDE}
    queries, stride, pools = query_pools(mvit), _triple(mvit.POOL_KV_STRIDE_ADAPTIVE), {}
    for index in range(mvit.DEPTH):
        if index in queries:
            time, height, width = (max(a // b, 1) for a, b in zip(stride, queries[index].stride, strict=True))
            stride = time, height, width
        pools[index] = _pool(mvit, stride)
    return pools


def _pool(mvit: CfgNode, stride: Triple) -> PoolSpec:
    kernel = mvit.POOL_KVQ_KERNEL
    return PoolSpec(_triple(kernel), stride) if kernel else PoolSpec.just_covering(stride)


def _unless_idle(pool: PoolSpec | None) -> PoolSpec | None:
    return None if pool is None or pool.does_nothing else pool


def _divided(size: Triple, stride: Triple) -> Triple:
    """Rounded down, as published tables of positions are sized."""
    time, height, width = (a // b for a, b in zip(size, stride, strict=True))
    return time, height, width


def _triple(values: Sequence[int]) -> Triple:
    time, height, width = values
    return time, height, width
