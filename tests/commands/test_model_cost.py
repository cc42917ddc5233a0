"""Costs counted from shapes agree with what other counters, and real networks, say."""

from typing import Any

import pytest
import torch
from fvcore.nn import FlopCountAnalysis

from slowfast.commands.model_cost import model_cost
from slowfast.config import CfgNode
from slowfast.engine.tasks import build_train_step
from slowfast.models import build_model
from slowfast.structures import ClipBatch
from tests.models.tiny_networks import VARIANTS, tiny_config

COUNTED = ("conv", "linear", "matmul", "addmm", "bmm")
PGT = {
    "PGT__ENABLE": True,
    "PGT__STEPS": 3,
    "PGT__STEP_LEN": [4],
    "PGT__OVERLAP": [1],
    "DATA__TRAIN_JITTER_SCALES": [32, 40],
    "DATA__TEST_CROP_SIZE": 40,
}


def clip(cfg: CfgNode) -> ClipBatch:
    frames, side = cfg.DATA.NUM_FRAMES, cfg.DATA.TEST_CROP_SIZE
    return ClipBatch(
        frames=torch.zeros((1, 3, frames, side, side), dtype=torch.uint8),
        times=torch.zeros((1, frames)),
        labels=torch.zeros(1, dtype=torch.long),
        frame_labels=None,
        videos=torch.tensor([0]),
        views=torch.tensor([0]),
        names=("video",),
    )


@pytest.mark.parametrize("variant", sorted(VARIANTS))
def test_multiply_adds_are_those_that_fvcore_counts(variant: str) -> None:
    alpha = 4 if variant == "slowfast" else 1
    cfg = tiny_config(variant, DATA__NUM_FRAMES=2 * alpha, DATA__TEST_CROP_SIZE=40)
    inputs = [torch.zeros(1, 3, 2 * ratio, 40, 40) for ratio in ((1, alpha) if alpha > 1 else (1,))]
    analysis = FlopCountAnalysis(build_model(cfg).eval(), (inputs,))
    by_operator = analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False).by_operator()
    assert model_cost(cfg).multiply_adds == sum(by_operator[name] for name in COUNTED)


def test_multiply_adds_of_attention_are_counted() -> None:
    cfg = tiny_config("vit", DATA__NUM_FRAMES=8, DATA__TEST_CROP_SIZE=64)
    tokens, channels, classes, blocks = 4 * 4 * 4, 16, 5, 2
    patches = tokens * channels * 3 * 2 * 16 * 16
    block = 12 * tokens * channels**2 + 2 * tokens**2 * channels
    assert model_cost(cfg).multiply_adds == patches + blocks * block + channels * classes


def test_parameters_are_those_that_training_changes() -> None:
    cfg = tiny_config("slow", BN__NORM_TYPE="frozen_batchnorm")
    assert model_cost(cfg).parameters == sum(parameter.numel() for parameter in build_model(cfg).parameters())


@pytest.mark.parametrize("progressively", [True, False])
def test_memory_is_what_a_real_network_carries_from_step_to_step(progressively: bool) -> None:
    cfg = tiny_config("slow", PGT__PG_EVAL=progressively, **PGT)
    model: Any = build_model(cfg).eval()
    with torch.no_grad():
        build_train_step(cfg).forward_only(model, clip(cfg))
    assert model_cost(cfg).memory_bytes == model.memory_bytes > 0


def test_memory_does_not_grow_with_the_steps_but_the_work_does() -> None:
    three, six = (model_cost(tiny_config("slow", **PGT | {"PGT__STEPS": steps})) for steps in (3, 6))
    assert three.memory_bytes == six.memory_bytes
    assert six.multiply_adds > 1.5 * three.multiply_adds


def test_network_that_reads_a_clip_at_once_carries_nothing() -> None:
    assert model_cost(tiny_config("slow")).memory_bytes == 0


@pytest.mark.parametrize("progressive", [True, False])
def test_a_person_costs_its_classifier_alone(progressive: bool) -> None:
    whole = PGT | {"PGT__ENABLE": progressive, "DATA__NUM_FRAMES": 10, "DATA__TEST_CROP_SIZE": 32}
    persons = {"DETECTION__ENABLE": True, "DETECTION__SPATIAL_SCALE_FACTOR": 32, "MODEL__LOSS_FUNC": "bce"}
    cfg = tiny_config("slow", **whole, **persons, MODEL__HEAD_ACT="sigmoid")
    classifier = build_model(cfg).head.projection.weight.numel()
    clips_classified = 3 if progressive else 1  # one a step; the person is at the last one
    of_clip = model_cost(tiny_config("slow", **whole)).multiply_adds
    assert model_cost(cfg).multiply_adds == of_clip - (clips_classified - 1) * classifier


@pytest.mark.parametrize("instantiation", ["softmax", "dot_product"])
def test_attention_counts_what_its_products_cost(instantiation: str) -> None:
    options = {"DATA__NUM_FRAMES": 4, "DATA__TEST_CROP_SIZE": 64}
    block = {"NONLOCAL__LOCATION": [[[]], [[0]], [[]], [[]]], "NONLOCAL__INSTANTIATION": instantiation}
    queries, keys, channels = 4 * 8 * 8, 4 * 4 * 4, 64  # 8 x 8 places in res3; keys and values are pooled by 2 x 2
    inner = channels // 2
    convolutions = 2 * (queries + keys) * channels * inner
    products = 2 * queries * keys * inner if instantiation == "softmax" else (queries + keys) * inner * inner
    added = model_cost(tiny_config("slow", **options, **block)).multiply_adds
    assert added - model_cost(tiny_config("slow", **options)).multiply_adds == convolutions + products


@pytest.mark.parametrize(("cache", "remembers"), [("max", True), ("none", False)])
def test_whole_videos_cost_what_a_step_does(cache: str, remembers: bool) -> None:
    """A step at which a video begins costs a little less: it has no memory to read."""
    whole = PGT | {"PGT__STEPS": "all", "PGT__CACHE": cache, "PGT__TRAIN_TOGETHER": True, "DATA__NUM_FRAMES": 0}
    two, five = (model_cost(tiny_config("slow", **whole, PGT__UPDATE_EVERY=every)) for every in (2, 5))
    assert 0 < two.multiply_adds <= five.multiply_adds < 1.02 * two.multiply_adds
    assert two.memory_bytes == five.memory_bytes
    assert (two.memory_bytes > 0) == remembers
