"""Names in pytorchvideo's hub: C2D, I3D, Slow, SlowFast and X3D.

A network is a list of blocks: the stem, the stages (of C2D and I3D, a pooling between the first two), the head.
"""

import torch
from torch import Tensor

from slowfast.models.weights.names.naming import Naming


def _norm_shortcuts(state: dict[str, Tensor]) -> None:
    """Adds norms that change nothing: a shortcut of X3D that strides but keeps its width has none there, but has one here."""
    for path in [name.removesuffix(".weight") for name in state if name.endswith(".branch1.weight")]:
        if f"{path}_bn.weight" not in state:
            channels = state[f"{path}.weight"].shape[0]
            for kind, value in (("weight", 1.0), ("bias", 0.0), ("running_mean", 0.0), ("running_var", 1.0)):
                state[f"{path}_bn.{kind}"] = torch.full((channels,), value)


PYTORCHVIDEO = Naming(
    marker=r"blocks\.1\.(multipathway_blocks\.0\.)?res_blocks\.0\.branch2\.conv_a\.weight",
    block=r"blocks\.(?P<stage>\d)\.(?:multipathway_blocks\.(?P<pathway>\d)\.)?res_blocks\.(?P<block>\d+)\.(?P<layer>.+)",
    layers={
        "branch1_conv": "branch1",
        "branch1_norm": "branch1_bn",
        "branch2.conv_a": "branch2.a",
        "branch2.norm_a": "branch2.a_bn",
        "branch2.conv_b": "branch2.b",
        "branch2.norm_b": "branch2.b_bn",
        "branch2.norm_b.0": "branch2.b_bn",
        "branch2.norm_b.1.block.0": "branch2.se.fc1",
        "branch2.norm_b.1.block.2": "branch2.se.fc2",
        "branch2.conv_c": "branch2.c",
        "branch2.norm_c": "branch2.c_bn",
    },
    others={
        r"blocks\.0\.conv": "s1.pathway0_stem.conv",
        r"blocks\.0\.norm": "s1.pathway0_stem.bn",
        # X3D's stem is built with the two names swapped: its conv_t is the spatial convolution.
        r"blocks\.0\.conv\.conv_t": "s1.pathway0_stem.conv_xy",
        r"blocks\.0\.conv\.conv_xy": "s1.pathway0_stem.conv",
        r"blocks\.0\.multipathway_blocks\.(\d)\.conv": r"s1.pathway\1_stem.conv",
        r"blocks\.0\.multipathway_blocks\.(\d)\.norm": r"s1.pathway\1_stem.bn",
        **{rf"blocks\.{n}\.multipathway_fusion\.conv_fast_to_slow": f"s{n + 1}_fuse.conv_f2s" for n in range(4)},
        **{rf"blocks\.{n}\.multipathway_fusion\.norm": f"s{n + 1}_fuse.bn" for n in range(4)},
        r"blocks\.\d\.pool\.pre_conv": "head.conv_5",
        r"blocks\.\d\.pool\.pre_norm": "head.conv_5_bn",
        r"blocks\.\d\.pool\.post_conv": "head.lin_5",
        r"blocks\.\d\.pool\.post_norm": "head.lin_5_bn",
        r"blocks\.\d\.proj": "head.projection",
    },
    finish=_norm_shortcuts,
)
