"""The weights that a network starts with."""

import math

import pytest
import torch
from torch import nn

from slowfast.models.layers.nonlocal_block import NonLocalBlock
from slowfast.models.resnet.block import ResBlock


def test_convolutions_are_scaled_by_their_fan_out_and_biases_are_zero(tiny):
    model = tiny("slow", RESNET__WIDTH_PER_GROUP=32, NONLOCAL__LOCATION=[[[]], [[1]], [[]], [[]]])
    for module in model.modules():
        if isinstance(module, nn.Conv3d):
            fan_out = module.out_channels * math.prod(module.kernel_size)
            assert module.weight.std().item() == pytest.approx(math.sqrt(2 / fan_out), rel=0.1)
        if getattr(module, "bias", None) is not None:
            assert not module.bias.any()


def test_classifier_has_the_standard_deviation_that_the_config_says(tiny):
    weight = tiny("slow", MODEL__FC_INIT_STD=0.3).head.projection.weight
    assert weight.std().item() == pytest.approx(0.3, rel=0.1)


@pytest.mark.parametrize("norm", ["batchnorm", "frozen_batchnorm", "sync_batchnorm"])
@pytest.mark.parametrize("transform", ["bottleneck_transform", "basic_transform"])
def test_zero_initialisation_lets_every_block_start_as_its_shortcut(tiny, norm, transform):
    changes = {"BN__NORM_TYPE": norm, "RESNET__TRANS_FUNC": transform, "NONLOCAL__LOCATION": [[[]], [[1]], [[]], [[]]]}
    plain = tiny("slow", **changes)
    zeroed = tiny("slow", **changes, RESNET__ZERO_INIT_FINAL_BN=True)
    for model, starts_as_identity in ((plain, False), (zeroed, True)):
        blocks = [module for module in model.modules() if isinstance(module, ResBlock) and not module.projects]
        attention = [module for module in model.modules() if isinstance(module, NonLocalBlock)]
        assert len(attention) == 1
        for module in (*blocks, *attention):
            channels = module.bn.num_features if module in attention else module.branch2.a.in_channels
            x = torch.rand(1, channels, 2, 4, 4)
            assert torch.equal(module(x), x) == starts_as_identity


def test_zero_initialisation_of_the_last_convolution_does_the_same(tiny):
    model = tiny("slow", RESNET__ZERO_INIT_FINAL_CONV=True)
    assert not model.s2.pathway0_res0.branch2.c.weight.any()
    assert model.s2.pathway0_res0.branch2.c_bn.weight.all()


def test_norms_start_as_the_identity(tiny):
    for kind in ("batchnorm", "frozen_batchnorm"):
        model = tiny("slow", BN__NORM_TYPE=kind)
        scales = [value for name, value in model.state_dict().items() if name.endswith("bn.weight")]
        assert scales
        assert all((scale == 1).all() for scale in scales)
