"""Non-local blocks, against the definition written out."""

import pytest
import torch
from torch import nn

from slowfast.models.layers.nonlocal_block import NonLocalBlock, NonLocalSpec, attention
from slowfast.models.layers.norm import NormSpec


def block(**options):
    torch.manual_seed(1)
    module = NonLocalBlock(6, inner_channels=4, spec=NonLocalSpec(**options), norm=NormSpec()).eval()
    nn.init.normal_(module.bn.weight)
    return module


def test_softmax_attention_is_a_weighted_mean_by_scaled_affinity():
    query, key, value = torch.randn(2, 7, 4), torch.randn(2, 5, 4), torch.randn(2, 5, 4)
    weights = (query @ key.transpose(1, 2) / 2).softmax(-1)
    torch.testing.assert_close(attention(query, key, value, "softmax"), weights @ value)


def test_dot_product_attention_divides_by_the_number_of_positions():
    query, key, value = torch.randn(2, 7, 4), torch.randn(2, 5, 4), torch.randn(2, 5, 4)
    weights = query @ key.transpose(1, 2) / 5
    torch.testing.assert_close(attention(query, key, value, "dot_product"), weights @ value)


@pytest.mark.parametrize("instantiation", ["softmax", "dot_product"])
def test_a_block_adds_normed_attention_to_its_input(instantiation):
    module, x = block(instantiation=instantiation, pool=(1, 2, 2)), torch.randn(2, 6, 3, 4, 4)
    pooled = nn.functional.max_pool3d(x, (1, 2, 2))
    query, key, value = (
        conv(y).flatten(2).transpose(1, 2)
        for conv, y in ((module.conv_theta, x), (module.conv_phi, pooled), (module.conv_g, pooled))
    )
    mixed = attention(query, key, value, instantiation).transpose(1, 2).reshape(2, 4, 3, 4, 4)
    torch.testing.assert_close(module(x), x + module.bn(module.conv_out(mixed)))


def test_every_position_reads_every_frame():
    x = torch.randn(1, 6, 4, 2, 2, requires_grad=True)
    block()(x)[0, :, 0, 0, 0].sum().backward()
    assert (x.grad.abs().amax((0, 1, 3, 4)) > 0).all()


def test_frames_of_different_groups_do_not_attend_to_each_other():
    x = torch.randn(1, 6, 4, 2, 2, requires_grad=True)
    module = block(groups=2)
    module(x)[0, :, 0, 0, 0].sum().backward()
    assert (x.grad.abs().amax((0, 1, 3, 4)) > 0).tolist() == [True, True, False, False]


def test_groups_equal_clips_of_their_own():
    x = torch.randn(2, 6, 4, 2, 2)
    torch.testing.assert_close(block(groups=2)(x), torch.cat([block()(x[:, :, :2]), block()(x[:, :, 2:])], 2))


def test_frames_that_cannot_be_grouped_are_refused():
    with pytest.raises(ValueError, match="cannot cut 3 frames into 2"):
        block(groups=2)(torch.randn(1, 6, 3, 2, 2))


def test_channels_last_input_gives_the_same():
    module, x = block(groups=2, pool=(1, 2, 2)), torch.randn(2, 6, 4, 4, 4)
    torch.testing.assert_close(module(x.to(memory_format=torch.channels_last_3d)), module(x))


def test_a_network_gets_its_blocks_where_the_config_says(tiny, clip):
    model = tiny("slowfast", NONLOCAL__LOCATION=[[[], []], [[1], []], [[], [0]], [[], []]])
    names = [name for name, module in model.named_modules() if isinstance(module, NonLocalBlock)]
    assert names == ["s3.pathway0_nonlocal1", "s4.pathway1_nonlocal0"]
    assert model(clip("slowfast", size=64)).shape == (2, 5)


def test_a_network_can_do_without_norms_in_its_blocks(tiny, clip):
    options = {"NONLOCAL__LOCATION": [[[]], [[1]], [[]], [[]]], "NONLOCAL__USE_BN": False, "RESNET__ZERO_INIT_FINAL_BN": True}
    model = tiny("slow", **options)
    assert not any("nonlocal1.bn" in name for name in model.state_dict())
    assert model(clip("slow")).isfinite().all()
