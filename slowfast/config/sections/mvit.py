"""Options of Multiscale Vision Transformers, under PySlowFast's names."""

from fvcore.common.config import CfgNode

from slowfast.config.errors import ConfigError
from slowfast.options import Option, Section, other_arch

TABLES = ("DIM_MUL", "HEAD_MUL", "POOL_Q_STRIDE", "POOL_KV_STRIDE")
"""Options that are lists of blocks, the number of each followed by what is said of it."""


def _finish(cfg: CfgNode, given: frozenset[str]) -> None:
    if cfg.MODEL.MODEL_NAME != "MViT":
        return
    for key in TABLES:
        _check_table(cfg, key, entries=2 if key.endswith("_MUL") else 4)
    _check_poolings(cfg)
    _check_widths(cfg)
    _check_sizes(cfg)


def _check_table(cfg: CfgNode, key: str, *, entries: int) -> None:
    """Every row names a block there is, and no block has two."""
    rows, depth = cfg.MVIT[key], cfg.MVIT.DEPTH
    numbers = [row[0] for row in rows if row]
    right = "[block, factor] each" if entries == 2 else "[block, time, height, width] each"
    why = ""
    if any(len(row) != entries for row in rows):
        why = f"a row has not {entries} numbers"
    elif wrong := [number for number in numbers if number not in range(depth)]:
        why, right = f"there is no block {wrong[0]:g}", f"blocks from 0 to {depth - 1} (MVIT.DEPTH)"
    elif len(set(numbers)) < len(numbers):
        why, right = "it names a block twice", "one row a block"
    elif any(value <= 0 for row in rows for value in row[1:]):
        why = "it holds a number that is not above 0"
    elif key == "DIM_MUL" and 0 in numbers and not cfg.MVIT.DIM_MUL_IN_ATT:
        why, right = "a block is widened by the one before it, and block 0 has none", "MVIT.EMBED_DIM for block 0"
    if why:
        raise ConfigError(key=f"MVIT.{key}", value=rows, why=why, right=right)


def _check_poolings(cfg: CfgNode) -> None:
    mvit = cfg.MVIT
    for key in ("POOL_KV_STRIDE_ADAPTIVE", "POOL_KVQ_KERNEL"):
        if len(mvit[key]) not in (0, 3):
            raise ConfigError(key=f"MVIT.{key}", value=mvit[key], why="it has not 3 numbers", right="[time, height, width]")
    if mvit.POOL_KV_STRIDE and mvit.POOL_KV_STRIDE_ADAPTIVE:
        why = "MVIT.POOL_KV_STRIDE_ADAPTIVE says how keys are pooled in all blocks"
        raise ConfigError(key="MVIT.POOL_KV_STRIDE", value=mvit.POOL_KV_STRIDE, why=why, right="one of the two")
    if mvit.MODE == "conv_unshared" and not mvit.POOL_FIRST:
        why = "poolings that differ from head to head come before the projections"
        raise ConfigError(key="MVIT.MODE", value=mvit.MODE, why=why, right="conv, or MVIT.POOL_FIRST True")
    for row in mvit.POOL_Q_STRIDE:
        for kernel, stride in zip(mvit.POOL_KVQ_KERNEL, row[1:], strict=False):
            if kernel % 2 != (stride + 1 if stride > 1 else 1) % 2:
                why = f"queries that are pooled by it with a stride of {stride} are not as many as what goes past the attention"
                right = f"{'an even' if kernel % 2 else 'an odd'} number there, or none at all"
                raise ConfigError(key="MVIT.POOL_KVQ_KERNEL", value=mvit.POOL_KVQ_KERNEL, why=why, right=right)


