"""X3D."""

import pytest
import torch
from torch import nn

from slowfast.config import ConfigError
from slowfast.models.layers.norm import FrozenBatchNorm3d
from slowfast.models.layers.squeeze_excite import SqueezeExcite
from slowfast.models.x3d_parts import round_width


@pytest.mark.parametrize(
    ("channels", "factor", "rounded"),
    [(12, 2, 24), (54, 1 / 16, 8), (432, 1 / 16, 32), (8, 0.1, 8), (19, 1, 24), (100, 1, 104), (99, 1, 96)],
)
def test_widths_are_multiples_of_eight_that_lose_little(channels, factor, rounded):
    assert round_width(channels, factor) == rounded


@pytest.mark.parametrize(
    ("depth", "width", "blocks", "channels"),
    [
        (1.0, 1.0, [1, 2, 5, 3], [16, 24, 48, 96]),
        (2.2, 2.0, [3, 5, 11, 7], [24, 48, 96, 192]),
        (5.0, 2.0, [5, 10, 25, 15], [24, 48, 96, 192]),
    ],
)
def test_factors_grow_the_network_as_in_the_paper(tiny, depth, width, blocks, channels):
    model = tiny("x3d", X3D__DEPTH_FACTOR=depth, X3D__WIDTH_FACTOR=width, X3D__BOTTLENECK_FACTOR=0.5)
    stages = [list(stage.chain(0)) for stage in (model.s2, model.s3, model.s4, model.s5)]
    assert [len(stage) for stage in stages] == blocks
    assert [stage[0].branch2.c.out_channels for stage in stages] == channels


def test_every_other_block_from_the_first_is_squeezed(tiny):
    model = tiny("x3d")
    for stage in (model.s2, model.s3, model.s4, model.s5):
        squeezed = [isinstance(block.branch2.se, SqueezeExcite) for block in stage.chain(0)]
        assert squeezed == [index % 2 == 0 for index in range(len(squeezed))]


def test_scaled_res2_is_as_wide_as_twice_the_stem(tiny):
    model = tiny("x3d", X3D__DIM_C1=16, X3D__SCALE_RES2=True)
    assert model.s1.pathway0_stem.conv.out_channels == 16
    assert model.s2.pathway0_res0.branch2.c.out_channels == 32


def test_channelwise_convolutions_can_be_grouped_ones(tiny):
    assert tiny("x3d").s3.pathway0_res0.branch2.b.weight.shape[1] == 1
    grouped = tiny("x3d", X3D__CHANNELWISE_3x3x3=False, RESNET__NUM_GROUPS=2).s3.pathway0_res0.branch2.b
    assert grouped.weight.shape[1] == grouped.in_channels // 2


def test_norm_of_the_config_reaches_the_head(tiny):
    model = tiny("x3d", BN__NORM_TYPE="frozen_batchnorm", X3D__BN_LIN5=True)
    assert isinstance(model.head.conv_5_bn, FrozenBatchNorm3d)
    assert isinstance(model.head.lin_5_bn, FrozenBatchNorm3d)
    assert not any(isinstance(module, nn.BatchNorm3d) for module in model.modules())


def test_head_reads_the_same_features_whatever_the_order_of_equal_frames(tiny, clip):
    model = tiny("x3d")
    features = model.s5(model.s4(model.s3(model.s2(model.s1(clip("x3d"))))))
    shuffled = [features[0].flip(2)]
    torch.testing.assert_close(model.head(shuffled), model.head(features))


@pytest.mark.parametrize(
    ("variant", "transform", "right"),
    [("x3d", "bottleneck_transform", "x3d_transform"), ("slow", "x3d_transform", "bottleneck_transform")],
)
def test_blocks_of_another_kind_are_refused(config, variant, transform, right):
    with pytest.raises(ConfigError, match=rf"RESNET\.TRANS_FUNC.*right would be: {right}"):
        config(variant, RESNET__TRANS_FUNC=transform)


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"X3D__WIDTH_FACTOR": 0.0}, "WIDTH_FACTOR"),
        ({"X3D__BOTTLENECK_FACTOR": 0.01}, "BOTTLENECK_FACTOR"),
        ({"X3D__CHANNELWISE_3x3x3": False, "RESNET__NUM_GROUPS": 7}, "BOTTLENECK_FACTOR"),
        ({"NONLOCAL__LOCATION": [[[]], [[1]], [[]], [[]]]}, "NONLOCAL.LOCATION"),
    ],
)
def test_options_that_make_no_network_are_refused(tiny, changes, key):
    with pytest.raises(ConfigError, match=key):
        tiny("x3d", **changes)


def test_the_hubs_x3d_lacks_the_norm_of_shortcuts_that_keep_their_width(tiny):
    ours, hubs = (set(tiny("x3d", MODEL__MODEL_NAME=name, X3D__WIDTH_FACTOR=2.0).state_dict()) for name in ("X3D", "PTVX3D"))
    assert hubs <= ours
    assert {name.rpartition(".")[0] for name in ours - hubs} == {"s2.pathway0_res0.branch1_bn"}
