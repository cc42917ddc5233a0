"""Pooling and classification."""

import pytest
import torch
import torch.nn.functional as F

from slowfast.models.heads import ClassificationHead, HeadSpec
from slowfast.models.layers.pools import SpatialPool, TemporalPool


def head(**changes):
    torch.manual_seed(1)
    spec = HeadSpec(**{"num_classes": 5, **changes})
    return ClassificationHead(channels=[4, 3], windows=[2, 2], spec=spec).eval()


def features(size=2, frames=(2, 8)):
    generator = torch.Generator().manual_seed(3)
    return [torch.randn(2, channels, t, size, size, generator=generator) for channels, t in zip((4, 3), frames, strict=True)]


def test_average_pooling_equals_one_joint_window_over_space_and_time():
    module, x = head(), features(size=3)
    joint = [F.avg_pool3d(pathway, (pathway.shape[2], 2, 2), stride=1) for pathway in x]
    logits = module.projection(torch.cat(joint, 1).permute(0, 2, 3, 4, 1))
    torch.testing.assert_close(module.position_logits(x), logits)
    torch.testing.assert_close(module(x), logits.softmax(-1).mean((1, 2, 3)))


def test_space_is_pooled_before_time():
    module, x = head(spatial_pool="avg", temporal_pool="max"), features()
    pooled = torch.cat([pathway.mean((3, 4)).amax(2) for pathway in x], 1)
    torch.testing.assert_close(module(x), module.projection(pooled).softmax(-1))


def test_scores_of_a_larger_map_are_the_mean_over_its_windows():
    module, x = head(activation="sigmoid"), features(size=4)
    windows = [[pathway[..., i : i + 2, j : j + 2] for pathway in x] for i in range(3) for j in range(3)]
    torch.testing.assert_close(module(x), torch.stack([module(window) for window in windows]).mean(0))


def test_scores_of_several_temporal_positions_are_averaged():
    module, x = head(), features()
    for pool in module.temporal_pools:
        pool.positions = 2
    together = module(x)
    for pool in module.temporal_pools:
        pool.positions = 1
    halves = [module([pathway.chunk(2, 2)[half] for pathway in x]) for half in (0, 1)]
    torch.testing.assert_close(together, (halves[0] + halves[1]) / 2)


def test_training_averages_the_logits_of_several_positions():
    module, x = head().train(), features(size=3)
    torch.testing.assert_close(module(x), module.position_logits(x).mean((1, 2, 3)))


def test_dropout_acts_in_training_alone():
    module, x = head(dropout=0.5), features()
    assert torch.equal(module(x), module(x))
    module.train()
    assert not torch.equal(module(x), module(x))


def test_a_map_smaller_than_the_window_is_pooled_as_a_whole():
    x = torch.randn(1, 2, 3, 1, 4)
    torch.testing.assert_close(SpatialPool(mode="avg", window=7)(x), x.mean((3, 4), keepdim=True))


@pytest.mark.parametrize("mode", ["avg", "max"])
@pytest.mark.parametrize("positions", [1, 2, 4])
def test_temporal_pooling_cuts_time_into_equal_stretches(mode, positions):
    x = torch.randn(2, 3, 8, 2, 2)
    stretches = x.unflatten(2, (positions, -1))
    want = stretches.mean(3) if mode == "avg" else stretches.amax(3)
    torch.testing.assert_close(TemporalPool(mode=mode, pathway=0, positions=positions)(x), want)


@pytest.mark.parametrize(("crop", "last_stride", "window"), [(224, 2, 7), (112, 2, 4), (32, 2, 1), (224, 1, 14)])
def test_the_window_is_the_map_of_the_training_crop(tiny, crop, last_stride, window):
    model = tiny("slow", DATA__TRAIN_CROP_SIZE=crop, RESNET__SPATIAL_STRIDES=[[1], [2], [2], [last_stride]])
    assert model.head.spatial_pools[0].window == window


@pytest.mark.parametrize("crop", [32, 40, 63, 112])
def test_a_training_crop_of_any_size_leaves_one_position(tiny, clip, crop, variant):
    model = tiny(variant, DATA__TRAIN_CROP_SIZE=crop)
    seen = []
    model.head.projection.register_forward_hook(lambda _, __, logits: seen.append(tuple(logits.shape)))
    with torch.no_grad():
        model(clip(variant, size=crop, frames=4))
    assert seen == [(2, 1, 1, 1, 5)]
