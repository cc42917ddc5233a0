"""Names of networks of pictures: ResNets and RegNets of torchvision, timm and pycls."""

from torch import Tensor

from slowfast.models.weights.names.naming import Naming, block_layers


def _blue_green_red_to_red_green_blue(state: dict[str, Tensor]) -> None:
    """pycls trains on pictures as OpenCV reads them."""
    stem = "s1.pathway0_stem.conv.weight"
    if stem in state:
        state[stem] = state[stem].flip(1)


RESNET = Naming(
    marker=r"layer1\.0\.conv1\.weight",
    block=r"layer(?P<stage>\d)\.(?P<block>\d+)\.(?P<layer>.+)",
    layers=block_layers(
        shortcut=("downsample.0", "downsample.1"),
        a=("conv1", "bn1"),
        b=("conv2", "bn2"),
        c=("conv3", "bn3"),
    ),
    others={r"conv1": "s1.pathway0_stem.conv", r"bn1": "s1.pathway0_stem.bn", r"fc": "head.projection"},
)

TORCHVISION_REGNET = Naming(
    marker=r"trunk_output\.block1\.block1-0\.f\.a\.0\.weight",
    block=r"trunk_output\.block\d\.block(?P<stage>\d)-(?P<block>\d+)\.(?P<layer>.+)",
    layers=block_layers(
        shortcut=("proj.0", "proj.1"),
        a=("f.a.0", "f.a.1"),
        b=("f.b.0", "f.b.1"),
        c=("f.c.0", "f.c.1"),
    )
    | {"f.se.fc1": "branch2.se.fc1", "f.se.fc2": "branch2.se.fc2"},
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
    layers=block_layers(
        shortcut=("downsample.conv", "downsample.bn"),
        a=("conv1.conv", "conv1.bn"),
        b=("conv2.conv", "conv2.bn"),
        c=("conv3.conv", "conv3.bn"),
    )
    | {"se.fc1": "branch2.se.fc1", "se.fc2": "branch2.se.fc2"},
    others=_STEM_AND_HEAD,
)

PYCLS_REGNET = Naming(
    marker=r"s1\.b1\.f\.a\.weight",
    block=_BLOCK,
    first_block=1,
    layers=block_layers(
        shortcut=("proj", "bn"),
        a=("f.a", "f.a_bn"),
        b=("f.b", "f.b_bn"),
        c=("f.c", "f.c_bn"),
    )
    | {"f.se.f_ex.0": "branch2.se.fc1", "f.se.f_ex.2": "branch2.se.fc2"},
    others=_STEM_AND_HEAD,
    finish=_blue_green_red_to_red_green_blue,
)
