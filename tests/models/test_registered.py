"""Properties that every network has."""

import pytest
import torch

from slowfast.registry import MODELS
from tests.models.tiny_networks import RESNETS, SAME_NETWORKS, TRANSFORMERS, VARIANTS


def test_the_variants_tested_here_cover_every_registered_model():
    tested = {options["MODEL.MODEL_NAME"] for options in (VARIANTS | TRANSFORMERS).values()}
    assert tested | set(SAME_NETWORKS) == set(MODELS)


def test_only_the_classifier_learns_where_features_are_detached(tiny, clip, any_variant):
    model = tiny(any_variant, MODEL__DETACH_FINAL_FC=True).train()
    model(clip(any_variant)).square().mean().backward()
    learning = {name for name, parameter in model.named_parameters() if parameter.grad is not None}
    assert learning in ({"head.projection.weight", "head.projection.bias"}, {"head.weight", "head.bias"})


def test_every_model_gives_every_parameter_a_gradient(tiny, clip, any_variant):
    model = tiny(any_variant).train()
    for parameter in model.parameters():
        if parameter.dim() > 1 and not parameter.any():  # what follows from zero has no gradient at the beginning
            torch.nn.init.normal_(parameter)
    model(clip(any_variant)).square().mean().backward()
    without = [name for name, parameter in model.named_parameters() if parameter.grad is None or not parameter.grad.any()]
    assert without == []


def test_training_gives_logits_and_evaluation_their_activation(tiny, clip, any_variant):
    model = tiny(any_variant, BN__NORM_TYPE="frozen_batchnorm", MODEL__HEAD_ACT="sigmoid")
    scores = model(clip(any_variant))
    torch.testing.assert_close(scores, model.train()(clip(any_variant)).sigmoid())


def test_softmax_scores_of_larger_pictures_sum_to_one(tiny, clip, any_variant):
    scores = tiny(any_variant)(clip(any_variant, size=70))
    assert scores.shape == (2, 5)
    torch.testing.assert_close(scores.sum(1), torch.ones(2))


def test_clips_of_a_batch_do_not_influence_each_other_in_evaluation(tiny, clip, any_variant):
    model, inputs = tiny(any_variant), clip(any_variant)
    torch.testing.assert_close(model([x[1:] for x in inputs]), model(inputs)[1:])


def test_channels_last_gives_the_same_scores_and_gradients(tiny, clip, variant):
    outcomes = []
    for layout in (torch.contiguous_format, torch.channels_last_3d):
        model = tiny(variant, BN__NORM_TYPE="frozen_batchnorm").train().to(memory_format=layout)
        logits = model([x.to(memory_format=layout) for x in clip(variant, size=40)])
        logits.square().sum().backward()
        outcomes.append((logits, model.s1.pathway0_stem.conv.weight.grad))
    torch.testing.assert_close(*outcomes, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("variant", RESNETS, indirect=True)
@pytest.mark.parametrize("transform", ["basic_transform", "bottleneck_transform"])
def test_depth_18_trains_with_both_kinds_of_block(tiny, clip, variant, transform):
    model = tiny(variant, RESNET__TRANS_FUNC=transform).train()
    logits = model(clip(variant))
    assert logits.shape == (2, 5)
    assert logits.isfinite().all()


@pytest.mark.parametrize("depth", [50, 101])
def test_deeper_networks_differ_in_the_number_of_blocks_alone(tiny, depth):
    model = tiny("slow", RESNET__DEPTH=depth, RESNET__NUM_BLOCK_TEMP_KERNEL=[[3], [4], [6], [3]])
    blocks = [len(list(stage.chain(0))) for stage in (model.s2, model.s3, model.s4, model.s5)]
    assert blocks == {50: [3, 4, 6, 3], 101: [3, 4, 23, 3]}[depth]
    kernels = [block.branch2.a.kernel_size[0] for block in model.s4.chain(0)]
    assert kernels == [3] * 6 + [1] * (blocks[2] - 6)


def test_the_wrong_number_of_pathways_is_refused(tiny, clip, any_variant):
    inputs = clip("slow" if any_variant == "slowfast" else "slowfast")
    with pytest.raises(ValueError, match=f"but was given {len(inputs)}"):
        tiny(any_variant)(inputs)


def test_pathways_that_do_not_keep_step_are_refused(tiny, clip):
    slow, fast = clip("slowfast", frames=16)
    with pytest.raises(ValueError, match="16 fast frames make 4 at the slow frame rate, but the slow pathway has 3"):
        tiny("slowfast")([slow[:, :, :3], fast])
