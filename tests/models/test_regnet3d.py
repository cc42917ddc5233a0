"""RegNet3D."""

import math

import pytest
from torch import nn

from slowfast.config import ConfigError
from slowfast.models.regnet3d import SIZES

RULE = {
    "200M": (24, 36.44, 2.49, 13),
    "400M": (24, 24.48, 2.54, 22),
    "800M": (56, 35.73, 2.28, 16),
    "1.6G": (80, 34.01, 2.25, 18),
    "4G": (96, 38.65, 2.43, 23),
    "8G": (80, 49.56, 2.88, 23),
    "Y-400M": (48, 27.89, 2.09, 16),
    "Y-1.6G": (48, 20.71, 2.65, 27),
}
"""The paper's parameters of each network: first width, slope, base of the quantisation, blocks."""

PUBLISHED_MILLIONS = {"200M": 2.7, "400M": 5.2, "800M": 7.3, "1.6G": 9.2, "Y-400M": 4.3, "Y-1.6G": 11.2}
"""Parameters of the 2-D networks with 1000 classes; 4G (22.1) and 8G (39.6) take the test too long."""


def quantised_stages(size):
    """Depths and widths by the rule of the paper's section 3.3."""
    first, slope, base, depth = RULE[size]
    steps = [round(math.log((first + slope * block) / first, base)) for block in range(depth)]
    group = SIZES[size].group_width
    depths = tuple(steps.count(step) for step in sorted(set(steps)))
    widths = []
    for step in sorted(set(steps)):
        width = round(first * base**step / 8) * 8
        fitting = min(group, width)
        widths.append(round(width / fitting) * fitting)
    return depths, tuple(widths)


@pytest.mark.parametrize("size", SIZES)
def test_stages_follow_from_the_rule_of_the_paper(size):
    assert quantised_stages(size) == (SIZES[size].depths, SIZES[size].widths)


@pytest.mark.parametrize("size", PUBLISHED_MILLIONS)
def test_without_its_temporal_kernels_a_network_is_as_large_as_the_published_one(tiny, size):
    model = tiny("regnetx", REGNET__DEPTH=size, MODEL__NUM_CLASSES=1000)
    numbers = [parameter.numel() // (parameter.shape[2] if parameter.ndim == 5 else 1) for parameter in model.parameters()]
    assert round(sum(numbers) / 1e6, 1) == PUBLISHED_MILLIONS[size]


def test_only_the_last_two_stages_look_across_time_in_every_block(tiny):
    model = tiny("regnetx")
    kernels = [
        {tuple(conv.kernel_size[0] for conv in (block.branch2.a, block.branch2.b, block.branch2.c)) for block in stage.chain(0)}
        for stage in (model.s2, model.s3, model.s4, model.s5)
    ]
    assert kernels == [{(1, 1, 1)}, {(1, 1, 1)}, {(3, 1, 1)}, {(3, 1, 1)}]
    assert model.s1.pathway0_stem.conv.kernel_size == (1, 3, 3)


def test_the_letter_of_a_plain_network_may_be_left_out(tiny):
    with_letter, without = (tiny("regnetx", REGNET__DEPTH=size).state_dict() for size in ("X-200M", "200M"))
    assert [value.shape for value in with_letter.values()] == [value.shape for value in without.values()]


def test_an_unknown_size_is_refused_with_the_sizes_there_are(tiny):
    with pytest.raises(ConfigError, match=r"REGNET\.DEPTH.*200M, 400M"):
        tiny("regnetx", REGNET__DEPTH="50")


def test_nonlocal_blocks_are_refused(tiny):
    with pytest.raises(ConfigError, match=r"NONLOCAL\.LOCATION.*RegNet3D has no non-local blocks"):
        tiny("regnetx", NONLOCAL__LOCATION=[[[]], [[1]], [[]], [[]]])


@pytest.mark.parametrize("variant", ["regnetx", "regnety"])
def test_norm_of_the_config_is_used_everywhere(tiny, variant):
    assert not any(isinstance(module, nn.BatchNorm3d) for module in tiny(variant, BN__NORM_TYPE="frozen_batchnorm").modules())
