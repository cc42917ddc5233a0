"""Names of networks of clips: the Caffe2 files of PySlowFast's model zoo, pytorchvideo's hub, AlphAction."""

import torch
from torch import Tensor

from slowfast.models.weights.names.naming import Naming, block_layers

# res4_5_branch2b_w, t_conv1_w, nonlocal_conv3_1_theta_w.
CAFFE2 = Naming(
    marker=r"res2_0_branch2a_w",
    separator="_",
    kinds={"w": "weight", "b": "bias", "s": "weight", "rm": "running_mean", "riv": "running_var"},
    block=r"(?P<pathway>(?:t_)?)res(?P<stage>\d)_(?P<block>\d+)_(?P<layer>branch\w+)",
    layers=block_layers(
        shortcut=("branch1", "branch1_bn"),
        a=("branch2a", "branch2a_bn"),
        b=("branch2b", "branch2b_bn"),
        c=("branch2c", "branch2c_bn"),
    ),
    others={
        r"conv1": "s1.pathway0_stem.conv",
        r"t_conv1": "s1.pathway1_stem.conv",
        r"res_conv1_bn": "s1.pathway0_stem.bn",
        r"t_res_conv1_bn": "s1.pathway1_stem.bn",
        r"t_pool1_subsample": "s1_fuse.conv_f2s",
        r"t_pool1_subsample_bn": "s1_fuse.bn",
        r"t_res(\d)_\d+_branch2c_bn_subsample": r"s\1_fuse.conv_f2s",
        r"t_res(\d)_\d+_branch2c_bn_subsample_bn": r"s\1_fuse.bn",
        r"nonlocal_conv(\d)_(\d+)_(theta|phi|g|out)": r"s\1.pathway0_nonlocal\2.conv_\3",
        r"nonlocal_conv(\d)_(\d+)_bn": r"s\1.pathway0_nonlocal\2.bn",
        r"pred": "head.projection",
    },
)

# AlphAction (also called AIA), whose Slow and SlowFast networks of Kinetics-600 others start from. Such a SlowFast has no norm
# and no rectifier in its lateral connections, and a stem whose pooling does not pad (SLOWFAST.FUSION_BN, SLOWFAST.FUSION_RELU,
# RESNET.STEM_POOL_PAD False). Its names begin with "backbone.", which is taken away before.
ALPHACTION = Naming(
    marker=r"slow\.res_nl1\.res_0\.btnk\.conv1\.conv\.weight",
    block=r"(?P<pathway>slow|fast)\.res_nl(?P<stage>\d)\.res_(?P<block>\d+)\.(?P<layer>.+)",
    layers=block_layers(
        shortcut=("shortcut.conv", "shortcut.bn"),
        a=("btnk.conv1.conv", "btnk.conv1.bn"),
        b=("btnk.conv2.conv", "btnk.conv2.bn"),
        c=("btnk.conv3.conv", "btnk.conv3.bn"),
    ),
    others={
        r"slow\.conv1": "s1.pathway0_stem.conv",
        r"fast\.conv1": "s1.pathway1_stem.conv",
        r"slow\.bn1": "s1.pathway0_stem.bn",
        r"fast\.bn1": "s1.pathway1_stem.bn",
        r"fast\.Tconv(\d)\.conv": r"s\1_fuse.conv_f2s",
        r"cls_head\.pred": "head.projection",
    },
)


def _norm_shortcuts(state: dict[str, Tensor]) -> None:
    """Adds norms that change nothing: a shortcut of X3D that strides but keeps its width has none there, but has one here."""
    for path in [name.removesuffix(".weight") for name in state if name.endswith(".branch1.weight")]:
        if f"{path}_bn.weight" not in state:
            channels = state[f"{path}.weight"].shape[0]
            for kind, value in (("weight", 1.0), ("bias", 0.0), ("running_mean", 0.0), ("running_var", 1.0)):
                state[f"{path}_bn.{kind}"] = torch.full((channels,), value)


# A network is a list of blocks: the stem, the stages (of C2D and I3D, a pooling between the first two), the head.
PYTORCHVIDEO = Naming(
    marker=r"blocks\.1\.(multipathway_blocks\.0\.)?res_blocks\.0\.branch2\.conv_a\.weight",
    block=r"blocks\.(?P<stage>\d)\.(?:multipathway_blocks\.(?P<pathway>\d)\.)?res_blocks\.(?P<block>\d+)\.(?P<layer>.+)",
    layers=block_layers(
        shortcut=("branch1_conv", "branch1_norm"),
        a=("branch2.conv_a", "branch2.norm_a"),
        b=("branch2.conv_b", "branch2.norm_b"),
        c=("branch2.conv_c", "branch2.norm_c"),
    )
    | {
        "branch2.norm_b.0": "branch2.b_bn",
        "branch2.norm_b.1.block.0": "branch2.se.fc1",
        "branch2.norm_b.1.block.2": "branch2.se.fc2",
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
