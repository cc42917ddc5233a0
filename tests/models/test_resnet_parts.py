"""Blocks, stages and pathways of ResNets."""

import pytest
import torch
from torch import nn

from slowfast.config import ConfigError
from slowfast.models.layers.norm import NormSpec
from slowfast.models.layers.pathway_chains import PathwayChains
from slowfast.models.resnet.block import BlockSpec, BlockStyle, ResBlock
from slowfast.models.resnet.lateral import FuseFastToSlow, LateralSpec


def block(**changes):
    return ResBlock(BlockSpec(**{"in_channels": 8, "out_channels": 16, "inner_channels": 4, **changes})).eval()


@pytest.mark.parametrize("stride_in_1x1", [False, True])
@pytest.mark.parametrize("size", [7, 8])
def test_a_strided_block_rounds_its_map_up_and_keeps_all_frames(size, stride_in_1x1):
    x = torch.randn(1, 8, 5, size, size)
    y = block(stride=2, temporal_kernel=3, style=BlockStyle(stride_in_1x1=stride_in_1x1))(x)
    assert y.shape == (1, 16, 5, 4, 4)


def test_the_stride_sits_in_the_first_convolution_where_asked():
    strides = {
        flag: tuple(conv.stride[1] for conv in (branch.a, branch.b))
        for flag in (False, True)
        for branch in [block(stride=2, style=BlockStyle(stride_in_1x1=flag)).branch2]
    }
    assert strides == {False: (1, 2), True: (2, 1)}


@pytest.mark.parametrize(("dilation", "reach"), [(1, 1), (2, 2)])
def test_dilation_widens_what_a_block_sees_and_keeps_the_size(dilation, reach):
    x = torch.randn(1, 8, 1, 9, 9, requires_grad=True)
    y = block(dilation=dilation).branch2(x)
    assert y.shape[3:] == (9, 9)
    y[0, :, 0, 4, 4].sum().backward()
    columns = x.grad.abs().amax((0, 1, 2, 3)).nonzero().flatten()
    assert (columns.min().item(), columns.max().item()) == (4 - reach, 4 + reach)


def test_groups_split_the_spatial_convolution():
    assert block(style=BlockStyle(groups=2)).branch2.b.weight.shape == (4, 2, 1, 3, 3)


def test_a_block_projects_its_shortcut_only_where_the_shape_changes():
    projecting = {
        "same": block(in_channels=16).projects,
        "wider": block().projects,
        "strided": block(in_channels=16, stride=2).projects,
    }
    assert projecting == {"same": False, "wider": True, "strided": True}


def test_a_module_replaced_in_place_takes_part_at_its_old_position():
    chains = PathwayChains([{"double": nn.Identity(), "last": nn.ReLU()}, {"double": nn.Identity()}])
    chains.pathway0_double = nn.Hardtanh(-2, 2)
    first, second = chains([torch.tensor([-5.0, 5.0]), torch.tensor([-5.0, 5.0])])
    assert first.tolist() == [0, 2]
    assert second.tolist() == [-5, 5]


def test_lateral_connection_appends_to_slow_and_leaves_fast_alone():
    fuse = FuseFastToSlow(4, spec=LateralSpec(alpha=4, channel_ratio=2, kernel=5), norm=NormSpec(), inplace_relu=True).eval()
    slow, fast = torch.randn(1, 6, 2, 3, 3), torch.randn(1, 4, 8, 3, 3)
    fused, same = fuse([slow, fast])
    assert fused.shape == (1, 14, 2, 3, 3)
    assert torch.equal(fused[:, :6], slow)
    assert same is fast


def test_resnext_pathways_get_their_groups(tiny):
    model = tiny("slow", RESNET__NUM_GROUPS=4)
    assert model.s3.pathway0_res0.branch2.b.groups == 4
    assert model.s3.pathway0_res0.branch2.b.in_channels == 64


