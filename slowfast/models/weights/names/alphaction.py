"""Names of AlphAction (also called AIA), whose Slow and SlowFast networks of Kinetics-600 others start from.

Such a SlowFast has no norm and no rectifier in its lateral connections, and a stem whose pooling does not pad
(SLOWFAST.FUSION_BN, SLOWFAST.FUSION_RELU, RESNET.STEM_POOL_PAD False).
"""

from slowfast.models.weights.names.naming import Naming

_BACKBONE = r"(?:backbone\.)?"

ALPHACTION = Naming(
    marker=_BACKBONE + r"slow\.res_nl1\.res_0\.btnk\.conv1\.conv\.weight",
    block=_BACKBONE + r"(?P<pathway>slow|fast)\.res_nl(?P<stage>\d)\.res_(?P<block>\d+)\.(?P<layer>.+)",
    layers={
        "shortcut.conv": "branch1",
        "shortcut.bn": "branch1_bn",
        "btnk.conv1.conv": "branch2.a",
        "btnk.conv1.bn": "branch2.a_bn",
        "btnk.conv2.conv": "branch2.b",
        "btnk.conv2.bn": "branch2.b_bn",
        "btnk.conv3.conv": "branch2.c",
        "btnk.conv3.bn": "branch2.c_bn",
    },
    others={
        _BACKBONE + r"slow\.conv1": "s1.pathway0_stem.conv",
        _BACKBONE + r"fast\.conv1": "s1.pathway1_stem.conv",
        _BACKBONE + r"slow\.bn1": "s1.pathway0_stem.bn",
        _BACKBONE + r"fast\.bn1": "s1.pathway1_stem.bn",
        _BACKBONE + r"fast\.Tconv(\d)\.conv": r"s\1_fuse.conv_f2s",
        r"cls_head\.pred": "head.projection",
    },
)
