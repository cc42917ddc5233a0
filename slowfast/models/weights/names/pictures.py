"""Names of networks of pictures: ResNets and RegNets of torchvision, timm and pycls."""

from torch import Tensor

from slowfast.models.weights.names.naming import Naming


def _blue_green_red_to_red_green_blue(state: dict[str, Tensor]) -> None:
    """pycls trains on pictures as OpenCV reads them."""
    stem = "s1.pathway0_stem.conv.weight"
    if stem in state:
        state[stem] = state[stem].flip(1)


RESNET = Naming(
    marker=r"layer1\.0\.conv1\.weight",
    block=r"layer(?P<stage>\d)\.(?P<block>\d+)\.(?P<layer>.+)",
    layers={
        "conv1": "branch2.a",
        "bn1": "branch2.a_bn",
        "conv2": "branch2.b",
        "bn2": "branch2.b_bn",
        "conv3": "branch2.c",
        "bn3": "branch2.c_bn",
        "downsample.0": "branch1",
        "downsample.1": "branch1_bn",
    },
    others={r"conv1": "s1.pathway0_stem.conv", r"bn1": "s1.pathway0_stem.bn", r"fc": "head.projection"},
)

TORCHVISION_REGNET = Naming(
    marker=r"trunk_output\.block1\.block1-0\.f\.a\.0\.weight",
    block=r"trunk_output\.block\d\.block(?P<stage>\d)-(?P<block>\d+)\.(?P<layer>.+)",
    layers={
        "proj.0": "branch1",
        "proj.1": "branch1_bn",
        "f.a.0": "branch2.a",
        "f.a.1": "branch2.a_bn",
        "f.b.0": "branch2.b",
        "f.b.1": "branch2.b_bn",
        "f.se.fc1": "branch2.se.fc1",
        "f.se.fc2": "branch2.se.fc2",
        "f.c.0": "branch2.c",
        "f.c.1": "branch2.c_bn",
    },
    others={r"stem\.0": "s1.pathway0_stem.conv", r"stem\.1": "s1.pathway0_stem.bn", r"fc": "head.projection"},
)

_STEM_AND_HEAD = {
    r"stem\.conv": "s1.pathway0_stem.conv",
    r"stem\.bn": "s1.pathway0_stem.bn",
    r"head\.fc": "head.projection",
}
_BLOCK = r"s(?P<stage>\d)\.b(?P<block>\d+)\.(?P<layer>.+)"

TIMM_REGNET = Naming(
    marker=r"s1\.b1\.conv1\.conv\.weight",
    block=_BLOCK,
    first_block=1,
    layers={
        "downsample.conv": "branch1",
        "downsample.bn": "branch1_bn",
        "conv1.conv": "branch2.a",
        "conv1.bn": "branch2.a_bn",
        "conv2.conv": "branch2.b",
        "conv2.bn": "branch2.b_bn",
        "se.fc1": "branch2.se.fc1",
        "se.fc2": "branch2.se.fc2",
        "conv3.conv": "branch2.c",
        "conv3.bn": "branch2.c_bn",
    },
    others=_STEM_AND_HEAD,
)

PYCLS_REGNET = Naming(
    marker=r"s1\.b1\.f\.a\.weight",
    block=_BLOCK,
    first_block=1,
    layers={
        "proj": "branch1",
        "bn": "branch1_bn",
        "f.a": "branch2.a",
        "f.a_bn": "branch2.a_bn",
        "f.b": "branch2.b",
        "f.b_bn": "branch2.b_bn",
        "f.se.f_ex.0": "branch2.se.fc1",
        "f.se.f_ex.2": "branch2.se.fc2",
        "f.c": "branch2.c",
        "f.c_bn": "branch2.c_bn",
    },
    others=_STEM_AND_HEAD,
    finish=_blue_green_red_to_red_green_blue,
)