def test_one_entry_serves_both_pathways(tiny):
    one = tiny("slowfast", RESNET__SPATIAL_STRIDES=[[1], [2], [2], [1]], RESNET__SPATIAL_DILATIONS=[[1], [1], [1], [2]])
    two = tiny(
        "slowfast",
        RESNET__SPATIAL_STRIDES=[[1, 1], [2, 2], [2, 2], [1, 1]],
        RESNET__SPATIAL_DILATIONS=[[1, 1], [1, 1], [1, 1], [2, 2]],
    )
    assert str(one) == str(two)
    assert one.s5.pathway1_res0.branch2.b.dilation == (1, 2, 2)


@pytest.mark.parametrize(
    ("variant", "changes", "message"),
    [
        ("slow", {"RESNET__NUM_BLOCK_TEMP_KERNEL": [[2], [3], [2], [2]]}, "stage 2 of 4 has 2 blocks at depth 18, not 3"),
        ("slow", {"RESNET__SPATIAL_STRIDES": [[1, 1], [2], [2], [2]]}, "2 entries for 1 pathways"),
        ("slowfast", {"RESNET__SPATIAL_STRIDES": [[1, 1, 1], [2], [2], [2]]}, "3 entries for 2 pathways"),
        ("slow", {"NONLOCAL__LOCATION": [[[]], [[2]], [[]], [[]]]}, "block numbers 0 to 1"),
        ("slow", {"RESNET__SPATIAL_STRIDES": [[1], [2], [2]]}, "must have 4 elements, not 3"),
        ("slow", {"RESNET__SPATIAL_DILATIONS": [[1], [1], [1], [0]]}, "0 in it must be at least 1"),
        ("slow", {"RESNET__TRANS_FUNC": "basic_transform", "RESNET__NUM_GROUPS": 2}, "RESNET.NUM_GROUPS"),
        ("slow", {"NONLOCAL__POOL": [[[1, 2]], [[1, 2, 2]], [[1, 2, 2]], [[1, 2, 2]]]}, "NONLOCAL.POOL"),
        ("slowfast", {"SLOWFAST__ALPHA": 3}, "does not divide DATA.NUM_FRAMES"),
        ("slowfast", {"SLOWFAST__FUSION_KERNEL_SZ": 4}, "an odd number"),
        ("slowfast", {"SLOWFAST__BETA_INV": 3}, "WIDTH_PER_GROUP"),
    ],
)
def test_options_that_do_not_fit_the_network_are_refused(tiny, variant, changes, message):
    with pytest.raises(ConfigError, match=message):
        tiny(variant, **changes)


@pytest.mark.parametrize("crop", [32, 33, 35, 64, 96, 100, 112, 224, 256])
@pytest.mark.parametrize("pads", [True, False])
def test_map_size_is_that_of_the_last_stage_with_and_without_padding_in_the_stem(tiny, crop, pads):
    model = tiny("slow", RESNET__STEM_POOL_PAD=pads, DATA__TRAIN_CROP_SIZE=crop, DATA__TRAIN_JITTER_SCALES=[crop, crop])
    with torch.no_grad():
        features = model.s5(model.s4(model.s3(model.s2(model.s1([torch.zeros(1, 3, 1, crop, crop)])))))
    assert features[0].shape[3:] == (model.head.spatial_pools[0].window,) * 2


def test_lateral_connections_can_do_without_norm_and_rectifier(tiny, clip):
    model = tiny("slowfast", SLOWFAST__FUSION_BN=False, SLOWFAST__FUSION_RELU=False)
    assert not any("_fuse.bn" in name for name in model.state_dict())
    slow, fast = model.s1(clip("slowfast"))
    fused = model.s1_fuse([slow, fast])[0][:, slow.shape[1] :]
    torch.testing.assert_close(fused, model.s1_fuse.conv_f2s(fast))


def test_variants_without_pooling_over_time_differ_in_nothing_else(tiny):
    for arch in ("c2d", "i3d"):
        pooled, plain = tiny(arch), tiny("slow", MODEL__ARCH=f"{arch}_nopool")
        assert [(name, value.shape) for name, value in pooled.state_dict().items()] == [
            (name, value.shape) for name, value in plain.state_dict().items()
        ]
        assert isinstance(plain.pathway0_pool, nn.Identity)