def _check_widths(cfg: CfgNode) -> None:
    """Factors make whole numbers, and heads share out the channels of every block."""
    mvit = cfg.MVIT
    widens, adds_heads = dict(map(tuple, mvit.DIM_MUL)), dict(map(tuple, mvit.HEAD_MUL))
    channels, heads = float(mvit.EMBED_DIM), float(mvit.NUM_HEADS)
    for block in range(mvit.DEPTH):
        channels, heads = channels * widens.get(block, 1), heads * adds_heads.get(block, 1)
        where = f"block {block} has {channels:g} channels and {heads:g} heads"
        if not (channels.is_integer() and heads.is_integer() and heads >= 1 and channels % heads == 0):
            raise ConfigError(
                key="MVIT.HEAD_MUL" if mvit.HEAD_MUL else "MVIT.NUM_HEADS",
                value=mvit.HEAD_MUL or mvit.NUM_HEADS,
                why=where,
                right="whole numbers, the channels a multiple of the heads (MVIT.EMBED_DIM, DIM_MUL, NUM_HEADS, HEAD_MUL)",
            )
        if mvit.POOL_FIRST and mvit.MODE == "conv" and _channels_before(mvit, block, channels) % heads:
            raise ConfigError(
                key="MVIT.POOL_FIRST",
                value=True,
                why=f"{heads:g} heads of block {block} pool {_channels_before(mvit, block, channels):g} channels before the "
                "projections",
                right="widths that are a multiple of the heads before each block, too",
            )


def _channels_before(mvit: CfgNode, block: int, channels: float) -> float:
    """That a block reads, where it has `channels` in its attention."""
    return channels / dict(map(tuple, mvit.DIM_MUL)).get(block, 1) if mvit.DIM_MUL_IN_ATT else channels


def _check_sizes(cfg: CfgNode) -> None:
    """Some place is left behind the last block."""
    frames = "MVIT.NUM_FRAMES" if cfg.MVIT.NUM_FRAMES else "DATA.NUM_FRAMES"
    sides = ((frames, cfg.MVIT.NUM_FRAMES or cfg.DATA.NUM_FRAMES), *[("DATA.TRAIN_CROP_SIZE", cfg.DATA.TRAIN_CROP_SIZE)] * 2)
    for axis, (key, side) in enumerate(sides):
        stride = cfg.MVIT.PATCH_STRIDE[axis]
        for row in cfg.MVIT.POOL_Q_STRIDE:
            stride *= row[axis + 1]
        if side < stride:
            why = f"patches and pooled queries leave one token of {stride} (MVIT.PATCH_STRIDE, MVIT.POOL_Q_STRIDE)"
            raise ConfigError(key=key, value=side, why=why, right=f"at least {stride}")


def _without_positions(cfg: CfgNode, given: frozenset[str]) -> str:
    return "" if cfg.MVIT.USE_ABS_POS else "MVIT.USE_ABS_POS is False"


def _without_relative(cfg: CfgNode, given: frozenset[str]) -> str:
    return "" if cfg.MVIT.REL_POS_SPATIAL or cfg.MVIT.REL_POS_TEMPORAL else "there are no relative positions"


def _pools_first(cfg: CfgNode, given: frozenset[str]) -> str:
    return "with MVIT.POOL_FIRST they are separate" if cfg.MVIT.POOL_FIRST else ""


def _for_boxes(cfg: CfgNode, given: frozenset[str]) -> str:
    return "DETECTION.ENABLE: boxes are cut out of the last grid" if cfg.DETECTION.ENABLE else ""


def _sides(default: list[int], meaning: str) -> Option:
    return Option(default, meaning, minimum=1, maximum=64, length=(3, 3))


