"""Classification of boxes."""

import pytest
import torch

from slowfast.config import ConfigError
from slowfast.models.layers.roi_align import roi_align
from slowfast.models.losses import build_loss
from slowfast.models.roi_head import RoIHead, RoIHeadSpec

ROIS = torch.tensor([[1.0, 0, 0, 30, 40], [0, 10, 12, 60, 63], [1, 5, 5, 5, 5]])
DETECTION = {
    "DETECTION__ENABLE": True,
    "MODEL__HEAD_ACT": "sigmoid",
    "MODEL__LOSS_FUNC": "bce",
    "RESNET__SPATIAL_STRIDES": [[1], [2], [2], [1]],
    "RESNET__SPATIAL_DILATIONS": [[1], [1], [1], [2]],
}


def head(**changes):
    torch.manual_seed(1)
    spec = RoIHeadSpec(**{"num_classes": 5, "stride": 16, "resolution": 3, **changes})
    return RoIHead(channels=[4, 3], spec=spec).eval()


def features():
    generator = torch.Generator().manual_seed(3)
    return [torch.randn(2, channels, t, 4, 4, generator=generator) for channels, t in ((4, 2), (3, 8))]


def test_scores_are_those_of_the_largest_bins_of_the_mean_over_time():
    module, x = head(), features()
    pooled = [roi_align(p.mean(2), ROIS, (3, 3), spatial_scale=1 / 16).flatten(2).amax(2) for p in x]
    torch.testing.assert_close(module(x, ROIS), module.projection(torch.cat(pooled, 1)).sigmoid())
    torch.testing.assert_close(head(activation="softmax")(x, ROIS).sum(1), torch.ones(3))


def test_time_may_be_pooled_by_the_maximum():
    x = features()
    flat = [pathway.amax(2, keepdim=True) for pathway in x]
    torch.testing.assert_close(head(temporal_pool="max")(x, ROIS), head()(flat, ROIS))


def test_training_gives_logits_and_drops_features():
    module, x = head(dropout=0.5), features()
    scores = module(x, ROIS)
    module.train()
    assert not torch.equal(module(x, ROIS), module(x, ROIS))
    module.dropout.p = 0.0
    torch.testing.assert_close(module(x, ROIS).sigmoid(), scores)


def test_a_box_does_not_depend_on_the_others_or_their_order():
    module, x = head(), features()
    together = module(x, ROIS)
    torch.testing.assert_close(module(x, ROIS.flip(0)).flip(0), together)
    torch.testing.assert_close(torch.cat([module(x, roi[None]) for roi in ROIS]), together)


@pytest.mark.parametrize("variant", ["slow", "slowfast"])
def test_networks_classify_boxes_and_give_every_parameter_a_gradient(tiny, clip, variant):
    model = tiny(variant, **DETECTION).train()
    logits = model(clip(variant), ROIS)
    assert logits.shape == (3, 5)
    logits.square().sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in model.parameters())


@pytest.mark.parametrize("variant", ["slow", "slowfast"])
def test_without_boxes_there_are_no_rows_but_pooling_runs_and_gradients_are_zero(tiny, clip, variant):
    model = tiny(variant, **DETECTION).train()
    pooled = []
    for pool in model.head.temporal_pools:
        pool.register_forward_hook(lambda *_: pooled.append(1))
    logits = model(clip(variant), torch.zeros(0, 5))
    assert logits.shape == (0, 5)
    assert len(pooled) == len(model.head.temporal_pools)
    logits.sum().backward()
    assert all(parameter.grad is not None and not parameter.grad.any() for parameter in model.parameters())


def test_features_must_be_as_fine_as_the_boxes_are_told_to_be(config, tiny):
    with pytest.raises(ConfigError, match=r"SPATIAL_SCALE_FACTOR = 16: .* 32 pixels wide .*right would be: 32, or other"):
        tiny("slow", **(DETECTION | {"RESNET__SPATIAL_STRIDES": [[1], [2], [2], [2]]}))
    tiny("slow", **(DETECTION | {"RESNET__SPATIAL_STRIDES": [[1], [2], [2], [2]], "DETECTION__SPATIAL_SCALE_FACTOR": 32}))


@pytest.mark.parametrize("variant", ["x3d", "regnetx"])
def test_networks_without_a_head_for_boxes_say_so(tiny, variant):
    with pytest.raises(ConfigError, match=r"DETECTION.ENABLE.*ResNet or SlowFast"):
        tiny(variant, DETECTION__ENABLE=True)


def test_binary_loss_of_probabilities_is_computed_on_logits(config):
    cfg = config("slow", **DETECTION)
    logits, labels = torch.tensor([[-200.0, 3.0]]), torch.tensor([[1.0, 0.0]])
    assert build_loss(cfg)(logits, labels).item() == pytest.approx((200 + 3.048587) / 2)
    ordinary = torch.tensor([[-2.0, 3.0]])
    plain = build_loss(config("slow", MODEL__LOSS_FUNC="bce"))
    torch.testing.assert_close(build_loss(cfg)(ordinary, labels), plain(ordinary.sigmoid(), labels))


def test_binary_loss_wants_sigmoid_scores(tiny):
    with pytest.raises(ConfigError, match=r"MODEL.HEAD_ACT = 'softmax'.*sigmoid"):
        tiny("slow", **(DETECTION | {"MODEL__HEAD_ACT": "softmax"}))
