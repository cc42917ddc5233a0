"""Weights of pictures in networks of clips."""

import pytest
import torch
import torch.nn.functional as F

from slowfast.models.weights import WeightsError, load_weights
from slowfast.models.weights.shapes import adapted, inflated


def of_pictures(model):
    """What a network of pictures with the same layers would hold; temporal kernels are summed, so that it does the same."""
    return {name: value.sum(2) if value.ndim == 5 else value.clone() for name, value in model.state_dict().items()}


@pytest.mark.parametrize("frames", [1, 3, 5])
def test_a_repeated_picture_gives_what_the_picture_gives(frames):
    weight, picture = torch.randn(4, 2, 3, 3), torch.randn(1, 2, 6, 6)
    clip = picture.unsqueeze(2).repeat(1, 1, 2 * frames, 1, 1)
    response = F.conv3d(clip, inflated(weight, torch.Size((4, 2, frames, 3, 3))), padding=(0, 1, 1))
    want = F.conv2d(picture, weight, padding=1).unsqueeze(2).expand_as(response)
    torch.testing.assert_close(response, want)


def test_kernels_of_one_frame_are_inflated_like_those_of_pictures():
    weight = torch.randn(4, 2, 3, 3)
    shape = torch.Size((4, 2, 5, 3, 3))
    assert torch.equal(inflated(weight.unsqueeze(2), shape), inflated(weight, shape))


@pytest.mark.parametrize("shape", [(4, 2, 3, 5, 5), (4, 3, 3, 3, 3), (4, 2)])
def test_weights_of_another_layer_are_not_inflated(shape):
    weight = torch.randn(4, 2, 3, 3)
    assert inflated(weight, torch.Size(shape)) is weight


def test_a_kernel_of_several_frames_is_left_alone():
    weight = torch.randn(4, 2, 3, 1, 1)
    assert inflated(weight, torch.Size((4, 2, 5, 1, 1))) is weight


def test_a_network_of_pictures_fills_one_of_clips(tiny):
    source, model = tiny("i3d"), tiny("i3d", RNG_SEED=1)
    report = load_weights(model, of_pictures(source), inflate=True)
    assert report.complete
    temporal = model.s2.pathway0_res0.branch2.a.weight
    assert torch.equal(temporal[:, :, 0], temporal[:, :, 1])
    torch.testing.assert_close(temporal.sum(2), source.s2.pathway0_res0.branch2.a.weight.sum(2))


def test_weights_of_pictures_are_refused_where_nobody_asked_for_them(tiny):
    model = tiny("i3d")
    with pytest.raises(WeightsError, match=r"network of pictures .*CHECKPOINT_INFLATE True"):
        load_weights(model, of_pictures(model))


@pytest.mark.parametrize(("given", "wanted"), [((5, 8, 1, 1, 1), (5, 8)), ((5, 8), (5, 8, 1, 1, 1))])
def test_a_classifier_may_be_a_convolution_over_one_cell(given, wanted):
    value = torch.arange(40.0).view(given)
    assert torch.equal(adapted(value, torch.Size(wanted), inflate=False), torch.arange(40.0).view(wanted))