SECTION = Section(
    name="MVIT",
    network=("*",),
    meaning="Multiscale Vision Transformers (Fan et al., arXiv:2104.11227; MViTv2: Li et al., arXiv:2112.01526).",
    finish=_finish,
    no_effect_if=other_arch("mvit"),
    options={
        "NUM_FRAMES": Option(
            0,
            "Frames of the clips that its positions are made for; 0: DATA.NUM_FRAMES. Other clips have them interpolated.",
            minimum=0,
            maximum=2**16,
        ),
        "MODE": Option(
            "conv",
            "What pools queries, keys and values: conv, a convolution of every channel whose weights heads share; "
            "conv_unshared, one whose weights they do not; avg or max.",
            choices=("conv", "conv_unshared", "avg", "max"),
        ),
        "POOL_FIRST": Option(False, "Whether poolings come before the projections to queries, keys and values."),
        "CLS_EMBED_ON": Option(True, "Whether there is a class token, which then is what is classified."),
        "PATCH_KERNEL": _sides([3, 7, 7], "Frames, rows and columns that a token is made of."),
        "PATCH_STRIDE": _sides([2, 4, 4], "Frames, rows and columns from one token to the next."),
        "PATCH_PADDING": Option(
            [1, 3, 3], "Zeros around the clip, along time, height and width.", minimum=0, maximum=32, length=(3, 3)
        ),
        "EMBED_DIM": Option(96, "Channels of the first block.", minimum=1, maximum=2**12),
        "NUM_HEADS": Option(1, "Heads of the first block.", minimum=1, maximum=256),
        "MLP_RATIO": Option(4.0, "Hidden channels of a block's perceptron for each of its channels.", above=0, maximum=16),
        "QKV_BIAS": Option(True, "Whether the projections to queries, keys and values have a bias."),
        "DROPPATH_RATE": Option(
            0.1,
            "Probability that training leaves out a branch of the last block; it grows from 0 in the first.",
            minimum=0,
            below=1,
        ),
        "DEPTH": Option(16, "Blocks.", minimum=1, maximum=256),
        "NORM": Option("layernorm", "Kind of norm.", choices=("layernorm",)),
        "DIM_MUL": Option(
            [], "Blocks that change the width, with its factor: [block, factor] each.", elements=[float], minimum=0, maximum=256
        ),
        "HEAD_MUL": Option(
            [],
            "Blocks that change the number of heads, with its factor: [block, factor] each.",
            elements=[float],
            minimum=0,
            maximum=256,
        ),
        "POOL_KV_STRIDE": Option(
            [],
            "Strides of keys and values: [block, time, height, width] each.",
            elements=[int],
            minimum=0,
            maximum=256,
            null=True,
        ),
        "POOL_KV_STRIDE_ADAPTIVE": Option(
            [],
            "Stride of keys and values in the first block, over time, height and width; it shrinks where queries are pooled.",
            elements=int,
            minimum=1,
            maximum=64,
            length=(0, 3),
            null=True,
        ),
        "POOL_Q_STRIDE": Option(
            [],
            "Strides of queries: [block, time, height, width] each; what goes past the attention is pooled alike.",
            elements=[int],
            minimum=0,
            maximum=256,
        ),
        "POOL_KVQ_KERNEL": Option(
            [],
            "Kernel of all poolings, over time, height and width; empty: one more than the stride, and none where it is 1.",
            elements=int,
            minimum=1,
            maximum=63,
            length=(0, 3),
            null=True,
        ),
        "ZERO_DECAY_POS_CLS": Option(True, "Whether the class token and positions have no weight decay."),
        "NORM_STEM": Option(False, "Whether tokens are normalised before the first block."),
        "SEP_POS_EMBED": Option(
            False,
            "Whether positions in time and in the picture are two tables, which are added.",
            no_effect_if=_without_positions,
        ),
        "DROPOUT_RATE": Option(0.0, "Share of values that training drops inside blocks.", minimum=0, below=1),
        "USE_ABS_POS": Option(True, "Whether tokens are told their positions at the start."),
        "REL_POS_SPATIAL": Option(False, "Whether scores of attention depend on distances in height and width."),
        "REL_POS_TEMPORAL": Option(False, "Whether scores of attention depend on distances in time."),
        "REL_POS_ZERO_INIT": Option(False, "Whether that dependence starts at zero.", no_effect_if=_without_relative),
        "RESIDUAL_POOLING": Option(False, "Whether pooled queries are added to what attention finds for them."),
        "DIM_MUL_IN_ATT": Option(
            False, "Whether the attention of a block in MVIT.DIM_MUL widens, and not the perceptron of the block before it."
        ),
        "SEPARATE_QKV": Option(
            False, "Whether queries, keys and values have three projections and not one.", no_effect_if=_pools_first
        ),
        "HEAD_INIT_SCALE": Option(1.0, "Factor of the classifier's first weights.", minimum=0, maximum=1000),
        "USE_MEAN_POOLING": Option(
            False,
            "Whether the mean of all tokens but the class token is classified, normalised after the mean.",
            no_effect_if=_for_boxes,
        ),
    },
)
