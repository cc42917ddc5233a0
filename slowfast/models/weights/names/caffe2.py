"""Names in the Caffe2 files of PySlowFast's model zoo: res4_5_branch2b_w, t_conv1_w, nonlocal_conv3_1_theta_w."""

from slowfast.models.weights.names.naming import Naming

CAFFE2 = Naming(
    marker=r"res2_0_branch2a_w",
    separator="_",
    kinds={"w": "weight", "b": "bias", "s": "weight", "rm": "running_mean", "riv": "running_var"},
    block=r"(?P<pathway>(?:t_)?)res(?P<stage>\d)_(?P<block>\d+)_(?P<layer>branch\w+)",
    layers={
        "branch1": "branch1",
        "branch1_bn": "branch1_bn",
        "branch2a": "branch2.a",
        "branch2a_bn": "branch2.a_bn",
        "branch2b": "branch2.b",
        "branch2b_bn": "branch2.b_bn",
        "branch2c": "branch2.c",
        "branch2c_bn": "branch2.c_bn",
    },
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
